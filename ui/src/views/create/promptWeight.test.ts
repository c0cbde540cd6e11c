import { expect, test } from "vitest";
import { weigh, type Selected } from "./promptWeight";

/** A prompt whose selection is written between bars. */
function marked(text: string): Selected {
  const [before = "", chosen = "", after] = text.split("|");
  if (after === undefined) return { text: before + chosen, start: before.length, end: before.length };
  return { text: before + chosen + after, start: before.length, end: before.length + chosen.length };
}

const after = (text: string, up: boolean): string => weigh(marked(text), up).text;

test("what is selected gets a weight, and loses it at 1", () => {
  expect(after("a |red cat| sits", true)).toBe("a (red cat:1.1) sits");
  expect(after("a |(red cat:1.1)| sits", false)).toBe("a red cat sits");
  expect(after("a |red cat| sits", false)).toBe("a (red cat:0.9) sits");
});

test("without a selection it is the word at the cursor", () => {
  expect(after("a red c|at, sits", true)).toBe("a red (cat:1.1), sits");
  expect(after("a red (c|at:1.1), sits", true)).toBe("a red (cat:1.2), sits");
});

test("what was weighed stays selected, so that the key can be pressed again", () => {
  const once = weigh(marked("a |red| cat"), true);
  expect(weigh(once, true).text).toBe("a (red:1.2) cat");
});

test("between words nothing happens", () => {
  expect(after("a |  cat", true)).toBe("a   cat");
});
