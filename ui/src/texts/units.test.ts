import { expect, test } from "vitest";
import { formatBytes, formatDuration } from "./units";

test("durations are formatted in readable units", () => {
  expect([0.4, 59, 60, 200, 7500].map(formatDuration)).toEqual([
    "0 s",
    "59 s",
    "1 min 0 s",
    "3 min 20 s",
    "2 h 5 min",
  ]);
});

test("bytes are formatted in the largest fitting unit", () => {
  expect([0, 999, 1500, 2_100_000, 123_456_789].map(formatBytes)).toEqual([
    "0 B",
    "999 B",
    "1.5 kB",
    "2.1 MB",
    "123 MB",
  ]);
});
