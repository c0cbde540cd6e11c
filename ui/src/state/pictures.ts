// Pictures on their way into the form: dropped, pasted, chosen, or sent from the gallery.

import { outputAddress } from "../api/urls";
import { router } from "../router";
import { mode, setPictures } from "./draft";
import type { Mode, Picture } from "../views/create/parameterGroups";

/** The main picture of each kind of job. */
export const MAIN_PICTURE: Partial<Record<Mode, Picture>> = {
  img2img: "init_image_base64",
  txt2vid: "init_image_base64",
  upscale: "image_base64",
};

export function dataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error ?? new Error("unreadable"));
    reader.readAsDataURL(blob);
  });
}

/** The pictures of a drop or a paste. */
export const picturesIn = (data: DataTransfer | null): File[] =>
  [...(data?.files ?? [])].filter((file) => file.type.startsWith("image/"));

/** Open the form with an output file as the picture to start from. */
export async function sendTo(target: Mode, output: string): Promise<void> {
  const field = MAIN_PICTURE[target];
  if (!field) return;
  const answer = await fetch(outputAddress(output));
  setPictures(field, [await dataUrl(await answer.blob())]);
  if (target === "img2img") setPictures("mask_image_base64", []);
  mode.value = target;
  await router.push("/create");
}

/** Where a picture can be looked at: a stored input of a job has no address of its own. */
export const isShown = (picture: string): boolean => picture.startsWith("data:");

/** Width and height of a picture in pixels. */
export async function sizeOf(url: string): Promise<{ width: number; height: number }> {
  const image = new Image();
  image.src = url;
  await image.decode();
  return { width: image.naturalWidth, height: image.naturalHeight };
}
