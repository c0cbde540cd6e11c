// Deleted jobs are in the server's trash until it is emptied, and can come back.

import { post, send } from "../../api/client";
import { attempt, toast } from "../../state/toasts";
import { t } from "../../texts";

/** Put jobs into the trash. True when it went well. */
export async function deleteJobs(ids: string[]): Promise<boolean> {
  const done = await attempt(() => send("DELETE", "queue/jobs", { job_ids: ids }));
  if (done) {
    toast(t.gallery.deleted(ids.length), "done", undefined, {
      label: t.gallery.restore,
      act: () => void restoreJobs(ids),
    });
  }
  return done;
}

/** Take jobs out of the trash. */
export const restoreJobs = (ids: string[]): Promise<boolean> =>
  attempt(() => post("queue/restore", { job_ids: ids }));

/** Delete jobs for good, once more asked for. */
export async function purgeJobs(ids: string[]): Promise<boolean> {
  if (!window.confirm(t.gallery.purgeSure(ids.length))) return false;
  return attempt(() => send("DELETE", "queue/jobs", { job_ids: ids, purge: true }));
}
