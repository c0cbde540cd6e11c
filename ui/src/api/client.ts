// The typed client of the REST API; its types are made from the server's own description.

import createClient, { type Middleware } from "openapi-fetch";
import { address, key, server } from "./urls";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Job = Schemas["JobView"];
export type JobStatus = Schemas["JobStatus"];
export type JobType = Job["type"];
export type Health = Schemas["Health"];

/** What the server refused, in its own words; status 0 means that it was not reached. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

const withKey: Middleware = {
  onRequest({ request }) {
    if (key.get()) request.headers.set("Authorization", `Bearer ${key.get()}`);
    return request;
  },
};

export const api = createClient<paths>({ baseUrl: server.href.replace(/\/$/, "") });
api.use(withKey);

type Answer<T> = Promise<{ data?: T; error?: unknown; response: Response }>;

/** The answer's body. Throws ApiError with the server's sentence. */
export async function ask<T>(call: Answer<T>): Promise<T> {
  const { data, error, response } = await call.catch(() => {
    throw new ApiError("The server can't be reached", 0);
  });
  if (response.ok) return data as T;
  const said = (error as { error?: string } | undefined)?.error;
  throw new ApiError(said ?? `The server answered ${response.status}`, response.status);
}

/** A request whose body only the server can check. Throws ApiError with the server's sentence. */
export async function send<T>(method: "POST" | "PUT" | "DELETE", path: string, body: unknown): Promise<T> {
  const headers = new Headers({ "Content-Type": "application/json" });
  if (key.get()) headers.set("Authorization", `Bearer ${key.get()}`);
  const call = async (): Answer<T> => {
    const response = await fetch(address(path), { method, headers, body: JSON.stringify(body) });
    const answer: unknown = await response.json().catch(() => undefined);
    return { response, data: answer as T, error: answer };
  };
  return ask(call());
}

export const post = <T>(path: string, body: unknown): Promise<T> => send<T>("POST", path, body);
