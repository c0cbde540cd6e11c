import { expect, test } from "vitest";
import { changeWeight, type Selection } from "./promptWeight";

/** Parse a prompt in which bars enclose the selection. */
function parseSelection(text: string): Selection {
  const [before = "", chosen = "", after] = text.split("|");
  if (after === undefined) return { text: before + chosen, start: before.length, end: before.length };
  return { text: before + chosen + after, start: before.length, end: before.length + chosen.length };
}

const after = (text: string, up: boolean): string => changeWeight(parseSelection(text), up).text;

test("selected words get a weight, which is removed at 1", () => {
  expect(after("a |red cat| sits", true)).toBe("a (red cat:1.1) sits");
  expect(after("a |(red cat:1.1)| sits", false)).toBe("a red cat sits");
  expect(after("a |red cat| sits", false)).toBe("a (red cat:0.9) sits");
});

test("without a selection it is the word at the cursor", () => {
  expect(after("a red c|at, sits", true)).toBe("a red (cat:1.1), sits");
  expect(after("a red (c|at:1.1), sits", true)).toBe("a red (cat:1.2), sits");
});

test("what was weighed stays selected, so that the key can be pressed again", () => {
  const once = changeWeight(parseSelection("a |red| cat"), true);
  expect(changeWeight(once, true).text).toBe("a (red:1.2) cat");
});

test("between words nothing happens", () => {
  expect(after("a |  cat", true)).toBe("a   cat");
});
