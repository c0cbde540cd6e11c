// LoRA tags in a prompt: `<lora:name:weight>`, as the API reads them.

const TAG = /<lora:((?:\|high_noise\|)?[^:>]+)(?::([^>]*))?>/g;

export interface LoraTag {
  name: string;
  weight: number;
}

export const tagsIn = (prompt: string): LoraTag[] =>
  [...prompt.matchAll(TAG)].map(([, name, weight]) => ({ name: name!, weight: Number(weight ?? 1) }));

const tag = ({ name, weight }: LoraTag): string => `<lora:${name}:${weight}>`;

export function withTag(prompt: string, lora: LoraTag): string {
  let found = false;
  const changed = prompt.replace(TAG, (whole, name: string) => {
    if (name !== lora.name) return whole;
    found = true;
    return tag(lora);
  });
  return found ? changed : `${prompt.trimEnd()} ${tag(lora)}`.trimStart();
}

export const withoutTag = (prompt: string, name: string): string =>
  prompt
    .replace(TAG, (whole, found: string) => (found === name ? "" : whole))
    .replace(/ {2,}/g, " ")
    .trim();

/** What a LoRA of the catalog is called in a tag. */
export const tagName = (file: string): string => file.replace(/\.[^.]+$/, "");

/** The prompt with a trigger word at the end of its words, before the tags that follow them. */
export function withWord(prompt: string, word: string): string {
  const [, words = "", tags = ""] = /^(.*?)((?:\s*<lora:[^>]*>)*)\s*$/s.exec(prompt) ?? [];
  const longer = words.trim() ? `${words.trimEnd().replace(/,$/, "")}, ${word}` : word;
  return `${longer} ${tags.trim()}`.trimEnd();
}
