// How the server is: health, the queue's counts, what can be chosen, the loaded model's architecture.

import { computed, reactive, ref } from "vue";
import { ApiError, api, ask, type Health, type JobStatus, type Schemas } from "../api/client";
import { on } from "../api/events";

export const health = ref<Health | null>(null);
export const options = ref<Schemas["Options"] | null>(null);
export const presets = ref<Schemas["Architectures"] | null>(null);
export const loading = ref<{ name: string; fraction: number } | null>(null);
/** The server wants an API key that this browser does not have. */
export const keyWanted = ref(false);

type Counts = Record<`${JobStatus | "total"}_count`, number>;
export const counts = reactive<Counts>({
  pending_count: 0,
  processing_count: 0,
  completed_count: 0,
  failed_count: 0,
  cancelled_count: 0,
  total_count: 0,
});

/** What suits the loaded model: only the fields that its architecture has an opinion on. */
export const suited = computed(() => presets.value?.current_preset?.generationDefaults ?? {});

export const modelName = computed(() => health.value?.model_name ?? null);

/** Ask how the server is, and what it offers. */
export async function refresh(): Promise<void> {
  try {
    health.value = await ask(api.GET("/health"));
    options.value ??= await ask(api.GET("/options"));
    presets.value = await ask(api.GET("/architectures"));
    keyWanted.value = false;
  } catch (error) {
    keyWanted.value = error instanceof ApiError && error.status === 401;
  }
}

on("connected", refresh);
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
const settled = (): void => {
  loading.value = null;
  void refresh();
};
on("model_loaded", settled);
on("model_load_failed", settled);
on("model_unloaded", settled);
on("upscaler_loaded", refresh);
on("upscaler_unloaded", refresh);
