// The settings that pictures carry: those of this server, of A1111 and of its relatives.

export type Settings = Record<string, string | number>;

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47];
const HEAD = 8; // bytes of a PNG before its first chunk

/** The text called "parameters" of a PNG file (PNG specification, 11.3.3). */
export function textIn(file: Uint8Array): string | undefined {
  if (SIGNATURE.some((byte, i) => file[i] !== byte)) return undefined;
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = HEAD; at + 12 <= file.length;) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...file.subarray(at + 4, at + 8));
    if (kind === "IDAT") return undefined; // what follows is read by nobody
    const text = textOf(kind, file.subarray(at + 8, at + 8 + length));
    if (text !== undefined) return text;
    at += length + 12;
  }
  return undefined;
}

function textOf(kind: string, data: Uint8Array): string | undefined {
  const [name, rest] = cut(data);
  if (new TextDecoder().decode(name) !== "parameters") return undefined;
  if (kind === "tEXt") return new TextDecoder("latin1").decode(rest);
  if (kind !== "iTXt" || rest[0] !== 0) return undefined; // compressed ones are rare
  const [, translated] = cut(rest.subarray(2));
  return new TextDecoder().decode(cut(translated)[1]);
}

/** What is before the next zero, and what is after it. */
function cut(data: Uint8Array): [Uint8Array, Uint8Array] {
  const end = data.indexOf(0);
  return end < 0 ? [data, new Uint8Array()] : [data.subarray(0, end), data.subarray(end + 1)];
}

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

/** The fields of a request that such a text tells; `known` are the names of samplers and schedulers. */
export function settingsFrom(text: string, known: readonly string[]): Settings {
  const lines = text.trim().split("\n");
  const last = /^Steps: /.test(lines.at(-1) ?? "") ? lines.pop()! : "";
  const [prompt = "", negative = ""] = lines.join("\n").split(/^Negative prompt: /m);
  const found: Settings = { prompt: prompt.trim() };
  if (negative) found.negative_prompt = negative.trim();
  for (const [, name = "", value = ""] of last.matchAll(PAIR)) {
    if (name in NUMBERS) found[NUMBERS[name]!] = Number(value);
    const one = name in NAMES && spelled(value, known);
    if (one) found[NAMES[name]!] = one;
    const size = name === "Size" && /^(\d+)x(\d+)$/.exec(value);
    if (size) Object.assign(found, { width: Number(size[1]), height: Number(size[2]) });
  }
  return found;
}

/** "Euler a" and "DPM++ 2M" as the engine spells them. */
function spelled(name: string, known: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  return [lower, lower.replaceAll(" ", "_"), lower.replaceAll(" ", "")].find((one) => known.includes(one));
}
