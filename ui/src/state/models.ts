// The models on disk with their details. They are fetched when a view needs them first, and again after events that
// may have changed them.

import { ref } from "vue";
import { api, unwrap, type Schemas } from "../api/client";
import { on } from "../api/events";
import { MODEL_TYPES } from "../api/modelTypes";
import { attempt } from "./toasts";

export type Model = Schemas["DetailedEntry"];
export type ModelTypeInfo = (typeof MODEL_TYPES)[number];
export type ModelType = ModelTypeInfo["type"];

export const catalog = ref<Schemas["DetailedModelList"] | null>(null);
let isUsed = false;

/** Fetch the list. With `rescan` the server reads its model folders again before. */
export async function fetchModels(rescan = false): Promise<void> {
  isUsed = true;
  await attempt(async () => {
    if (rescan) await unwrap(api.POST("/models/refresh"));
    const query = { details: true };
    catalog.value = (await unwrap(api.GET("/models", { params: { query } }))) as Schemas["DetailedModelList"];
  });
}

/** Counts the pictures that were changed here, since their addresses stay the same. */
export const pictureChanges = ref(0);

/** The list, which is fetched once for all views. */
export function useModels(): typeof catalog {
  if (!isUsed) void fetchModels();
  return catalog;
}

/** The models of one type; none before the list is fetched. */
export function listModels(type: ModelType): Model[] {
  return catalog.value?.[getModelType(type).plural] ?? [];
}

export const getModelType = (type: ModelType): ModelTypeInfo =>
  MODEL_TYPES.find((info) => info.type === type)!;

const refetch = (): void => void (isUsed && fetchModels());
on("connected", refetch);
on("model_loaded", refetch);
on("model_unloaded", refetch);
on("job_status_changed", ({ status, outputs }) => {
  // Downloads, conversions and checksums change the list; they are the jobs without output files.
  if (status === "completed" && outputs.length === 0) refetch();
});
