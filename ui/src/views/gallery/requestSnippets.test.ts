import { expect, test } from "vitest";
import type { Job } from "../../api/client";
import { toCurl, toPython } from "./requestSnippets";

const job = { type: "txt2img", params: { prompt: "the cat's '''hat'''", steps: 4 } } as unknown as Job;

test("a quote in a prompt does not end the shell's string", () => {
  expect(toCurl(job)).toContain(String.raw`the cat'\''s`);
  expect(toCurl(job)).toContain("/txt2img");
});

test("three quotes in a prompt do not end Python's string", () => {
  expect(toPython(job).match(/'''/g)).toHaveLength(2);
});
