// The contents of the form on the Create page. They are stored in this browser, so that a reload or a restart of the
// server loses nothing that was typed.

import { del, get, set } from "idb-keyval";
import { computed, reactive, ref, watch } from "vue";
import { getFields } from "../api/fields";
import { isPictureField, type Mode, type PictureField } from "../api/generation";
import { modelDefaults } from "./server";

const STORAGE_KEY = "sdcpp.draft";

interface Stored {
  mode: Mode;
  values: Record<string, unknown>;
}

const stored = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "{}") as Partial<Stored>;

export const mode = ref<Mode>(stored.mode ?? "txt2img");
/** The values that the user has changed. All modes share them, so that a change of mode keeps the prompt. */
export const values = reactive<Record<string, unknown>>(stored.values ?? {});
/** Pictures as data: URLs. They are too large for localStorage, so they are stored in IndexedDB. */
export const pictures = reactive<Partial<Record<PictureField, string[]>>>({});

watch([mode, values], () =>
  localStorage.setItem(STORAGE_KEY, JSON.stringify({ mode: mode.value, values } satisfies Stored)),
);

const PICTURES_KEY = "sdcpp.pictures";
void get<typeof pictures>(PICTURES_KEY).then((saved) => Object.assign(pictures, saved));
watch(pictures, () => {
  const copy = Object.fromEntries(Object.entries(pictures).map(([name, list]) => [name, [...list]]));
  void (Object.keys(copy).length ? set(PICTURES_KEY, copy) : del(PICTURES_KEY));
});

/** The default value of a field: the loaded model's, else the server's. */
export function getDefault(name: string): unknown {
  return (modelDefaults.value as Record<string, unknown>)[name] ?? getFields(mode.value)[name]?.default;
}

export const getValue = (name: string): unknown => values[name] ?? getDefault(name);

/** Change a field. Its default value, null or undefined reset it. */
export function setValue(name: string, value: unknown): void {
  if (value === undefined || value === null || JSON.stringify(value) === JSON.stringify(getDefault(name))) {
    delete values[name];
  } else values[name] = value;
}

export function setPictures(name: PictureField, list: string[]): void {
  if (list.length) pictures[name] = list;
  else delete pictures[name];
}

/** The body of the request. It contains the model's defaults, because they are what the form shows. */
export const requestBody = computed<Record<string, unknown>>(() => {
  const body: Record<string, unknown> = getFields(mode.value).prompt ? { prompt: "" } : {};
  const defaults = modelDefaults.value as Record<string, unknown>;
  for (const name of Object.keys(getFields(mode.value))) {
    const value = isPictureField(name) ? encodePictures(name) : (values[name] ?? defaults[name]);
    if (value !== undefined) body[name] = value;
  }
  return body;
});

function encodePictures(name: PictureField): string | string[] | undefined {
  const list = pictures[name];
  if (!list?.length) return undefined;
  return getFields(mode.value)[name]?.type === "array" ? [...list] : list[0];
}

/** Fill the form with the parameters of a job. Its stored input pictures stay references, which the server accepts. */
export function applySettings(type: Mode, params: Record<string, unknown>): void {
  mode.value = type;
  for (const name of Object.keys(values)) delete values[name];
  for (const [name, value] of Object.entries(params)) {
    if (isPictureField(name))
      setPictures(name, ([] as string[]).concat((value as string | string[] | null) ?? []));
    else setValue(name, value);
  }
}

/** Reset all fields but prompts and pictures, which are the work of the user. */
export function resetDraft(): void {
  for (const name of Object.keys(values)) if (!name.endsWith("prompt")) delete values[name];
}
