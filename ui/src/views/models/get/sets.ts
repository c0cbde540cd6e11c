// The sets of models: what each is, and what is on disk of it.

import { reactive, ref } from "vue";
import { api, unwrap, type Schemas } from "../../../api/client";
import { formatBytes } from "../../../texts/units";
import { t } from "../../../texts";

export type SetSummary = Schemas["SetSummary"];
export type SetView = Schemas["SetView"];
export type Variant = Schemas["VariantView"];

export const sets = ref<Schemas["SetList"] | null>(null);
/** Name -> what is known of this machine: the variants that fit, and what is there. */
export const views = reactive(new Map<string, SetView>());
let fetches = 0;

/** Fetch all sets, then each of them. A later call takes the place of one that is not done. Throws ApiError. */
export async function fetchSets(): Promise<void> {
  const mine = ++fetches;
  const list = await unwrap(api.GET("/models/sets"));
  if (mine !== fetches) return;
  sets.value = list;
  for (const { name } of list.sets) {
    const view = await unwrap(api.GET("/models/sets/{name}", { params: { path: { name } } }));
    if (mine !== fetches) return;
    views.set(name, view);
  }
}

/** Whether a variant fits, in words. */
function describeFit({ fits }: Variant): string {
  if (fits === null) return t.get.mayFit;
  return fits ? t.get.fits : t.get.fitsNot;
}

/** What is on disk of a variant, where that is anything. */
function describePresence({ complete, bytes_to_fetch: missing, size_bytes: all }: Variant): string | null {
  if (complete) return t.get.onDisk;
  return missing < all ? t.get.partly(formatBytes(missing)) : null;
}

/** Its quantization, its size, whether it fits and what is on disk. */
export const describeVariant = (variant: Variant): string =>
  [variant.name, formatBytes(variant.size_bytes), describeFit(variant), describePresence(variant)]
    .filter(Boolean)
    .join(" · ");
