// Toasts about the end of jobs that were started on this page. They are not shown where the user sees the end anyway.

import type { JobStatus } from "../api/client";
import { on } from "../api/events";
import { t } from "../texts";
import { explainError } from "../texts/errors";
import { getJobTitle } from "../texts/labels";
import { fetchJob, jobs } from "./jobs";
import { showToast } from "./toasts";

/** What this module has to know of the router. State must not import it, because routes lead to views. */
export interface Navigation {
  getCurrentView: () => string;
  openJob: (id: string) => void;
}

let navigation: Navigation | null = null;

/** Connect this module to the router; called once when the page starts. */
export function setNavigation(connected: Navigation): void {
  navigation = connected;
}

/** Job -> the view that shows how it ends, so that no toast is needed there. */
const startedJobs = new Map<string, string>();

/** Show a toast when this job ends, unless the user is in `view` then. */
export async function notifyJobEnd(id: string, view: string): Promise<void> {
  startedJobs.set(id, view);
  // The job may have ended before the response to its request arrived.
  const job = await fetchJob(id);
  if (job) onStatusChange(id, job.status, job.error ?? undefined);
}

on("job_status_changed", ({ job_id, status, error }) => onStatusChange(job_id, status, error));

function onStatusChange(id: string, status: JobStatus, error = ""): void {
  const view = startedJobs.get(id);
  if (view === undefined || (status !== "completed" && status !== "failed")) return;
  startedJobs.delete(id);
  const isVisible = navigation?.getCurrentView() === view && !document.hidden;
  if (status === "completed" && view === "models") void showWarnings(id);
  // These views show what becomes of their jobs; elsewhere a failed job just disappears.
  if (isVisible && (status === "completed" || view === "create" || view === "models")) return;
  const action = { label: t.app.show, run: () => navigation?.openJob(id) };
  const name = describeJob(id);
  if (status === "completed") showToast(t.app.isDone(name), "done", undefined, action);
  else showToast(t.app.hasFailed(name, explainError(error).text), "error", error, action);
}

/** What a download could not do at its end, such as to load the model. */
async function showWarnings(id: string): Promise<void> {
  for (const warning of (await fetchJob(id))?.warnings ?? []) showToast(warning);
}

function describeJob(id: string): string {
  const job = jobs.get(id);
  return job ? `${t.types[job.type]} “${getJobTitle(job).slice(0, 60)}”` : t.gallery.job;
}
