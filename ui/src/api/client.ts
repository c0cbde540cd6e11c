// The typed client of the REST API. Its types in schema.d.ts are generated from the server's OpenAPI description.

import createClient, { type Middleware } from "openapi-fetch";
import { parseJson, quoteLongIntegers } from "./exactJson";
import type { components, paths } from "./schema";
import { buildUrl, serverUrl } from "./urls";

export type Schemas = components["schemas"];
export type Job = Schemas["JobView"];
export type JobStatus = Schemas["JobStatus"];
export type JobType = Job["type"];
export type Health = Schemas["Health"];

/** A request failed. The message is the server's; status 0 means that the server was not reached. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

const exactIntegers: Middleware = {
  async onResponse({ response }) {
    if (!response.headers.get("content-type")?.includes("json")) return undefined;
    const { status, statusText, headers } = response;
    return new Response(quoteLongIntegers(await response.text()), { status, statusText, headers });
  },
};

export const api = createClient<paths>({ baseUrl: serverUrl.href.replace(/\/$/, "") });
api.use(exactIntegers);

type FetchResult<T> = Promise<{ data?: T; error?: unknown; response: Response }>;

/** Return the body of a response. Throws ApiError with the server's message when the request failed. */
export async function unwrap<T>(call: FetchResult<T>): Promise<T> {
  const { data, error, response } = await call.catch(() => {
    throw new ApiError("The server can't be reached", 0);
  });
  if (response.ok) return data as T;
  const message = (error as { error?: string } | undefined)?.error;
  throw new ApiError(message ?? `The server answered ${response.status}`, response.status);
}

/** Send a request whose body is built at run time, so that only the server can check it. Throws ApiError. */
export async function send<T>(method: "POST" | "PUT" | "DELETE", path: string, body: unknown): Promise<T> {
  const headers = new Headers({ "Content-Type": "application/json" });
  const call = async (): FetchResult<T> => {
    const response = await fetch(buildUrl(path), { method, headers, body: JSON.stringify(body) });
    const json: unknown = await response
      .text()
      .then(parseJson)
      .catch(() => undefined);
    return { response, data: json as T, error: json };
  };
  return unwrap(call());
}

export const post = <T>(path: string, body: unknown): Promise<T> => send<T>("POST", path, body);
