import { expect, test } from "vitest";
import { eventsIn } from "./serverSentEvents";

test("whole events are taken and the beginning of the next is kept", () => {
  const { events, rest } = eventsIn('event: delta\ndata: {"text":"a"}\n\nevent: done\ndata: {"x"');
  expect(events).toEqual([{ event: "delta", data: '{"text":"a"}' }]);
  expect(rest).toBe('event: done\ndata: {"x"');
});
