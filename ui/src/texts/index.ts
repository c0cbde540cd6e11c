// The language of the page. To add a language, add a file next to en.ts that satisfies `Texts`, and an entry here.

import { en } from "./en";

type Loose<T> = {
  readonly [K in keyof T]: T[K] extends string
    ? string
    : T[K] extends (...values: infer V) => string
      ? (...values: V) => string
      : Loose<T[K]>;
};
export type Texts = Loose<typeof en>;

const languages: Record<string, Texts> = { en };

const preferred = navigator.languages.map((tag) => tag.split("-")[0] ?? "").find((tag) => tag in languages);
export const t: Texts = languages[preferred ?? "en"] ?? en;
