// Jobs that were asked for on this page are told when they end, where that is not seen anyway.

import type { JobStatus } from "../api/client";
import { on } from "../api/events";
import { inPlainWords } from "../texts/errors";
import { titleOf } from "../texts/labels";
import { router } from "../router";
import { t } from "../texts";
import { fetchJob, jobs } from "./jobs";
import { toast } from "./toasts";

/** Job -> the view where it can be watched, which needs no telling. */
const own = new Map<string, string>();

/** Tell how this job ends, unless it is seen in this view. */
export async function tellEnd(id: string, view: string): Promise<void> {
  own.set(id, view);
  // It may have ended before the answer to its request was there.
  const job = await fetchJob(id);
  if (job) tell(id, job.status, job.error ?? undefined);
}

on("job_status_changed", ({ job_id, status, error }) => tell(job_id, status, error));

function tell(id: string, status: JobStatus, error = ""): void {
  const view = own.get(id);
  if (view === undefined || (status !== "completed" && status !== "failed")) return;
  own.delete(id);
  const watched = router.currentRoute.value.name === view && !document.hidden;
  // Create shows failures itself; in the other views what has failed is just gone.
  if (watched && (status === "completed" || view === "create")) return;
  const show = { label: t.app.show, act: () => void router.push(`/gallery/${id}`) };
  const name = nameOf(id);
  if (status === "completed") toast(t.app.isDone(name), "done", undefined, show);
  else toast(t.app.hasFailed(name, inPlainWords(error).text), "error", error, show);
}

function nameOf(id: string): string {
  const job = jobs.get(id);
  return job ? `${t.types[job.type]} “${titleOf(job).slice(0, 60)}”` : t.gallery.job;
}
