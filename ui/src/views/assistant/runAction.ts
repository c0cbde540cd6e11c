// What the assistant's actions do in the page. Each is a button first: nothing happens by itself.

import { api, ask, post, send, type Job } from "../../api/client";
import { reset, setPictures, setValue } from "../../state/draft";
import type { Picture } from "../create/parameterGroups";
import { dataUrl, sendTo } from "../../state/pictures";
import { outputAddress } from "../../api/urls";
import { labelOf } from "../../texts/labels";
import { router } from "../../router";
import { fetchModels } from "../../state/models";
import { toast } from "../../state/toasts";
import { t } from "../../texts";

export interface Action {
  type: string;
  parameters: Record<string, unknown>;
}

// The server has checked them against the action's schema; these are the fields that the page reads itself.
interface Given {
  name: string;
  value: unknown;
  type?: string;
  view: string;
  target: string;
  job_id: string;
  image: number;
  upscale_factor: number;
  component: string;
  model_name: string;
}

type Doing = (given: Given) => unknown;

const job = (job_id: string): Promise<Job> =>
  ask(api.GET("/queue/{job_id}", { params: { path: { job_id } } }));

async function setImage(of: Given): Promise<void> {
  const output = (await job(of.job_id)).outputs[of.image] ?? "";
  if (of.target === "upscale") return sendTo("upscale", output);
  if (of.target === "init_image") return sendTo("img2img", output);
  const field = (of.target === "ref_images" ? of.target : `${of.target}_base64`) as Picture;
  const answer = await fetch(outputAddress(output));
  setPictures(field, [await dataUrl(await answer.blob())]);
  await router.push("/create");
}

async function upscale({ job_id, image, upscale_factor }: Given): Promise<void> {
  const answer = await fetch(outputAddress((await job(job_id)).outputs[image] ?? ""));
  await post("upscale", { image_base64: await dataUrl(await answer.blob()), upscale_factor });
}

async function generate({ type, ...parameters }: Given): Promise<void> {
  await post(type ?? "txt2img", { use_architecture_defaults: true, ...parameters });
  await router.push("/create");
}

/** Loads the current model again with another component. */
async function setComponent({ component, model_name: file }: Given): Promise<void> {
  const { model_name, model_type, loaded_components: kept } = await ask(api.GET("/health"));
  await post("models/load", { model_name, model_type, ...kept, [component]: file });
}

const DOINGS: Record<string, Doing> = {
  set_setting: ({ name, value }) => setValue(name, value),
  generate,
  load_model: (body) => post("models/load", body),
  set_component: setComponent,
  unload_model: () => post("models/unload", {}),
  refresh_models: () => fetchModels(true),
  load_upscaler: (body) => post("upscaler/load", body),
  unload_upscaler: () => post("upscaler/unload", {}),
  upscale,
  convert_model: (body) => post("convert", body),
  download_model: (body) => post("models/download", body),
  cancel_job: ({ job_id }) => send("DELETE", `queue/${job_id}`, {}),
  get_job: ({ job_id }) => router.push(`/gallery/${job_id}`),
  search_jobs: () => router.push("/gallery"),
  load_job_model: async ({ job_id }) => post("models/load", { model_name: (await job(job_id)).model }),
  set_image: setImage,
  apply_recommended_settings: () => reset(),
  navigate: ({ view }) => router.push(`/${view}`),
  highlight_setting: () => router.push("/create"),
};

/** Whether the page can do it; questions to the user are only shown. */
export const canDo = (action: Action): boolean => action.type in DOINGS;

/** Do it. Throws what the server refuses. */
export async function carryOut(action: Action): Promise<void> {
  await DOINGS[action.type]?.(action.parameters as unknown as Given);
  toast(t.assistant.done(describe(action)), "done");
}

// What needs no name to be understood.
const CLEAR = ["prompt", "model_name", "view", "name", "type", "url", "repo_id", "filename"];

/** An action in a few words: "Generate: a star, width 512". */
export function describe({ type, parameters }: Action): string {
  const told = Object.entries(parameters)
    .filter(([, value]) => value !== null && typeof value !== "object")
    .map(([name, value]) =>
      CLEAR.includes(name) ? String(value) : `${labelOf(name).toLowerCase()} ${value}`,
    );
  return [labelOf(type), told.join(", ")].filter(Boolean).join(": ").slice(0, 160);
}
