// The models on disk with all that is known of them, fetched when a view needs them and again when they may have
// changed.

import { ref } from "vue";
import { api, ask, type Schemas } from "../api/client";
import { on } from "../api/events";
import { attempt } from "./toasts";

export type Model = Schemas["DetailedEntry"];
export const TYPES = [
  "checkpoints",
  "diffusion_models",
  "loras",
  "vae",
  "clip",
  "t5",
  "llm",
  "controlnets",
  "embeddings",
  "esrgan",
  "taesd",
  "photomaker",
] as const;
export type ModelGroup = (typeof TYPES)[number];

export const catalog = ref<Schemas["DetailedModelList"] | null>(null);
let wanted = false;

/** Fetch the list; with `rescan` the server looks at its disks first. */
export async function fetchModels(rescan = false): Promise<void> {
  wanted = true;
  await attempt(async () => {
    if (rescan) await ask(api.POST("/models/refresh"));
    const query = { details: true };
    catalog.value = (await ask(api.GET("/models", { params: { query } }))) as Schemas["DetailedModelList"];
  });
}

/** The list, fetched once for all views. */
export function useModels(): typeof catalog {
  if (!wanted) void fetchModels();
  return catalog;
}

const again = (): void => void (wanted && fetchModels());
on("connected", again);
on("model_loaded", again);
on("model_unloaded", again);
on("job_status_changed", ({ status, outputs }) => {
  // Downloads, conversions and hashes change the list and have no pictures.
  if (status === "completed" && outputs.length === 0) again();
});
