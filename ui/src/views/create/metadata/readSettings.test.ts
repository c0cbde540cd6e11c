import { expect, test } from "vitest";
import { bytes, exif, jpeg, known, pngWith, utf16, webp } from "./fixtures";
import { readSettings } from "./readSettings";

const INFOTEXT = "a cat\nNegative prompt: bad\nSteps: 20, Sampler: Euler a, Seed: 9007199254740993";
const CAT = {
  prompt: "a cat",
  negative_prompt: "bad",
  steps: 20,
  sampler: "euler_a",
  seed: "9007199254740993",
};

test("the same settings are read from PNG, JPEG and WebP", async () => {
  const block = exif([...bytes("UNICODE\0"), ...utf16(INFOTEXT)]);
  for (const file of [pngWith({ parameters: INFOTEXT }), jpeg(block), webp(block)])
    expect((await readSettings(file, known))?.settings).toEqual(CAT);
});

const sampled = { ...CAT, cfg_scale: 6.5, width: 512, height: 768, scheduler: "karras" };
const values = '"steps": 20, "width": 512, "height": 768, "seed": 9007199254740993';
const TOOLS: Record<string, Record<string, string>> = {
  InvokeAI: {
    invokeai_metadata: `{"generation_mode": "txt2img", "positive_prompt": "a cat", "negative_prompt": "bad", ${values}, "cfg_scale": 6.5, "scheduler": "euler_a_k", "model": {"name": "m"}}`,
  },
  "InvokeAI 2": {
    "sd-metadata": `{"model": "m", "image": {"prompt": [{"prompt": "a cat", "weight": 1}], "negative_prompt": "bad", ${values}, "cfg_scale": 6.5, "sampler": "k_euler_a", "scheduler": "karras"}}`,
  },
  SwarmUI: {
    parameters: `{"sui_image_params": {"prompt": "a cat", "negativeprompt": "bad", "model": "m", ${values}, "cfgscale": 6.5, "sampler": "euler_ancestral", "scheduler": "karras"}, "sui_extra_data": {"date": "x"}}`,
  },
  Fooocus: {
    parameters:
      '{"prompt": "a cat", "negative_prompt": "bad", "steps": 20, "resolution": "(512, 768)", "seed": "9007199254740993", "guidance_scale": 6.5, "sampler": "euler_ancestral", "scheduler": "karras", "loras": []}',
    fooocus_scheme: "fooocus",
  },
  NovelAI: {
    Title: "NovelAI generated image",
    Description: "a cat",
    Comment: `{"prompt": "a cat", "uc": "bad", ${values}, "scale": 6.5, "sampler": "k_euler_ancestral", "noise_schedule": "karras"}`,
  },
  "Draw Things": {
    "XML:com.adobe.xmp": `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/"><exif:UserComment><rdf:Alt><rdf:li xml:lang="x-default">{"c":"a cat","uc":"bad","steps":20,"size":"512x768","seed":9007199254740993,"scale":6.5,"sampler":"Euler A Karras"}</rdf:li></rdf:Alt></exif:UserComment></rdf:Description></rdf:RDF></x:xmpmeta>`,
  },
  "Easy Diffusion": {
    prompt: "a cat",
    negative_prompt: "bad",
    seed: "9007199254740993",
    sampler_name: "euler_a",
    scheduler_name: "x",
    num_inference_steps: "20",
    guidance_scale: "6.5",
    width: "512",
    height: "768",
    scheduler: "karras",
  },
  ComfyUI: {
    prompt: `{
      "3": {"class_type": "KSampler", "inputs": {"seed": ["8", 0], "steps": 20, "cfg": 6.5, "sampler_name": "euler_ancestral", "scheduler": "karras", "denoise": 1, "positive": ["9", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
      "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 1}},
      "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat", "clip": ["4", 1]}},
      "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "bad", "clip": ["4", 1]}},
      "8": {"class_type": "PrimitiveInt", "inputs": {"value": 9007199254740993}, "is_changed": [NaN]},
      "9": {"class_type": "ControlNetApply", "inputs": {"conditioning": ["6", 0], "strength": 0.5}}}`,
    workflow: '{"nodes": []}',
  },
};

test.each(Object.keys(TOOLS))("the settings of %s are read", async (tool) => {
  const found = await readSettings(pngWith(TOOLS[tool]!), known);
  expect(found).toEqual({ settings: sampled, unknown: [] });
});

test("ComfyUI's graph is found in a WebP, and with its parts in nodes of their own", async () => {
  const graph = `{
    "1": {"class_type": "RandomNoise", "inputs": {"noise_seed": 6687881544318117707}},
    "2": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "uni_pc"}},
    "3": {"class_type": "BasicScheduler", "inputs": {"scheduler": "simple", "steps": 8, "denoise": 1.0}},
    "4": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox"}},
    "5": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["4", 0]}},
    "6": {"class_type": "BasicGuider", "inputs": {"conditioning": ["5", 0]}}}`;
  expect(await readSettings(webp(exif(bytes(`prompt:${graph}\0`), true, 0x010f)), known)).toEqual({
    settings: {
      prompt: "a fox",
      seed: "6687881544318117707",
      steps: 8,
      scheduler: "simple",
      distilled_guidance: 3.5,
    },
    unknown: ["sampler uni_pc"],
  });
});

test("a graph whose nodes lead in a circle ends", async () => {
  const prompt = '{"1": {"class_type": "KSampler", "inputs": {"steps": 1, "positive": ["1", 0]}}}';
  expect((await readSettings(pngWith({ prompt }), known))?.settings).toEqual({ steps: 1 });
});

test.each<Record<string, string>>([
  { Comment: "Created with GIMP" },
  { Comment: '{"a": 1}' },
  { Comment: "{no JSON" },
  { prompt: "[]" },
  { prompt: "{}" },
  { ImageDescription: "Steps to the beach" },
  { "XML:com.adobe.xmp": "<x" },
  { parameters: "{}" },
])("%o tells no settings", async (texts) => {
  expect(await readSettings(pngWith(texts), known)).toBeUndefined();
});
