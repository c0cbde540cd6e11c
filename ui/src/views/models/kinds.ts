// The groups of GET /models, and what the other endpoints call the same kinds.

import type { Schemas } from "../../api/client";
import type { ModelGroup } from "../../state/models";

export type ModelType = Schemas["ModelEntry"]["type"];

export const TYPE_OF: Record<ModelGroup, ModelType> = {
  checkpoints: "checkpoint",
  diffusion_models: "diffusion",
  loras: "lora",
  vae: "vae",
  clip: "clip",
  t5: "t5",
  llm: "llm",
  controlnets: "controlnet",
  embeddings: "embedding",
  esrgan: "esrgan",
  taesd: "taesd",
  photomaker: "photomaker",
};

/** Component of a load request -> the groups whose files it may be. */
export const COMPONENTS = {
  vae: ["vae"],
  clip_l: ["clip"],
  clip_g: ["clip"],
  t5xxl: ["t5"],
  llm: ["llm"],
  taesd: ["taesd"],
  controlnet: ["controlnets"],
  clip_vision: ["clip"],
  llm_vision: ["llm"],
  high_noise_diffusion_model: ["diffusion_models"],
  photo_maker: ["photomaker", "checkpoints"],
} as const satisfies Record<string, readonly ModelGroup[]>;
export type Component = keyof typeof COMPONENTS;

/** Kinds that are loaded as the main model. */
export const isMain = (type: string): boolean => type === "checkpoint" || type === "diffusion";
