// A picture that comes into the form may tell how it was made: its settings are then a click away.

import { options } from "../../state/server";
import { toast } from "../../state/toasts";
import { t } from "../../texts";
import { mode, useSettings } from "../../state/draft";
import { settingsFrom, textIn } from "./pngMetadata";

/** Offer the settings of the first of these pictures that tells some; false when none does. */
export async function offerSettings(files: readonly File[]): Promise<boolean> {
  for (const file of files) {
    const text = textIn(new Uint8Array(await file.arrayBuffer()));
    if (text === undefined) continue;
    const known = [...(options.value?.samplers ?? []), ...(options.value?.schedulers ?? [])];
    const act = (): void => useSettings(mode.value, settingsFrom(text, known));
    toast(t.create.tells, "info", undefined, { label: t.result.reuse, act });
    return true;
  }
  return false;
}
