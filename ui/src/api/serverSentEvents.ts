// Server-sent events of a POST, which EventSource can't do (HTML standard, 9.2).

import { address, key } from "./urls";
import { ApiError } from "./client";

export interface ServerEvent {
  event: string;
  data: string;
}

/** Split what has arrived into whole events and the rest. */
export function eventsIn(text: string): { events: ServerEvent[]; rest: string } {
  const blocks = text.split("\n\n");
  const rest = blocks.pop() ?? "";
  const events = blocks.map((block) => {
    const lines = block.split("\n");
    const of = (name: string): string[] =>
      lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim());
    return { event: of("event")[0] ?? "message", data: of("data").join("\n") };
  });
  return { events, rest };
}

/** Ask, and hear the answer piece by piece. Throws ApiError when it is refused at once. */
export async function* streamed(
  path: string,
  body: unknown,
  signal: AbortSignal,
): AsyncGenerator<ServerEvent> {
  const headers = new Headers({ "Content-Type": "application/json", Accept: "text/event-stream" });
  if (key.get()) headers.set("Authorization", `Bearer ${key.get()}`);
  const answer = await fetch(address(path), { method: "POST", headers, body: JSON.stringify(body), signal });
  if (!answer.ok || !answer.body) {
    const { error } = (await answer.json().catch(() => ({}))) as { error?: string };
    throw new ApiError(error ?? String(answer.status), answer.status);
  }
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    const { events, rest } = eventsIn(text + piece.value);
    text = rest;
    yield* events;
  }
}
