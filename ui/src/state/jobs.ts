// The jobs that this page keeps up to date: all that are waiting or running, and the latest finished ones.

import { computed, reactive } from "vue";
import { api, unwrap, type Job, type Schemas } from "../api/client";
import { on } from "../api/events";
import { counts } from "./server";

const RECENT = 40;

export interface Preview {
  image: string;
  step: number;
  frames: number;
}

export const jobs = reactive(new Map<string, Job>());
export const previews = reactive(new Map<string, Preview>());
export const downloads = reactive(new Map<string, Schemas["Transfer"]>());

const compareNewestFirst = (a: Job, b: Job): number =>
  b.timings.created_at.localeCompare(a.timings.created_at);
const listByStatus = (...statuses: Job["status"][]): Job[] =>
  [...jobs.values()].filter((job) => statuses.includes(job.status)).sort(compareNewestFirst);

export const running = computed(() => listByStatus("processing"));
export const waiting = computed(() => listByStatus("pending").reverse());
export const finished = computed(() => listByStatus("completed", "failed", "cancelled").slice(0, RECENT));

export const isActive = (job: Job): boolean => job.status === "pending" || job.status === "processing";

/** Fetch the current state of a job; null when the server does not have it (any more). */
export async function fetchJob(id: string): Promise<Job | null> {
  const job = await unwrap(api.GET("/queue/{job_id}", { params: { path: { job_id: id } } })).catch(
    () => null,
  );
  const known = jobs.get(id);
  // Responses may arrive in another order than they were sent; a job that has ended never becomes active again.
  if (job && known && isActive(job) && !isActive(known)) return known;
  if (job) jobs.set(id, job);
  else jobs.delete(id);
  return job;
}

/** Fetch what has changed while the socket was closed. */
async function refetch(): Promise<void> {
  const before = [...jobs.keys()];
  const fetchPage = (query: object): Promise<{ items: Job[] }> =>
    unwrap(api.GET("/queue", { params: { query } }));
  const pages = await Promise.all([
    fetchPage({ status: "processing" }),
    fetchPage({ status: "pending", order: "asc", limit: 100 }),
    fetchPage({ limit: RECENT }),
  ]).catch(() => null);
  if (!pages) return;
  const fresh = new Map(pages.flatMap(({ items }) => items).map((job) => [job.job_id, job]));
  for (const id of before) if (!fresh.has(id)) removeJob(id);
  for (const [id, job] of fresh) jobs.set(id, job);
}

function removeJob(id: string): void {
  jobs.delete(id);
  clearProgress(id);
}

function clearProgress(id: string): void {
  previews.delete(id);
  downloads.delete(id);
}

on("connected", refetch);
on("job_added", ({ job_id }) => void fetchJob(job_id));
on("job_progress", ({ job_id, ...progress }) => {
  const job = jobs.get(job_id);
  if (job) jobs.set(job_id, { ...job, status: "processing", progress });
});
on("job_preview", ({ job_id, image, step, frame_count }) => {
  previews.set(job_id, { image, step, frames: frame_count });
});
on("download_progress", ({ job_id, ...transfer }) => void downloads.set(job_id, transfer));
on("job_status_changed", ({ job_id, status }) => {
  if (status !== "processing") clearProgress(job_id);
  void fetchJob(job_id);
});
on("job_deleted", ({ job_id }) => removeJob(job_id));
on("job_restored", ({ job_id }) => void fetchJob(job_id));

/** The number of waiting and running jobs, including those that this page has not fetched. */
export const activeCount = computed(() => counts.pending_count + counts.processing_count);
