// Changes the weight of the selected words of a prompt, or of the word at the cursor: `(word:1.1)`, the syntax of the
// engine and of other user interfaces.

const STEP = 0.1;
const WEIGHTED = /^\((.*):(-?\d+(?:\.\d+)?)\)$/s;

export interface Selection {
  text: string;
  start: number;
  end: number;
}

/** Increase or decrease the weight; returns the new prompt and the selection in it. */
export function changeWeight({ text, start, end }: Selection, up: boolean): Selection {
  [start, end] = includeBrackets(text, ...expandToWord(text, start, end));
  const chosen = text.slice(start, end);
  if (!chosen.trim()) return { text, start, end };
  const [, words = chosen, weight = "1"] = WEIGHTED.exec(chosen) ?? [];
  const next = Math.round((Number(weight) + (up ? STEP : -STEP)) * 100) / 100;
  const written = next === 1 ? words : `(${words}:${next})`;
  return { text: text.slice(0, start) + written + text.slice(end), start, end: start + written.length };
}

/** Expand an empty selection to the word at the cursor. */
function expandToWord(text: string, start: number, end: number): [number, number] {
  if (start !== end) return [start, end];
  const before = /[^\s,():]*$/.exec(text.slice(0, start))![0].length;
  const after = /^[^\s,():]*/.exec(text.slice(end))![0].length;
  return [start - before, end + after];
}

/** Expand the selection to the brackets and the weight around it, if there are any. */
function includeBrackets(text: string, start: number, end: number): [number, number] {
  const after = /^:-?\d+(?:\.\d+)?\)/.exec(text.slice(end));
  return after && text[start - 1] === "(" ? [start - 1, end + after[0].length] : [start, end];
}
