// What went wrong, in plain words; the engine's own words are for those who want them.

import { t } from ".";

const KNOWN: [RegExp, string][] = [
  [/out of memory|failed to allocate|bad_alloc|not enough memory|insufficient memory/i, t.errors.memory],
  [/engine (died|ended|was lost|crashed)|killed by signal|SIG[A-Z]+/i, t.errors.engine],
  [/no model (is )?loaded|model not loaded/i, t.errors.noModel],
];
const SHORT = 160;

export interface Told {
  text: string;
  /** The raw text, where it says more. */
  details?: string;
}

export function inPlainWords(error: string): Told {
  const known = KNOWN.find(([pattern]) => pattern.test(error));
  if (known) return { text: known[1], details: error };
  const [first = ""] = error.trim().split("\n");
  if (first === error.trim() && first.length <= SHORT) return { text: first };
  return { text: first.length <= SHORT ? first : `${first.slice(0, SHORT)} …`, details: error };
}
