import { expect, test } from "vitest";
import { parseJson, readNumber } from "./exactJson";

test("integers that JavaScript would round are kept as text", () => {
  const json =
    '{"seed": 9007199254740993, "list": [6687881544318117707,-9007199254740993], "max":9223372036854775807}';
  expect(parseJson(json)).toEqual({
    seed: "9007199254740993",
    list: ["6687881544318117707", "-9007199254740993"],
    max: "9223372036854775807",
  });
});

test("all other numbers and all texts stay as they are", () => {
  const json =
    '{"seed": 9007199254740991, "x": 0.12345678901234567, "e": 1e30, "p": "seed: 9007199254740993, \\"1234567890123456789\\" \\\\", "b": -1}';
  expect(parseJson(json)).toEqual(JSON.parse(json));
});

test("a number that was typed is exact too", () => {
  expect(readNumber("9007199254740993")).toBe("9007199254740993");
  expect(readNumber(" 42 ")).toBe(42);
  expect(readNumber("0.1")).toBe(0.1);
  expect(readNumber("x")).toBeNaN();
});
