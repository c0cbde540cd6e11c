import { expect, test } from "vitest";
import { toPicturePoint } from "./strokes";

test("a pointer on the screen is a pixel of the picture", () => {
  const box = { left: 100, top: 50, width: 200, height: 100 };
  const picture = { width: 800, height: 400 };
  expect(toPicturePoint(box, picture, { clientX: 100, clientY: 50 })).toEqual({ x: 0, y: 0 });
  expect(toPicturePoint(box, picture, { clientX: 200, clientY: 100 })).toEqual({ x: 400, y: 200 });
});
