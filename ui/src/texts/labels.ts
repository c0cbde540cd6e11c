// Names of fields and jobs as they are shown.

import { t } from ".";

interface Job {
  type: keyof typeof t.types;
  params: Record<string, unknown>;
}

/** A title for a job: its prompt, else the file that it is about. */
export const getJobTitle = ({ params, type }: Job): string =>
  String(
    params.prompt ||
      params.set ||
      params.filename ||
      params.model_id ||
      params.url ||
      params.input_path ||
      t.types[type],
  );

/** The label of a field: its text in `t.fields`, else its name in the API as words. */
export function getLabel(name: string): string {
  const text = (t.fields as Record<string, string>)[name];
  if (text) return text;
  const words = name.replace(/_base64$/, "").replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
