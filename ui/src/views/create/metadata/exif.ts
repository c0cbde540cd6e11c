// The texts of an EXIF block (CIPA DC-008): UserComment, and the tags that ComfyUI puts its JSON into.

const ASCII_TAGS: Record<number, string> = { 0x010e: "ImageDescription", 0x010f: "Make", 0x0110: "Model" };
const FOLDER_TAG = 0x8769; // where the folder with UserComment is
const COMMENT_TAG = 0x9286;
const ENTRY_BYTES = 12;
const CODE_BYTES = 8; // of UserComment: which characters follow

/** The texts of a block that begins with its byte order. Throws RangeError where it is damaged. */
export function readExif(block: Uint8Array): Record<string, string> {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const little = view.getUint16(0) === 0x4949;
  const found: Record<string, string> = {};

  function readFolder(start: number): void {
    const count = view.getUint16(start, little);
    for (let i = 0; i < count; i++) {
      const at = start + 2 + i * ENTRY_BYTES;
      const tag = view.getUint16(at, little);
      const length = view.getUint32(at + 4, little); // of texts, which have one byte each
      const content = (): Uint8Array => {
        const from = length > 4 ? view.getUint32(at + 8, little) : at + 8;
        return block.subarray(from, from + length);
      };
      if (tag === COMMENT_TAG) found.UserComment = decodeComment(content(), little);
      else if (ASCII_TAGS[tag]) found[ASCII_TAGS[tag]] = decode("utf-8", content());
      else if (tag === FOLDER_TAG && start === first) readFolder(view.getUint32(at + 8, little));
    }
  }

  const first = view.getUint32(4, little);
  readFolder(first);
  return found;
}

const decode = (encoding: string, bytes: Uint8Array): string =>
  new TextDecoder(encoding).decode(bytes).replace(/\0+$/, "");

/** A comment says which characters it has; some programs leave that out. */
function decodeComment(content: Uint8Array, little: boolean): string {
  const code = decode("latin1", content.subarray(0, CODE_BYTES));
  const text = content.subarray(CODE_BYTES);
  if (code === "UNICODE") return decode(guessUtf16(text, little), text);
  if (code === "ASCII" || code === "") return decode("utf-8", text);
  return decode("utf-8", content);
}

/** A1111 and this server write UTF-16 with the high byte first, whatever the order of the block; others follow it. */
function guessUtf16(text: Uint8Array, little: boolean): string {
  let even = 0;
  let odd = 0;
  for (let i = 0; i < text.length; i++) if (text[i] === 0) i % 2 ? odd++ : even++;
  if (even === odd) return little ? "utf-16le" : "utf-16be";
  return even > odd ? "utf-16be" : "utf-16le"; // the high bytes of Latin letters are zero
}
