// The texts in the metadata of PNG, JPEG and WebP files; pixels are not decoded.

import { readExif } from "./exif";

/** Name -> text. EXIF texts are called as their tags: UserComment, Make, Model, ImageDescription. */
export type Texts = Record<string, string>;

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG = [0xff, 0xd8];
const JPEG_EXIF = 0xe1;
const JPEG_PIXELS = 0xda;
const MOST_UNPACKED = 16 * 2 ** 20; // bytes; ComfyUI's largest workflows have a few MB

const ascii = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
const utf8 = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const latin1 = (bytes: Uint8Array): string => new TextDecoder("latin1").decode(bytes);

/** All texts of a file; none where it is no such picture, or damaged. */
export async function readTexts(file: Uint8Array): Promise<Texts> {
  try {
    if (PNG.every((byte, i) => file[i] === byte)) return await readPng(file);
    if (JPEG.every((byte, i) => file[i] === byte)) return readJpeg(file);
    if (ascii(file.subarray(0, 4)) === "RIFF" && ascii(file.subarray(8, 12)) === "WEBP")
      return readWebp(file);
  } catch {
    // A block that promises more bytes than there are.
  }
  return {};
}

async function readPng(file: Uint8Array): Promise<Texts> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const found: Texts = {};
  for (let at = PNG.length; at + 12 <= file.length;) {
    const length = view.getUint32(at);
    const kind = ascii(file.subarray(at + 4, at + 8));
    const content = file.subarray(at + 8, at + 8 + length);
    if (kind === "eXIf") Object.assign(found, readExif(content));
    else if (["tEXt", "zTXt", "iTXt"].includes(kind)) {
      const [name, rest] = splitAtZero(content);
      found[latin1(name)] = await decodePngText(kind, rest);
    }
    at += length + 12;
  }
  return found;
}

/** The text behind the name of a chunk (PNG specification, 11.3.3). */
async function decodePngText(kind: string, rest: Uint8Array): Promise<string> {
  if (kind === "tEXt") return latin1(rest);
  if (kind === "zTXt") return latin1(await unpack(rest.subarray(1)));
  const isPacked = rest[0] === 1;
  const [, translated] = splitAtZero(rest.subarray(2));
  const [, text] = splitAtZero(translated);
  return utf8(isPacked ? await unpack(text) : text);
}

async function unpack(packed: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([packed.slice()]).stream().pipeThrough(new DecompressionStream("deflate"));
  const reader = stream.getReader();
  const parts: Uint8Array[] = [];
  for (let size = 0; size <= MOST_UNPACKED;) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
    parts.push(value);
    size += value.length;
  }
  await reader.cancel();
  return new Uint8Array();
}

/** The bytes before and after the first zero byte. */
function splitAtZero(data: Uint8Array): [Uint8Array, Uint8Array] {
  const end = data.indexOf(0);
  return end < 0 ? [data, new Uint8Array()] : [data.subarray(0, end), data.subarray(end + 1)];
}

function readJpeg(file: Uint8Array): Texts {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 2; at + 4 <= file.length;) {
    const marker = file[at + 1];
    if (file[at] !== 0xff || marker === JPEG_PIXELS) break;
    const length = view.getUint16(at + 2);
    const content = file.subarray(at + 4, at + 2 + length);
    if (marker === JPEG_EXIF && ascii(content.subarray(0, 4)) === "Exif")
      return readExif(content.subarray(6));
    at += 2 + length;
  }
  return {};
}

function readWebp(file: Uint8Array): Texts {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 12; at + 8 <= file.length;) {
    const length = view.getUint32(at + 4, true);
    const content = file.subarray(at + 8, at + 8 + length);
    if (ascii(file.subarray(at, at + 4)) === "EXIF")
      return readExif(ascii(content.subarray(0, 4)) === "Exif" ? content.subarray(6) : content);
    at += 8 + length + (length % 2); // blocks begin at even places
  }
  return {};
}
