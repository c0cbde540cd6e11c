// Settings in the metadata of pictures: when a picture is added to the form, a toast offers to apply its settings.

import { applySettings, mode } from "../../../state/draft";
import { options } from "../../../state/server";
import { showToast } from "../../../state/toasts";
import { t } from "../../../texts";
import { readSettings } from "./readSettings";

/** Offer the settings of the first picture that has some. Returns false when no picture has any. */
export async function offerMetadataImport(files: readonly File[]): Promise<boolean> {
  const known = { samplers: options.value?.samplers ?? [], schedulers: options.value?.schedulers ?? [] };
  for (const file of files) {
    const found = await readSettings(new Uint8Array(await file.arrayBuffer()), known);
    if (!found) continue;
    const run = (): void => {
      applySettings(mode.value, found.settings);
      if (found.unknown.length) showToast(t.create.untold(found.unknown.join(", ")));
    };
    showToast(t.create.tells, "info", undefined, { label: t.result.reuse, run });
    return true;
  }
  return false;
}
