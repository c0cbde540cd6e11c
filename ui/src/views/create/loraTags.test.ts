import { expect, test } from "vitest";
import { addTriggerWord, parseLoraTags, removeLoraTag, setLoraTag } from "./loraTags";

test("tags are found with their weights", () => {
  expect(parseLoraTags("a cat <lora:ink:0.5> on <lora:sub/style> paper")).toEqual([
    { name: "ink", weight: 0.5 },
    { name: "sub/style", weight: 1 },
  ]);
});

test("a new tag comes after the prompt", () => {
  expect(setLoraTag("a cat", { name: "ink", weight: 0.8 })).toBe("a cat <lora:ink:0.8>");
  expect(setLoraTag("", { name: "ink", weight: 1 })).toBe("<lora:ink:1>");
});

test("a tag that is there gets the new weight in its place", () => {
  expect(setLoraTag("a <lora:ink:0.5> cat", { name: "ink", weight: 1 })).toBe("a <lora:ink:1> cat");
});

test("a tag is taken out without a gap", () => {
  expect(removeLoraTag("a <lora:ink:0.5> cat", "ink")).toBe("a cat");
});

test("a trigger word comes after the words of the prompt", () => {
  expect(addTriggerWord("a cat <lora:ink:1> <lora:b:0.5>", "inkwash")).toBe(
    "a cat, inkwash <lora:ink:1> <lora:b:0.5>",
  );
  expect(addTriggerWord("a cat,", "inkwash")).toBe("a cat, inkwash");
  expect(addTriggerWord("<lora:ink:1>", "inkwash")).toBe("inkwash <lora:ink:1>");
});
