// Ctrl+Up and Ctrl+Down in a prompt change the weight of what is selected, or of the word at the cursor:
// `(word:1.1)`, as the engine and other web pages read it.

const STEP = 0.1;
const WEIGHTED = /^\((.*):(-?\d+(?:\.\d+)?)\)$/s;

export interface Selected {
  text: string;
  start: number;
  end: number;
}

/** The prompt with another weight, and what is selected in it then. */
export function weigh({ text, start, end }: Selected, up: boolean): Selected {
  [start, end] = around(text, ...wordAt(text, start, end));
  const chosen = text.slice(start, end);
  if (!chosen.trim()) return { text, start, end };
  const [, words = chosen, weight = "1"] = WEIGHTED.exec(chosen) ?? [];
  const next = Math.round((Number(weight) + (up ? STEP : -STEP)) * 100) / 100;
  const written = next === 1 ? words : `(${words}:${next})`;
  return { text: text.slice(0, start) + written + text.slice(end), start, end: start + written.length };
}

/** Without a selection: the word at the cursor. */
function wordAt(text: string, start: number, end: number): [number, number] {
  if (start !== end) return [start, end];
  const before = /[^\s,():]*$/.exec(text.slice(0, start))![0].length;
  const after = /^[^\s,():]*/.exec(text.slice(end))![0].length;
  return [start - before, end + after];
}

/** With the brackets and the weight around it, where there are any. */
function around(text: string, start: number, end: number): [number, number] {
  const after = /^:-?\d+(?:\.\d+)?\)/.exec(text.slice(end));
  return after && text[start - 1] === "(" ? [start - 1, end + after[0].length] : [start, end];
}
