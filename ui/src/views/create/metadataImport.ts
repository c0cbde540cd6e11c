// Settings in the metadata of pictures: when a picture is added to the form, a toast offers to apply its settings.

import { applySettings, mode } from "../../state/draft";
import { options } from "../../state/server";
import { showToast } from "../../state/toasts";
import { t } from "../../texts";
import { parseSettings, readParametersText } from "./pngMetadata";

/** Offer the settings of the first picture that has some. Returns false when no picture has any. */
export async function offerMetadataImport(files: readonly File[]): Promise<boolean> {
  for (const file of files) {
    const text = readParametersText(new Uint8Array(await file.arrayBuffer()));
    if (text === undefined) continue;
    const known = [...(options.value?.samplers ?? []), ...(options.value?.schedulers ?? [])];
    const run = (): void => applySettings(mode.value, parseSettings(text, known));
    showToast(t.create.tells, "info", undefined, { label: t.result.reuse, run });
    return true;
  }
  return false;
}
