// A job as something to run elsewhere.

import { server } from "../../api/urls";
import type { Job } from "../../api/client";

/** Where its request is sent. */
export const pathOf = ({ type }: Job): string => (type === "model_download" ? "models/download" : type);

/** The parameters that make the job again; stored inputs are references, which the server accepts. */
const body = (job: Job, indent?: number): string => JSON.stringify(job.params, null, indent);

export function curl(job: Job): string {
  // In single quotes a shell changes nothing; a quote itself is written outside of them.
  const quoted = body(job, 2).replaceAll("'", `'\\''`);
  return `curl -X POST ${server.href}${pathOf(job)} \\\n  -H 'Content-Type: application/json' \\\n  -d '${quoted}'`;
}

export const python = (job: Job): string =>
  [
    "import json, urllib.request",
    "",
    `body = json.loads(r'''${body(job, 2).replaceAll("'''", "\\u0027\\u0027\\u0027")}''')`,
    `request = urllib.request.Request("${server.href}${pathOf(job)}", json.dumps(body).encode(),`,
    '    {"Content-Type": "application/json"})',
    'print(json.load(urllib.request.urlopen(request))["job_id"])',
  ].join("\n");
