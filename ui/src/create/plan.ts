// What would become of the form's request: asked for with a click, forgotten as soon as the form changes.

import { shallowRef, watch } from "vue";
import { post, type Schemas } from "../api/client";
import { attempt } from "../state/toasts";
import { mode, request } from "./draft";

export const plan = shallowRef<Schemas["Plan"] | null>(null);

watch(request, () => (plan.value = null));

/** Ask the server, which refuses what it would refuse to run, in the same words. */
export const askPlan = (): Promise<boolean> =>
  attempt(async () => {
    const asked = request.value;
    const answer = await post<Schemas["Plan"]>(`plan?type=${mode.value}`, asked);
    if (asked === request.value) plan.value = answer;
  });
