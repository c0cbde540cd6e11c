// A job as a request that can be sent with other programs.

import type { Job } from "../../api/client";
import { getRequestPath } from "../../api/jobRequest";
import { serverUrl } from "../../api/urls";

/** The body that repeats the job. Stored input pictures stay references, which the server accepts. */
const encodeBody = (job: Job, indent?: number): string => JSON.stringify(job.params, null, indent);

export function toCurl(job: Job): string {
  // A shell leaves text in single quotes unchanged. A single quote itself must be outside of them, so it is escaped.
  const quoted = encodeBody(job, 2).replaceAll("'", `'\\''`);
  return `curl -X POST ${serverUrl.href}${getRequestPath(job)} \\\n  -H 'Content-Type: application/json' \\\n  -d '${quoted}'`;
}

export const toPython = (job: Job): string =>
  [
    "import json, urllib.request",
    "",
    `body = json.loads(r'''${encodeBody(job, 2).replaceAll("'''", "\\u0027\\u0027\\u0027")}''')`,
    `request = urllib.request.Request("${serverUrl.href}${getRequestPath(job)}", json.dumps(body).encode(),`,
    '    {"Content-Type": "application/json"})',
    'print(json.load(urllib.request.urlopen(request))["job_id"])',
  ].join("\n");
