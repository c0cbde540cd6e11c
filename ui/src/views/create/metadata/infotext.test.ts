import { expect, test } from "vitest";
import { known } from "./fixtures";
import { isInfotext, parseInfotext } from "./infotext";

const read = (text: string): Record<string, unknown> => parseInfotext(text, known).settings;

test("the text of a picture becomes fields of a request", () => {
  const text = `a cat,
on a mat
Negative prompt: dog,
horse
Steps: 20, Sampler: Euler a, Schedule type: karras, CFG scale: 6.5, Seed: 7, Size: 512x768, Model: "a, b, Seed: 9"`;
  expect(read(text)).toEqual({
    prompt: "a cat,\non a mat",
    negative_prompt: "dog,\nhorse",
    steps: 20,
    sampler: "euler_a",
    scheduler: "karras",
    cfg_scale: 6.5,
    seed: 7,
    width: 512,
    height: 768,
  });
});

test("the settings are the last line that begins so, whatever follows", () => {
  const text =
    "a cat\r\nSteps: made of stone\nNegative prompt: bad\nSteps: 20, Sampler: Euler a, Seed: 5\nTemplate: a {cat|dog}\nNegative Template: worse";
  expect(read(text)).toEqual({
    prompt: "a cat\nSteps: made of stone",
    negative_prompt: "bad",
    steps: 20,
    sampler: "euler_a",
    seed: 5,
  });
});

test("a seed of any length stays exact", () => {
  expect(read("a\nSteps: 1, Seed: 9007199254740993, Size: 64x64").seed).toBe("9007199254740993");
  expect(read("a\nSteps: 1, Seed: 6687881544318117707").seed).toBe("6687881544318117707");
});

test("a sampler with its scheduler in one name is taken apart", () => {
  const text = "a cat\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1, Size: 512x512";
  expect(read(text)).toMatchObject({ sampler: "dpm++2m", scheduler: "karras" });
});

test("what is not known is told", () => {
  const found = parseInfotext("x\nSteps: 4, Sampler: Restart, Schedule type: Turbo", known);
  expect(found).toEqual({
    settings: { prompt: "x", steps: 4 },
    unknown: ["sampler Restart", "scheduler Turbo"],
  });
});

test("beside a hires pass the denoising strength is its own", () => {
  const line = "Steps: 20, Seed: 1, Size: 64x64, Denoising strength: 0.4, Hires upscale: 2, Hires steps: 5";
  expect(read(`x\n${line}, Hires upscaler: Latent (nearest-exact)`)).toMatchObject({
    hires: true,
    hires_strength: 0.4,
    hires_scale: 2,
    hires_steps: 5,
    hires_upscaler: "latent (nearest-exact)",
  });
  expect(read(`x\n${line}`).strength).toBeUndefined();
  expect(read("x\nSteps: 1, Hires resize: 128x96")).toMatchObject({ hires_width: 128, hires_height: 96 });
  expect(parseInfotext(`x\n${line}, Hires upscaler: R-ESRGAN 4x+`, known).unknown).toEqual([
    "upscaler R-ESRGAN 4x+",
  ]);
  expect(read("x\nSteps: 20, Denoising strength: 0.4").strength).toBe(0.4);
});

test("hashes and resources with commas and names of settings don't count", () => {
  const line =
    'Steps: 20, Hashes: {"Seed: 3": "a", "vae": "b"}, Civitai resources: [{"Seed": 4, "weight": 1}], Seed: 7';
  expect(read(`x\n${line}`)).toEqual({ prompt: "x", steps: 20, seed: 7 });
});

test("a text without a line of settings is a prompt", () => {
  expect(read("only words")).toEqual({ prompt: "only words" });
  expect(isInfotext("only words")).toBe(false);
  expect(isInfotext("words\nSteps: 1")).toBe(true);
});
