// Deleted jobs are in the server's trash until it is emptied, and can come back.

import { post, send } from "../api/client";
import { attempt, toast } from "../state/toasts";
import { t } from "../texts";

/** Put jobs into the trash. True when it went well. */
export async function deleteJobs(ids: string[]): Promise<boolean> {
  const done = await attempt(() => send("DELETE", "queue/jobs", { job_ids: ids }));
  if (done) {
    toast(t.gallery.deleted(ids.length), "done", undefined, {
      label: t.gallery.restore,
      act: () => void attempt(() => post("queue/restore", { job_ids: ids })),
    });
  }
  return done;
}
