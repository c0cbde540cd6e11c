// Starts downloads of models.

import { post, type Schemas } from "../api/client";
import { t } from "../texts";
import { notifyJobEnd } from "./jobEndToasts";
import { showToast } from "./toasts";

/** Download one file. Throws ApiError. */
export async function startDownload(body: Record<string, unknown>): Promise<void> {
  const accepted = await post<Schemas["DownloadAccepted"]>("models/download", body);
  announce(accepted.download_job_id);
}

/** Download a set, load it and draw its example, as far as that is asked for. Throws ApiError. */
export async function startPull(body: Partial<Schemas["PullRequest"]>): Promise<void> {
  const accepted = await post<Schemas["PullAccepted"]>("models/pull", body);
  announce(accepted.download_job_id);
  if (accepted.draw_job_id) void notifyJobEnd(accepted.draw_job_id, "create");
}

/** Warnings are the job's too, and are shown when it ends. */
function announce(job: string): void {
  void notifyJobEnd(job, "models");
  showToast(t.get.started, "done");
}
