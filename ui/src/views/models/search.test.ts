import { expect, test } from "vitest";
import type { Model } from "../../state/models";
import { matches } from "./search";

const model = {
  name: "styles/ink_v2.safetensors",
  title: "Ink and Water",
  architecture: "SDXL",
  trigger_words: ["inkwash"],
  tags: ["paper"],
  notes: "Best at weight 0.7.",
} as Model;

test("a model is found by parts of its name, title, architecture, trigger words, tags and notes, in any order", () => {
  for (const text of ["", "ink", "WATER ink", "sdxl inkwash", "v2.safe", "paper best"])
    expect(matches(model, text)).toBe(true);
});

test("every word counts", () => {
  expect(matches(model, "ink oil")).toBe(false);
});
