import { expect, test } from "vitest";
import { t } from ".";
import { explainError } from "./errors";

test("a lack of memory is explained with advice, and the engine's message is kept", () => {
  const raw = "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 9000 MiB: out of memory";
  expect(explainError(raw)).toEqual({ text: t.errors.memory, details: raw });
});

test("a full disk is explained, whoever found it full", () => {
  for (const raw of ["The disk is too full: 9 bytes are to be fetched", "The disk is full: a.gguf"])
    expect(explainError(raw)).toEqual({ text: t.errors.disk, details: raw });
});

test("a short sentence stays as it is, without details", () => {
  expect(explainError("This file is no model")).toEqual({ text: "This file is no model" });
});

test("of a long message the first line is shown", () => {
  expect(explainError("It broke\nat a\nat b")).toEqual({ text: "It broke", details: "It broke\nat a\nat b" });
});
