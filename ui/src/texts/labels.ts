// What fields are called in the form: a name of its own where the API's says too little, else the API's in words.

import type { Job } from "../api/client";
import { t } from ".";

/** What a job is called: its prompt, or what it is about. */
export const titleOf = ({ params, type }: Job): string =>
  String(params.prompt || params.filename || params.input_path || t.types[type]);

export function labelOf(name: string): string {
  const own = (t.fields as Record<string, string>)[name];
  if (own) return own;
  const words = name.replace(/_base64$/, "").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
