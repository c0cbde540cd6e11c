// LoRA tags in a prompt, in the syntax of the API: `<lora:name:weight>`.

const TAG = /<lora:((?:\|high_noise\|)?[^:>]+)(?::([^>]*))?>/g;

export interface LoraTag {
  name: string;
  weight: number;
}

export const parseLoraTags = (prompt: string): LoraTag[] =>
  [...prompt.matchAll(TAG)].map(([, name, weight]) => ({ name: name!, weight: Number(weight ?? 1) }));

const formatTag = ({ name, weight }: LoraTag): string => `<lora:${name}:${weight}>`;

/** Add a tag to the prompt, or change its weight. */
export function setLoraTag(prompt: string, lora: LoraTag): string {
  let found = false;
  const changed = prompt.replace(TAG, (whole, name: string) => {
    if (name !== lora.name) return whole;
    found = true;
    return formatTag(lora);
  });
  return found ? changed : `${prompt.trimEnd()} ${formatTag(lora)}`.trimStart();
}

export const removeLoraTag = (prompt: string, name: string): string =>
  prompt
    .replace(TAG, (whole, found: string) => (found === name ? "" : whole))
    .replace(/ {2,}/g, " ")
    .trim();

/** The name in the tag of a LoRA file. */
export const toTagName = (file: string): string => file.replace(/\.[^.]+$/, "");

/** Add a trigger word at the end of the prompt, but before its tags. */
export function addTriggerWord(prompt: string, word: string): string {
  const [, words = "", tags = ""] = /^(.*?)((?:\s*<lora:[^>]*>)*)\s*$/s.exec(prompt) ?? [];
  const longer = words.trim() ? `${words.trimEnd().replace(/,$/, "")}, ${word}` : word;
  return `${longer} ${tags.trim()}`.trimEnd();
}
