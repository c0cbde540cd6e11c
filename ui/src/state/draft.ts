// What the form holds: kept in this browser, so that nothing typed is lost by a reload or a restart.

import { del, get, set } from "idb-keyval";
import { computed, reactive, ref, watch } from "vue";
import { suited } from "./server";
import { fieldsOf } from "../api/fields";
import { isPicture, type Mode, type Picture } from "../views/create/parameterGroups";

const STORED = "sdcpp.draft";

interface Stored {
  mode: Mode;
  values: Record<string, unknown>;
}

const stored = JSON.parse(localStorage.getItem(STORED) ?? "{}") as Partial<Stored>;

export const mode = ref<Mode>(stored.mode ?? "txt2img");
/** What was set by hand; shared by all modes, so that a prompt survives a change of mode. */
export const values = reactive<Record<string, unknown>>(stored.values ?? {});
/** Pictures as data: URLs. They are too large for localStorage and live in IndexedDB. */
export const pictures = reactive<Partial<Record<Picture, string[]>>>({});

watch([mode, values], () =>
  localStorage.setItem(STORED, JSON.stringify({ mode: mode.value, values } satisfies Stored)),
);

const PICTURES_KEY = "sdcpp.pictures";
void get<typeof pictures>(PICTURES_KEY).then((kept) => Object.assign(pictures, kept));
watch(pictures, () => {
  const kept = Object.fromEntries(Object.entries(pictures).map(([name, list]) => [name, [...list]]));
  void (Object.keys(kept).length ? set(PICTURES_KEY, kept) : del(PICTURES_KEY));
});

/** The value that a field has when nobody sets it: what suits the loaded model, else the server's own. */
export function usual(name: string): unknown {
  return (suited.value as Record<string, unknown>)[name] ?? fieldsOf(mode.value)[name]?.default;
}

export const valueOf = (name: string): unknown => values[name] ?? usual(name);

/** Set a field; its usual value, or undefined, gives it back to the defaults. */
export function setValue(name: string, value: unknown): void {
  if (value === undefined || value === null || JSON.stringify(value) === JSON.stringify(usual(name))) {
    delete values[name];
  } else values[name] = value;
}

export function setPictures(name: Picture, list: string[]): void {
  if (list.length) pictures[name] = list;
  else delete pictures[name];
}

/** The body of the request. Defaults that suit the model are spelled out: they are what the form shows. */
export const request = computed<Record<string, unknown>>(() => {
  const body: Record<string, unknown> = fieldsOf(mode.value).prompt ? { prompt: "" } : {};
  const ofModel = suited.value as Record<string, unknown>;
  for (const name of Object.keys(fieldsOf(mode.value))) {
    const value = isPicture(name) ? picturesOf(name) : (values[name] ?? ofModel[name]);
    if (value !== undefined) body[name] = value;
  }
  return body;
});

function picturesOf(name: Picture): string | string[] | undefined {
  const list = pictures[name];
  if (!list?.length) return undefined;
  return fieldsOf(mode.value)[name]?.type === "array" ? [...list] : list[0];
}

/** Take over the parameters of a finished job. Stored inputs stay references, which the server accepts. */
export function useSettings(type: Mode, params: Record<string, unknown>): void {
  mode.value = type;
  for (const name of Object.keys(values)) delete values[name];
  for (const [name, value] of Object.entries(params)) {
    if (isPicture(name))
      setPictures(name, ([] as string[]).concat((value as string | string[] | null) ?? []));
    else setValue(name, value);
  }
}

/** Back to the defaults; prompts and pictures stay. */
export function reset(): void {
  for (const name of Object.keys(values)) if (!name.endsWith("prompt")) delete values[name];
}
