// The state of the server: health, job counts, available options, and the architecture of the loaded model.

import { computed, reactive, ref } from "vue";
import { api, ApiError, unwrap, type Health, type JobStatus, type Schemas } from "../api/client";
import { on } from "../api/events";

export const health = ref<Health | null>(null);
export const options = ref<Schemas["Options"] | null>(null);
export const architectures = ref<Schemas["Architectures"] | null>(null);
export const loading = ref<{ name: string; fraction: number } | null>(null);
/** The server requires an API key, and this browser is not logged in. */
export const keyRequired = ref(false);

type Counts = Record<`${JobStatus | "total"}_count`, number>;
export const counts = reactive<Counts>({
  pending_count: 0,
  processing_count: 0,
  completed_count: 0,
  failed_count: 0,
  cancelled_count: 0,
  total_count: 0,
});

/** Field -> the default of the loaded model; only for fields that its architecture defines. */
export const modelDefaults = computed(() => architectures.value?.current_preset?.generationDefaults ?? {});

export const modelName = computed(() => health.value?.model_name ?? null);

/** Fetch the state of the server. */
export async function refresh(): Promise<void> {
  try {
    health.value = await unwrap(api.GET("/health"));
    options.value ??= await unwrap(api.GET("/options"));
    architectures.value = await unwrap(api.GET("/architectures"));
    keyRequired.value = false;
  } catch (error) {
    keyRequired.value = error instanceof ApiError && error.status === 401;
  }
}

on("connected", refresh);
on("disconnected", refresh); // perhaps the session has ended
on("server_status", (status) => {
  health.value = status;
  for (const name of Object.keys(counts) as (keyof Counts)[]) counts[name] = status[name];
});
on("job_added", () => {
  counts.pending_count++;
  counts.total_count++;
});
on("job_status_changed", ({ status, previous_status }) => {
  counts[`${previous_status}_count`]--;
  counts[`${status}_count`]++;
});
on("model_loading_progress", ({ model_name, step, total_steps }) => {
  loading.value = { name: model_name, fraction: total_steps ? step / total_steps : 0 };
});
const onModelChange = (): void => {
  loading.value = null;
  void refresh();
};
on("model_loaded", onModelChange);
on("model_load_failed", onModelChange);
on("model_unloaded", onModelChange);
on("upscaler_loaded", refresh);
on("upscaler_unloaded", refresh);
