// The table of model types and components; written by scripts/ui-types.

/** `plural`: its list in GET /models; `pathKey`: its folder in GET /models/paths. */
export const MODEL_TYPES = [
  { type: "checkpoint", plural: "checkpoints", pathKey: "checkpoints", loadedAs: "model" },
  { type: "diffusion", plural: "diffusion_models", pathKey: "diffusion_models", loadedAs: "model" },
  { type: "lora", plural: "loras", pathKey: "lora", loadedAs: null },
  { type: "vae", plural: "vae", pathKey: "vae", loadedAs: null },
  { type: "clip", plural: "clip", pathKey: "clip", loadedAs: null },
  { type: "t5", plural: "t5", pathKey: "t5", loadedAs: null },
  { type: "llm", plural: "llm", pathKey: "llm", loadedAs: null },
  { type: "controlnet", plural: "controlnets", pathKey: "controlnet", loadedAs: null },
  { type: "embedding", plural: "embeddings", pathKey: "embeddings", loadedAs: null },
  { type: "esrgan", plural: "esrgan", pathKey: "esrgan", loadedAs: "upscaler" },
  { type: "taesd", plural: "taesd", pathKey: "taesd", loadedAs: null },
  { type: "photomaker", plural: "photomaker", pathKey: "photomaker", loadedAs: null },
  { type: "adapter", plural: "adapters", pathKey: "adapters", loadedAs: null },
  { type: "detector", plural: "detectors", pathKey: "detectors", loadedAs: null },
] as const;

/** `types`: those whose files it may be, in the order in which they are searched. */
export const COMPONENTS = [
  { field: "vae", types: ["vae"] },
  { field: "clip_l", types: ["clip"] },
  { field: "clip_g", types: ["clip"] },
  { field: "t5xxl", types: ["t5"] },
  { field: "llm", types: ["llm"] },
  { field: "taesd", types: ["taesd"] },
  { field: "controlnet", types: ["controlnet"] },
  { field: "clip_vision", types: ["clip"] },
  { field: "llm_vision", types: ["llm"] },
  { field: "high_noise_diffusion_model", types: ["diffusion"] },
  { field: "photo_maker", types: ["photomaker", "checkpoint"] },
  { field: "ip_adapter", types: ["adapter"] },
  { field: "pulid_weights", types: ["adapter"] },
  { field: "motion_module", types: ["adapter"] },
  { field: "uncond_diffusion_model", types: ["diffusion"] },
  { field: "audio_vae", types: ["vae"] },
  { field: "audio_encoder", types: ["clip"] },
  { field: "embeddings_connectors", types: ["clip", "llm"] },
] as const;
