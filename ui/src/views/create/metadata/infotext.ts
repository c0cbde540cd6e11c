// The text that the A1111 web UI introduced and that its forks, CivitAI and this server write too: prompt, negative
// prompt, one line of settings.

import { getFields } from "../../../api/fields";
import type { Known } from "./samplerNames";
import { Collector, type Import } from "./settings";

/** Names in the line of settings -> fields of a request. */
const NUMBERS: Record<string, string> = {
  Steps: "steps",
  "CFG scale": "cfg_scale",
  "Distilled CFG Scale": "distilled_guidance",
  Seed: "seed",
  "Denoising strength": "strength",
  "Clip skip": "clip_skip",
  Eta: "eta",
};
const HIRES_NUMBERS: Record<string, string> = {
  "Denoising strength": "hires_strength",
  "Hires upscale": "hires_scale",
  "Hires steps": "hires_steps",
};
// A value with commas is in quotation marks, or an object or a list in brackets.
const PAIR = /\s*([^:,]+): ("(?:\\.|[^"\\])*"|\{[^}]*\}|\[[^\]]*\]|[^,]*)(?:,|$)/g;
const SETTINGS = /^Steps: /;
const NEGATIVE = /^Negative prompt: ?/;

/** Whether a text may be one of these: any text is a prompt, but only this line tells settings. */
export const isInfotext = (text: string): boolean => text.split(/\r?\n/).some((line) => SETTINGS.test(line));

/** Read such a text. What stands behind the line of settings is left out: other programs add templates there. */
export function parseInfotext(text: string, known: Known): Import {
  const lines = text.trim().split(/\r?\n/);
  const end = lines.findLastIndex((line) => SETTINGS.test(line));
  const prompts = end < 0 ? lines : lines.slice(0, end);
  const negative = prompts.findIndex((line) => NEGATIVE.test(line));
  const collector = new Collector(known);
  collector.found.settings.prompt = prompts
    .slice(0, negative < 0 ? undefined : negative)
    .join("\n")
    .trim();
  if (negative >= 0)
    collector.addText("negative_prompt", prompts.slice(negative).join("\n").replace(NEGATIVE, ""));
  addSettings(collector, lines[end] ?? "");
  return collector.found;
}

function addSettings(collector: Collector, line: string): void {
  const pairs: Record<string, string> = {};
  for (const [, name = "", value = ""] of line.matchAll(PAIR)) pairs[name] ??= unquote(value);
  const isHires = Object.keys(pairs).some((name) => name.startsWith("Hires "));
  const numbers = isHires ? { ...NUMBERS, ...HIRES_NUMBERS } : NUMBERS;
  for (const [name, field] of Object.entries(numbers))
    if (pairs[name]) collector.addNumber(field, pairs[name]);
  collector.addSampler(pairs.Sampler, pairs["Schedule type"]);
  if (pairs.Size) collector.addSize(pairs.Size);
  if (isHires) addHires(collector, pairs);
}

function addHires(collector: Collector, pairs: Record<string, string>): void {
  collector.found.settings.hires = true;
  if (pairs["Hires resize"]) collector.addSize(pairs["Hires resize"], "hires_width", "hires_height");
  const choices = getFields("txt2img").hires_upscaler?.enum ?? [];
  if (pairs["Hires upscaler"])
    collector.addChoice("hires_upscaler", pairs["Hires upscaler"], choices, "upscaler");
}

function unquote(value: string): string {
  try {
    return value.startsWith('"') ? String(JSON.parse(value)) : value.trim();
  } catch {
    return value;
  }
}
