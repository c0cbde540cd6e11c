// Deletes and restores jobs. The server keeps deleted jobs in its trash until it is emptied.

import { post, send } from "../../api/client";
import { attempt, showToast } from "../../state/toasts";
import { t } from "../../texts";

/** Move jobs to the trash; a toast offers to restore them. Returns whether it succeeded. */
export async function deleteJobs(ids: string[]): Promise<boolean> {
  const succeeded = await attempt(() => send("DELETE", "queue/jobs", { job_ids: ids }));
  if (succeeded) {
    showToast(t.gallery.deleted(ids.length), "done", undefined, {
      label: t.gallery.restore,
      run: () => void restoreJobs(ids),
    });
  }
  return succeeded;
}

/** Restore jobs from the trash. */
export const restoreJobs = (ids: string[]): Promise<boolean> =>
  attempt(() => post("queue/restore", { job_ids: ids }));

/** Delete jobs permanently, after the user has confirmed it. */
export async function purgeJobs(ids: string[]): Promise<boolean> {
  if (!window.confirm(t.gallery.purgeSure(ids.length))) return false;
  return attempt(() => send("DELETE", "queue/jobs", { job_ids: ids, purge: true }));
}
