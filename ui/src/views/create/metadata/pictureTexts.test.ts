import { deflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { bytes, exif, jpeg, png, utf16, webp } from "./fixtures";
import { readTexts } from "./pictureTexts";

test("all kinds of text of a PNG are read, also behind the pixels", async () => {
  const packed = [...deflateSync(new Uint8Array(bytes("eine Kätzin")))];
  const file = png(
    ["IHDR", [0]],
    ["tEXt", bytes("a\0plain")],
    ["IDAT", [1, 2, 3]],
    ["iTXt", bytes("b\0\0\0\0\0eine Kätzin")],
    ["iTXt", [...bytes("c\0"), 1, 0, 0, 0, ...packed]],
    ["zTXt", [...bytes("d\0"), 0, ...deflateSync(new Uint8Array(bytes("packed")))]],
  );
  expect(await readTexts(file)).toEqual({ a: "plain", b: "eine Kätzin", c: "eine Kätzin", d: "packed" });
});

test("a comment in EXIF is read in every encoding, order and format", async () => {
  const text = "eine Kätzin 猫";
  const unicode = bytes("UNICODE\0");
  for (const little of [false, true]) {
    const comments = [
      [[...unicode, ...utf16(text)], text],
      [[...unicode, ...utf16(text, true)], text],
      [bytes("ASCII\0\0\0a cat\0"), "a cat"],
      [bytes("\0\0\0\0\0\0\0\0a cat"), "a cat"],
      [bytes('{"prompt": "a cat"}'), '{"prompt": "a cat"}'],
    ] as const;
    for (const [comment, expected] of comments) {
      const block = exif([...comment], little);
      for (const file of [
        jpeg(block),
        webp(block),
        webp([...bytes("Exif\0\0"), ...block]),
        png(["eXIf", block]),
      ])
        expect(await readTexts(file)).toEqual({ UserComment: expected });
    }
  }
});

test("other tags that hold texts are read", async () => {
  expect(await readTexts(webp(exif(bytes("prompt:{}\0"), true, 0x010f)))).toEqual({ Make: "prompt:{}" });
});

test("what is no picture, or ends too early, has none", async () => {
  expect(await readTexts(new Uint8Array(bytes("GIF89a")))).toEqual({});
  expect(await readTexts(new Uint8Array())).toEqual({});
  const whole = jpeg(exif(bytes("ASCII\0\0\0a cat")));
  for (let end = 0; end < whole.length; end++) await readTexts(whole.subarray(0, end));
  expect(await readTexts(png(["zTXt", [...bytes("d\0"), 0, 1, 2, 3]]))).toEqual({});
});
