import { expect, test } from "vitest";
import { t } from ".";
import { inPlainWords } from "./errors";

test("a lack of memory is said with what helps, and the engine's words are kept", () => {
  const raw = "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 9000 MiB: out of memory";
  expect(inPlainWords(raw)).toEqual({ text: t.errors.memory, details: raw });
});

test("a short sentence stays as it is, without details", () => {
  expect(inPlainWords("This file is no model")).toEqual({ text: "This file is no model" });
});

test("of a long story the first line is told", () => {
  expect(inPlainWords("It broke\nat a\nat b")).toEqual({ text: "It broke", details: "It broke\nat a\nat b" });
});
