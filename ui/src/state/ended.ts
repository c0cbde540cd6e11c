// Jobs that were asked for on this page are told when they end while another view is open.

import { on } from "../api/events";
import { inPlainWords } from "../parts/errors";
import { titleOf } from "../parts/labels";
import { router } from "../router";
import { t } from "../texts";
import { jobs } from "./jobs";
import { toast } from "./toasts";

/** Job -> the view where it can be watched, which needs no telling. */
const own = new Map<string, string>();

/** Tell how this job ends, unless it is seen in this view. */
export function tellEnd(id: string, view: string): void {
  own.set(id, view);
}

on("job_status_changed", ({ job_id, status, error }) => {
  const view = own.get(job_id);
  if (!view || (status !== "completed" && status !== "failed")) return;
  own.delete(job_id);
  const watched = router.currentRoute.value.name === view && !document.hidden;
  // Create shows failures itself; in the other views what has failed is just gone.
  if (watched && (status === "completed" || view === "create")) return;
  const show = { label: t.app.show, act: () => void router.push(`/gallery/${job_id}`) };
  const name = nameOf(job_id);
  if (status === "completed") toast(t.app.isDone(name), "done", undefined, show);
  else toast(t.app.hasFailed(name, inPlainWords(error ?? "").text), "error", error, show);
});

function nameOf(id: string): string {
  const job = jobs.get(id);
  return job ? `${t.types[job.type]} “${titleOf(job).slice(0, 60)}”` : t.gallery.job;
}
