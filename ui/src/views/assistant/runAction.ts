// Runs the actions that the assistant proposes. Each is shown as a button first; nothing runs without a click.

import type { Router } from "vue-router";
import { api, post, send, unwrap, type Job } from "../../api/client";
import type { PictureField } from "../../api/generation";
import { resetDraft, setPictures, setValue } from "../../state/draft";
import { fetchModels } from "../../state/models";
import { fetchOutput, startFromOutput } from "../../state/pictures";
import { showToast } from "../../state/toasts";
import { t } from "../../texts";
import { getLabel } from "../../texts/labels";

export interface Action {
  type: string;
  parameters: Record<string, unknown>;
}

// The server has validated the parameters against the action's schema. These are the ones that the page reads itself.
interface Parameters {
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

type Handler = (parameters: Parameters, router: Router) => unknown;

const fetchJob = (job_id: string): Promise<Job> =>
  unwrap(api.GET("/queue/{job_id}", { params: { path: { job_id } } }));

const getOutput = async ({ job_id, image }: Parameters): Promise<string> =>
  (await fetchJob(job_id)).outputs[image] ?? "";

async function setImage(parameters: Parameters, router: Router): Promise<void> {
  const { target } = parameters;
  const output = await getOutput(parameters);
  if (target === "upscale") await startFromOutput("upscale", output);
  else if (target === "init_image") await startFromOutput("img2img", output);
  else {
    const field = (target === "ref_images" ? target : `${target}_base64`) as PictureField;
    setPictures(field, [await fetchOutput(output)]);
  }
  await router.push("/create");
}

async function upscale(parameters: Parameters): Promise<void> {
  const image_base64 = await fetchOutput(await getOutput(parameters));
  await post("upscale", { image_base64, upscale_factor: parameters.upscale_factor });
}

async function generate({ type, ...parameters }: Parameters, router: Router): Promise<void> {
  await post(type ?? "txt2img", { use_architecture_defaults: true, ...parameters });
  await router.push("/create");
}

/** Load the current model again with another component. */
async function setComponent({ component, model_name: file }: Parameters): Promise<void> {
  const { model_name, model_type, loaded_components } = await unwrap(api.GET("/health"));
  await post("models/load", { model_name, model_type, ...loaded_components, [component]: file });
}

const HANDLERS: Record<string, Handler> = {
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
  get_job: ({ job_id }, router) => router.push(`/gallery/${job_id}`),
  search_jobs: (_, router) => router.push("/gallery"),
  load_job_model: async ({ job_id }) => post("models/load", { model_name: (await fetchJob(job_id)).model }),
  set_image: setImage,
  apply_recommended_settings: () => resetDraft(),
  navigate: ({ view }, router) => router.push(`/${view}`),
  highlight_setting: (_, router) => router.push("/create"),
};

/** Whether an action can be run. Questions to the user cannot; they are only shown. */
export const canRun = (action: Action): boolean => action.type in HANDLERS;

/** Run an action. Throws ApiError when the server rejects it. */
export async function runAction(action: Action, router: Router): Promise<void> {
  await HANDLERS[action.type]?.(action.parameters as unknown as Parameters, router);
  showToast(t.assistant.done(describeAction(action)), "done");
}

// Parameters whose values can be understood without their names.
const UNLABELLED = ["prompt", "model_name", "view", "name", "type", "url", "repo_id", "filename"];

/** A short description of an action: "Generate: a star, width 512". */
export function describeAction({ type, parameters }: Action): string {
  const values = Object.entries(parameters)
    .filter(([, value]) => value !== null && typeof value !== "object")
    .map(([name, value]) =>
      UNLABELLED.includes(name) ? String(value) : `${getLabel(name).toLowerCase()} ${value}`,
    );
  return [getLabel(type), values.join(", ")].filter(Boolean).join(": ").slice(0, 160);
}
