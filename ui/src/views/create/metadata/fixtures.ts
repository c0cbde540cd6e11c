// Pictures and names for the tests of this folder.

import type { Known } from "./samplerNames";

export const known: Known = {
  samplers: ["euler", "euler_a", "heun", "dpm2", "dpm++2s_a", "dpm++2m", "dpm++2mv2", "lcm", "ddim_trailing", "tcd", "res_multistep", "euler_a_cfg_pp", "euler_ge", "dpm++2m_sde", "lms", "ipndm_v"], // prettier-ignore
  schedulers: ["discrete", "karras", "exponential", "ays", "gits", "sgm_uniform", "simple", "kl_optimal", "lcm", "beta"], // prettier-ignore
};

export const bytes = (text: string): number[] => [...new TextEncoder().encode(text)];
const big = (value: number, size: number): number[] =>
  [...Array(size).keys()].map((i) => (value >>> (8 * (size - 1 - i))) & 255);

export function png(...chunks: [string, number[]][]): Uint8Array {
  const file = [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10];
  for (const [kind, data] of chunks) file.push(...big(data.length, 4), ...bytes(kind), ...data, 0, 0, 0, 0);
  return new Uint8Array(file);
}

export const pngWith = (texts: Record<string, string>): Uint8Array =>
  png(
    ...Object.entries(texts).map(([name, text]): [string, number[]] => [
      "iTXt",
      bytes(`${name}\0\0\0\0\0${text}`),
    ]),
  );

/** An EXIF block with a UserComment, or with the tag Make; both byte orders. */
export function exif(comment: number[], little = false, tag = 0x9286): number[] {
  const number = (value: number, size: number): number[] =>
    little ? big(value, size).reverse() : big(value, size);
  const entry = (id: number, type: number, count: number, value: number): number[] =>
    [number(id, 2), number(type, 2), number(count, 4), number(value, 4)].flat();
  const header = [...bytes(little ? "II" : "MM"), ...number(42, 2), ...number(8, 4)];
  const end = number(0, 4);
  if (tag !== 0x9286)
    return [...header, ...number(1, 2), ...entry(tag, 2, comment.length, 26), ...end, ...comment];
  const pointer = [...number(1, 2), ...entry(0x8769, 4, 1, 26), ...end];
  return [...header, ...pointer, ...number(1, 2), ...entry(tag, 7, comment.length, 44), ...end, ...comment];
}

export const utf16 = (text: string, little = false): number[] =>
  [...text].flatMap((sign) => (little ? big(sign.charCodeAt(0), 2).reverse() : big(sign.charCodeAt(0), 2)));

export const jpeg = (block: number[]): Uint8Array =>
  new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 1, 0xff, 0xe1, ...big(block.length + 8, 2), ...bytes("Exif\0\0"), ...block, 0xff, 0xda]); // prettier-ignore

export function webp(block: number[]): Uint8Array {
  const little = (value: number): number[] => big(value, 4).reverse();
  const odd = [...bytes("VP8X"), ...little(3), 1, 2, 3, 0];
  return new Uint8Array([...bytes("RIFF"), ...little(0), ...bytes("WEBP"), ...odd, ...bytes("EXIF"), ...little(block.length), ...block]); // prettier-ignore
}
