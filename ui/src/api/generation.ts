// The kinds of jobs that the form on the Create page can start, and the fields of their requests that hold pictures.

export type Mode = "txt2img" | "img2img" | "txt2vid" | "upscale";
export const MODES: readonly Mode[] = ["txt2img", "img2img", "txt2vid", "upscale"];

export const isMode = (type: string): type is Mode => (MODES as readonly string[]).includes(type);

/** Field -> the largest number of pictures that it takes. */
export const PICTURE_FIELDS = {
  init_image_base64: 1,
  mask_image_base64: 1,
  end_image_base64: 1,
  control_image_base64: 1,
  ip_adapter_image_base64: 1,
  image_base64: 1,
  ref_images: 16,
  control_frames: 1000,
  pm_id_images: 16,
} as const;
export type PictureField = keyof typeof PICTURE_FIELDS;
export const isPictureField = (name: string): name is PictureField => name in PICTURE_FIELDS;

/** The field of the picture that a job starts from. */
export const INPUT_PICTURE: Partial<Record<Mode, PictureField>> = {
  img2img: "init_image_base64",
  txt2vid: "init_image_base64",
  upscale: "image_base64",
};
