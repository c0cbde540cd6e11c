// Reads generation settings from the metadata of PNG files, as this server, A1111 and its forks write them.

export type Settings = Record<string, string | number>;

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47];
const SIGNATURE_LENGTH = 8; // bytes before the first chunk

/** The text chunk "parameters" of a PNG file (PNG specification, 11.3.3). */
export function readParametersText(file: Uint8Array): string | undefined {
  if (SIGNATURE.some((byte, i) => file[i] !== byte)) return undefined;
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = SIGNATURE_LENGTH; at + 12 <= file.length;) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...file.subarray(at + 4, at + 8));
    if (kind === "IDAT") return undefined; // programs write the metadata before the image data
    const text = decodeText(kind, file.subarray(at + 8, at + 8 + length));
    if (text !== undefined) return text;
    at += length + 12;
  }
  return undefined;
}

function decodeText(kind: string, data: Uint8Array): string | undefined {
  const [name, rest] = splitAtZero(data);
  if (new TextDecoder().decode(name) !== "parameters") return undefined;
  if (kind === "tEXt") return new TextDecoder("latin1").decode(rest);
  if (kind !== "iTXt" || rest[0] !== 0) return undefined; // compressed text is rare and not supported
  const [, translated] = splitAtZero(rest.subarray(2));
  return new TextDecoder().decode(splitAtZero(translated)[1]);
}

/** The bytes before and after the first zero byte. */
function splitAtZero(data: Uint8Array): [Uint8Array, Uint8Array] {
  const end = data.indexOf(0);
  return end < 0 ? [data, new Uint8Array()] : [data.subarray(0, end), data.subarray(end + 1)];
}

/** Names in the metadata -> fields of a request. */
const NUMBERS: Record<string, string> = {
  Steps: "steps",
  "CFG scale": "cfg_scale",
  "Distilled CFG Scale": "distilled_guidance",
  Seed: "seed",
  "Denoising strength": "strength",
  "Clip skip": "clip_skip",
};
const NAMES: Record<string, string> = { Sampler: "sampler", "Schedule type": "scheduler" };
const PAIR = /\s*([^:,]+): ("(?:\\.|[^"])*"|[^,]*)(?:,|$)/g;

/** Convert such a text to fields of a request. `known` are the engine's names of samplers and schedulers. */
export function parseSettings(text: string, known: readonly string[]): Settings {
  const lines = text.trim().split("\n");
  const last = /^Steps: /.test(lines.at(-1) ?? "") ? lines.pop()! : "";
  const [prompt = "", negative = ""] = lines.join("\n").split(/^Negative prompt: /m);
  const found: Settings = { prompt: prompt.trim() };
  if (negative) found.negative_prompt = negative.trim();
  for (const [, name = "", value = ""] of last.matchAll(PAIR)) {
    if (name in NUMBERS) found[NUMBERS[name]!] = Number(value);
    const engineName = name in NAMES && findEngineName(value, known);
    if (engineName) found[NAMES[name]!] = engineName;
    const size = name === "Size" && /^(\d+)x(\d+)$/.exec(value);
    if (size) Object.assign(found, { width: Number(size[1]), height: Number(size[2]) });
  }
  return found;
}

/** The engine's spelling of names such as "Euler a" and "DPM++ 2M". */
function findEngineName(name: string, known: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  return [lower, lower.replaceAll(" ", "_"), lower.replaceAll(" ", "")].find((one) => known.includes(one));
}
