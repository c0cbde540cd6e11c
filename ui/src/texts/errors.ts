// Error messages that users can act on. Messages of the engine are written for developers, so known ones are replaced,
// and the original stays available as details.

import { t } from ".";

const KNOWN: [RegExp, string][] = [
  [/out of memory|failed to allocate|bad_alloc|not enough memory|insufficient memory/i, t.errors.memory],
  [/engine (died|ended|was lost|crashed)|killed by signal|SIG[A-Z]+/i, t.errors.engine],
  [/disk is (too )?full|no space left/i, t.errors.disk],
  [/no model (is )?loaded|model not loaded/i, t.errors.noModel],
];
const MAX_LENGTH = 160;

export interface Explanation {
  text: string;
  /** The original message, where it contains more than the text. */
  details?: string;
}

export function explainError(error: string): Explanation {
  const known = KNOWN.find(([pattern]) => pattern.test(error));
  if (known) return { text: known[1], details: error };
  const [first = ""] = error.trim().split("\n");
  if (first === error.trim() && first.length <= MAX_LENGTH) return { text: first };
  return { text: first.length <= MAX_LENGTH ? first : `${first.slice(0, MAX_LENGTH)} …`, details: error };
}
