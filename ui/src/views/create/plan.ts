// What would become of the form's request. Once asked for, the plan follows the form until it is put away.

import { ref, shallowRef, watch } from "vue";
import { post, type Schemas } from "../../api/client";
import { attempt } from "../../state/toasts";
import { mode, request } from "../../state/draft";

const SETTLE_MS = 300; // several changes in a row cost one request

export const plan = shallowRef<Schemas["Plan"] | null>(null);
export const planning = ref(false);
let timer: number | undefined;

async function fetchPlan(): Promise<void> {
  const asked = request.value;
  const answer = await post<Schemas["Plan"]>(`plan?type=${mode.value}`, asked);
  if (planning.value && asked === request.value) plan.value = answer;
}

/** Begin or end planning. What the server would refuse to run it refuses now, in the same words. */
export async function togglePlan(): Promise<void> {
  planning.value = !planning.value;
  plan.value = null;
  if (planning.value) planning.value = await attempt(fetchPlan);
}

watch(request, () => {
  clearTimeout(timer);
  if (!planning.value) return;
  // A form that can't run as it is has no plan; the reason is told when somebody wants it to run.
  timer = window.setTimeout(() => fetchPlan().catch(() => (plan.value = null)), SETTLE_MS);
});
