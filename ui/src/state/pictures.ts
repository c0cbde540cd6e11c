// Pictures as inputs of the form: files that were dropped, pasted or chosen, and outputs of earlier jobs.

import { INPUT_PICTURE, type Mode } from "../api/generation";
import { buildOutputUrl } from "../api/urls";
import { mode, setPictures } from "./draft";

export function readDataUrl(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error ?? new Error("unreadable"));
    reader.readAsDataURL(blob);
  });
}

/** Download an output file as a data: URL. */
export async function fetchOutput(output: string): Promise<string> {
  const response = await fetch(buildOutputUrl(output));
  return readDataUrl(await response.blob());
}

/** The pictures of a drop or paste event. */
export const listPictures = (data: DataTransfer | null): File[] =>
  [...(data?.files ?? [])].filter((file) => file.type.startsWith("image/"));

/** Make an output file the input picture of another mode, and switch the form to that mode. */
export async function startFromOutput(target: Mode, output: string): Promise<void> {
  const field = INPUT_PICTURE[target];
  if (!field) return;
  setPictures(field, [await fetchOutput(output)]);
  // A mask painted for the previous picture does not fit this one.
  if (target === "img2img") setPictures("mask_image_base64", []);
  mode.value = target;
}

/** Whether a picture can be displayed. The alternative is a reference to a stored input of a job, which has no URL. */
export const isDataUrl = (picture: string): boolean => picture.startsWith("data:");

/** Width and height of a picture in pixels. */
export async function measurePicture(url: string): Promise<{ width: number; height: number }> {
  const image = new Image();
  image.src = url;
  await image.decode();
  return { width: image.naturalWidth, height: image.naturalHeight };
}
