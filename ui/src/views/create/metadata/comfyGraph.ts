// The graph that ComfyUI puts into its pictures: nodes by number, whose inputs are values or [node, output].

import type { Known } from "./samplerNames";
import { Collector, type Import } from "./settings";

interface Node {
  class_type: string;
  inputs: Record<string, unknown>;
}
type Graph = Record<string, Node>;

const DEEPEST = 30; // nodes between a sampler and a text; graphs can have circles
const LATENT_SIZE = /^Empty.*Latent/;
const TEXTS = ["text", "text_g", "clip_l", "t5xxl", "prompt", "string", "value"];

export const isGraph = (json: unknown): json is Graph =>
  typeof json === "object" &&
  json !== null &&
  Object.values(json).length > 0 &&
  Object.values(json).every((node) => typeof (node as Node | null)?.class_type === "string");

/** The settings of the first sampler of a graph, and what leads to it. */
export function parseGraph(graph: Graph, known: Known): Import {
  const collector = new Collector(known);
  const nodes = Object.values(graph);
  const sampler = nodes.find((node) => node.inputs && "positive" in node.inputs && "steps" in node.inputs);
  const values = mergeValues(graph, sampler ? [sampler] : nodes);
  collector.addNumber("seed", values.seed ?? values.noise_seed);
  collector.addNumber("steps", values.steps);
  collector.addNumber("cfg_scale", values.cfg);
  collector.addSampler(values.sampler_name, values.scheduler);
  if (values.denoise !== 1) collector.addNumber("strength", values.denoise);
  collector.addNumber(
    "distilled_guidance",
    nodes.find((node) => node.class_type === "FluxGuidance")?.inputs.guidance,
  );
  const guider =
    sampler ??
    nodes.find((node) => node.inputs && ("positive" in node.inputs || "conditioning" in node.inputs));
  collector.addText("prompt", findText(graph, guider?.inputs.positive ?? guider?.inputs.conditioning));
  collector.addText("negative_prompt", findText(graph, guider?.inputs.negative));
  const size = nodes.find((node) => LATENT_SIZE.test(node.class_type))?.inputs;
  collector.addNumber("width", resolve(graph, size?.width));
  collector.addNumber("height", resolve(graph, size?.height));
  return collector.found;
}

/** The values of several nodes; the first that has one counts. */
function mergeValues(graph: Graph, nodes: Node[]): Record<string, unknown> {
  const merged: Record<string, unknown> = {};
  for (const { inputs } of nodes)
    for (const [name, input] of Object.entries(inputs ?? {})) merged[name] ??= resolve(graph, input);
  return merged;
}

const isLink = (input: unknown): input is [string, number] =>
  Array.isArray(input) && input.length === 2 && typeof input[1] === "number";

/** An input that is a value, or the only value of the node that it comes from. */
function resolve(graph: Graph, input: unknown): unknown {
  if (!isLink(input)) return input;
  const values = Object.values(graph[input[0]]?.inputs ?? {}).filter((value) =>
    ["number", "string"].includes(typeof value),
  );
  return values.length === 1 ? values[0] : undefined;
}

/** The text that an input comes from, however many nodes lie between. */
function findText(graph: Graph, input: unknown, depth = 0): string | undefined {
  if (typeof input === "string") return input;
  if (!isLink(input) || depth > DEEPEST) return undefined;
  const inputs = graph[input[0]]?.inputs ?? {};
  const names = [
    ...TEXTS,
    ...Object.keys(inputs).filter((name) => /^(positive|negative|conditioning)/.test(name)),
  ];
  for (const name of names) {
    const text = findText(graph, inputs[name], depth + 1);
    if (text) return text;
  }
  return undefined;
}
