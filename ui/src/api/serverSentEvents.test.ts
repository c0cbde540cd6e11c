import { expect, test } from "vitest";
import { parseEvents } from "./serverSentEvents";

test("complete events are parsed and the beginning of the next one is kept", () => {
  const { events, rest } = parseEvents('event: delta\ndata: {"text":"a"}\n\nevent: done\ndata: {"x"');
  expect(events).toEqual([{ event: "delta", data: '{"text":"a"}' }]);
  expect(rest).toBe('event: done\ndata: {"x"');
});
