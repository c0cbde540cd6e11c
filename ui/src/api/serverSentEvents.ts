// Server-sent events as the response of a POST request; the browser's EventSource supports GET only (HTML standard, 9.2).

import { ApiError } from "./client";
import { buildUrl } from "./urls";

export interface ServerEvent {
  event: string;
  data: string;
}

/** Split received text into complete events and the incomplete rest. */
export function parseEvents(text: string): { events: ServerEvent[]; rest: string } {
  const blocks = text.split("\n\n");
  const rest = blocks.pop() ?? "";
  const events = blocks.map((block) => {
    const lines = block.split("\n");
    const readField = (name: string): string[] =>
      lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim());
    return { event: readField("event")[0] ?? "message", data: readField("data").join("\n") };
  });
  return { events, rest };
}

/** Send a request and yield the events of the response as they arrive. Throws ApiError when the request is rejected. */
export async function* streamPost(
  path: string,
  body: unknown,
  signal: AbortSignal,
): AsyncGenerator<ServerEvent> {
  const headers = new Headers({ "Content-Type": "application/json", Accept: "text/event-stream" });
  const response = await fetch(buildUrl(path), {
    method: "POST",
    headers,
    body: JSON.stringify(body),
    signal,
  });
  if (!response.ok || !response.body) {
    const { error } = (await response.json().catch(() => ({}))) as { error?: string };
    throw new ApiError(error ?? String(response.status), response.status);
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    const { events, rest } = parseEvents(pending + chunk.value);
    pending = rest;
    yield* events;
  }
}
