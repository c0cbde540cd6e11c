// The parameters of the form: which fields a kind of job has, and in which groups.

import { fieldsOf } from "../../api/fields";

export type Mode = "txt2img" | "img2img" | "txt2vid" | "upscale";
export const MODES: readonly Mode[] = ["txt2img", "img2img", "txt2vid", "upscale"];

/** Fields that hold pictures; the `s` ones hold several. */
export const PICTURES = {
  init_image_base64: 1,
  mask_image_base64: 1,
  end_image_base64: 1,
  control_image_base64: 1,
  image_base64: 1,
  ref_images: 16,
  control_frames: 1000,
  pm_id_images: 16,
} as const;
export type Picture = keyof typeof PICTURES;
export const isPicture = (name: string): name is Picture => name in PICTURES;

export interface Group {
  key: string;
  fields: string[];
}

/** In the order of the form. The first three are always open; a field that is in no group comes into `more`. */
const GROUPS: Group[] = [
  { key: "basics", fields: ["steps", "sampler", "scheduler"] },
  { key: "guidance", fields: ["cfg_scale", "distilled_guidance", "img_cfg_scale"] },
  { key: "image", fields: ["strength", "mask_composite"] },
  { key: "video", fields: ["video_frames", "fps", "flow_shift", "strength", "save_frames", "vace_strength"] },
  {
    key: "control",
    fields: ["control_strength", "auto_resize_ref_image", "increase_ref_index"],
  },
  { key: "upscale", fields: ["upscale", "upscale_repeats", "upscale_auto_unload"] },
];

const MATCHING: [RegExp, string][] = [
  [/^high_noise_|^moe_/, "highNoise"],
  [/^hires/, "hires"],
  [/cache/, "cache"],
  [/^vae_til|^circular/, "tiling"],
  [/^slg_|^skip_layers/, "layers"],
  [/^pm_/, "photomaker"],
];

export const OPEN = ["basics", "guidance", "image", "video"];

// Edited by parts of their own.
const ELSEWHERE = new Set([
  "prompt",
  "negative_prompt",
  "width",
  "height",
  "seed",
  "batch_count",
  "loras",
  "model",
  "use_architecture_defaults",
]);

/** The groups of a form, each with the fields that the form really has. */
export function groupsOf(mode: Mode): Group[] {
  const left = new Set(
    Object.keys(fieldsOf(mode)).filter((name) => !ELSEWHERE.has(name) && !isPicture(name)),
  );
  const groups: Group[] = [];
  const take = (key: string, names: string[]): void => {
    const here = names.filter((name) => left.delete(name));
    if (here.length) groups.push({ key, fields: here });
  };
  for (const group of GROUPS) take(group.key, group.fields);
  const rest = (pattern: RegExp): string[] => [...left].filter((name) => pattern.test(name));
  for (const [pattern, key] of MATCHING) take(key, rest(pattern));
  take("more", [...left]);
  return groups;
}
