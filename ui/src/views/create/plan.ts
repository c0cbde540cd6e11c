// The plan for the current form: estimated time and memory. While it is shown, it is updated with every change.

import { ref, shallowRef, watch } from "vue";
import { post, type Schemas } from "../../api/client";
import { mode, requestBody } from "../../state/draft";
import { attempt } from "../../state/toasts";

const DEBOUNCE_MS = 300; // several changes in a row cause one request

export const plan = shallowRef<Schemas["Plan"] | null>(null);
export const planning = ref(false);
let timer: number | undefined;

async function fetchPlan(): Promise<void> {
  const body = requestBody.value;
  const response = await post<Schemas["Plan"]>(`plan?type=${mode.value}`, body);
  if (planning.value && body === requestBody.value) plan.value = response;
}

/** Show or hide the plan. The server rejects an invalid request with the same message as when it is run. */
export async function togglePlan(): Promise<void> {
  planning.value = !planning.value;
  plan.value = null;
  if (planning.value) planning.value = await attempt(fetchPlan);
}

watch(requestBody, () => {
  clearTimeout(timer);
  if (!planning.value) return;
  // An invalid form has no plan. While the user is still editing, an error message would only disturb.
  timer = window.setTimeout(() => fetchPlan().catch(() => (plan.value = null)), DEBOUNCE_MS);
});
