// What fields are called in the form: a name of its own where the API's says too little, else the API's in words.

import { t } from "../texts";

export function labelOf(name: string): string {
  const own = (t.fields as Record<string, string>)[name];
  if (own) return own;
  const words = name.replace(/_base64$/, "").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
