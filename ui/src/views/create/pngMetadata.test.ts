import { expect, test } from "vitest";
import { parseSettings, readParametersText } from "./pngMetadata";

const bytes = (text: string): number[] => [...new TextEncoder().encode(text)];

function png(...chunks: [string, number[]][]): Uint8Array {
  const file = [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10];
  for (const [kind, data] of chunks)
    file.push(0, 0, data.length >> 8, data.length & 255, ...bytes(kind), ...data, 0, 0, 0, 0);
  return new Uint8Array(file);
}

test("both kinds of text of a PNG are read", () => {
  const plain = png(["IHDR", [0]], ["tEXt", bytes("parameters\0a cat")], ["IDAT", []]);
  expect(readParametersText(plain)).toBe("a cat");
  expect(readParametersText(png(["iTXt", bytes("parameters\0\0\0\0\0eine Kätzin")]))).toBe("eine Kätzin");
});

test("other files and other texts have none", () => {
  expect(readParametersText(new Uint8Array(bytes("GIF89a")))).toBeUndefined();
  expect(readParametersText(png(["tEXt", bytes("Software\0x")], ["IDAT", []]))).toBeUndefined();
});

test("the text of a picture becomes fields of a request", () => {
  const text = `a cat,
on a mat
Negative prompt: dog
Steps: 20, Sampler: Euler a, Schedule type: karras, CFG scale: 6.5, Seed: 7, Size: 512x768, Model: "a, b"`;
  expect(parseSettings(text, ["euler_a", "karras"])).toEqual({
    prompt: "a cat,\non a mat",
    negative_prompt: "dog",
    steps: 20,
    sampler: "euler_a",
    scheduler: "karras",
    cfg_scale: 6.5,
    seed: 7,
    width: 512,
    height: 768,
  });
});

test("a sampler that the engine does not know is left out", () => {
  expect(parseSettings("x\nSteps: 4, Sampler: Restart", ["euler"])).toEqual({ prompt: "x", steps: 4 });
  expect(parseSettings("only words", [])).toEqual({ prompt: "only words" });
});
