// The JSON that other programs put into their pictures, each with names of its own.

import { isGraph, parseGraph } from "./comfyGraph";
import type { Known } from "./samplerNames";
import { Collector, type Import } from "./settings";

type Json = Record<string, unknown>;

/** Field of a request -> its names, in the order in which they count. */
const NUMBERS: Record<string, readonly string[]> = {
  seed: ["seed"],
  steps: ["steps", "num_inference_steps"],
  cfg_scale: ["cfg_scale", "cfgscale", "guidance_scale", "scale"],
  distilled_guidance: ["fluxguidancescale", "guidance"],
  strength: ["strength", "initimagecreativity", "prompt_strength"],
  width: ["width"],
  height: ["height"],
};
const PROMPTS = ["positive_prompt", "prompt", "c"];
const NEGATIVES = ["negative_prompt", "negativeprompt", "uc"];
const SAMPLERS = ["sampler", "sampler_name"];
const SCHEDULERS = ["scheduler", "noise_schedule"];

/** Read JSON of InvokeAI, SwarmUI, Fooocus, Draw Things, NovelAI, Easy Diffusion or ComfyUI; undefined if it is none. */
export function parseOtherTool(json: unknown, known: Known): Import | undefined {
  if (isGraph(json)) return parseGraph(json, known);
  const found = unwrap(json);
  if (!found || !has(found, PROMPTS)) return undefined;
  const collector = new Collector(known);
  collector.addText("prompt", readPrompt(pick(found, PROMPTS)));
  collector.addText("negative_prompt", readPrompt(pick(found, NEGATIVES)));
  for (const [field, names] of Object.entries(NUMBERS)) collector.addNumber(field, pick(found, names));
  collector.addSize(pick(found, ["resolution", "size"]));
  const sampler = pick(found, SAMPLERS);
  const scheduler = pick(found, SCHEDULERS);
  // InvokeAI calls its sampler the scheduler.
  if (sampler === undefined) collector.addSampler(scheduler);
  else collector.addSampler(sampler, scheduler);
  return collector.found;
}

/** The object with the settings: SwarmUI and InvokeAI 2 put it into another one. */
function unwrap(json: unknown): Json | undefined {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return undefined;
  const outer = json as Json;
  return (outer.sui_image_params ?? outer.image ?? outer) as Json;
}

const has = (found: Json, names: readonly string[]): boolean => names.some((name) => name in found);
const pick = (found: Json, names: readonly string[]): unknown =>
  names.map((name) => found[name]).find((value) => value !== undefined && value !== null && value !== "");

/** InvokeAI 2 has a list of prompts with weights. */
function readPrompt(prompt: unknown): unknown {
  if (!Array.isArray(prompt)) return prompt;
  return prompt.map((part) => (part as Json | null)?.prompt ?? part).join(" ");
}
