// The request that made a job.

import type { Job } from "./client";

/** The API path that starts such a job. A set of models is a download of its own kind. */
export function getRequestPath({ type, params }: Job): string {
  if (type !== "model_download") return type;
  return "set" in params ? "models/pull" : "models/download";
}
