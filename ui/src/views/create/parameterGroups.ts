// Which fields of a request the form shows in which group.

import { getFields } from "../../api/fields";
import { isPictureField, type Mode } from "../../api/generation";

export interface Group {
  key: string;
  fields: string[];
}

/** In the order of the form. A field that is in no group, and matches no pattern below, goes into the group `more`. */
const GROUPS: Group[] = [
  { key: "basics", fields: ["steps", "sampler", "scheduler"] },
  {
    key: "guidance",
    fields: ["cfg_scale", "distilled_guidance", "img_cfg_scale", "cfg_start", "cfg_end", "guidance_schedule"],
  },
  { key: "image", fields: ["strength", "mask_composite"] },
  { key: "video", fields: ["video_frames", "fps", "flow_shift", "strength", "save_frames", "vace_strength"] },
  {
    key: "control",
    fields: [
      "control_strength",
      "control_preprocess",
      "canny_low",
      "canny_high",
      "return_control",
      "auto_resize_ref_image",
      "increase_ref_index",
    ],
  },
  { key: "upscale", fields: ["upscale", "upscale_repeats", "upscale_auto_unload"] },
];

/** Groups of the fields whose names match a pattern. */
const PATTERNS: [RegExp, string][] = [
  [/^high_noise_|^moe_/, "highNoise"],
  [/^hires/, "hires"],
  [/cache/, "cache"],
  [/^vae_til|^circular/, "tiling"],
  [/^slg_|^skip_layers/, "layers"],
  [/^apg_/, "apg"],
  [
    /^(noise_sampler|brownian_|euler_ge_|lms_|lcm_|beta_|logit_|base_shift|max_shift|ltx2_|llada_|sefi_)/,
    "samplers",
  ],
  [/^pm_/, "photomaker"],
  [/^adetail/, "adetail"],
  [/^ip_adapter_|^pulid_/, "adapters"],
];

/** Groups that are expanded at first. */
export const OPEN_GROUPS = ["basics", "guidance", "image", "video"];

// Fields that have components of their own.
const EXCLUDED = new Set([
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

/** The groups of a form, each with the fields that this form has; empty groups are left out. */
export function listGroups(mode: Mode): Group[] {
  const remaining = new Set(
    Object.keys(getFields(mode)).filter((name) => !EXCLUDED.has(name) && !isPictureField(name)),
  );
  const groups: Group[] = [];
  const addGroup = (key: string, names: string[]): void => {
    const fields = names.filter((name) => remaining.delete(name));
    if (fields.length) groups.push({ key, fields });
  };
  for (const group of GROUPS) addGroup(group.key, group.fields);
  const findMatching = (pattern: RegExp): string[] => [...remaining].filter((name) => pattern.test(name));
  for (const [pattern, key] of PATTERNS) addGroup(key, findMatching(pattern));
  addGroup("more", [...remaining]);
  return groups;
}
