// The settings that a picture was made with, whichever program made it.

import { parseJson } from "../../../api/exactJson";
import { isInfotext, parseInfotext } from "./infotext";
import { parseOtherTool } from "./otherTools";
import { readTexts } from "./pictureTexts";
import type { Known } from "./samplerNames";
import type { Import } from "./settings";

/** Names of texts that hold settings, in the order in which they count. ComfyUI's graph has all; others may add a summary. */
const NAMES = [
  "parameters",
  "invokeai_metadata",
  "sd-metadata",
  "UserComment",
  "Comment",
  "prompt",
  "Make",
  "Model",
  "ImageDescription",
];
const XMP = "XML:com.adobe.xmp";

/** What a picture tells; undefined when it tells nothing. */
export async function readSettings(file: Uint8Array, known: Known): Promise<Import | undefined> {
  const texts = await readTexts(file);
  if (texts.parameters !== undefined && !isJson(texts.parameters))
    return parseInfotext(texts.parameters, known);
  for (const name of NAMES) {
    const found = parseText(texts[name] ?? "", known);
    if (found) return found;
  }
  if (texts[XMP]) return parseText(readXmpComment(texts[XMP]), known);
  // Easy Diffusion has a text for each setting.
  return "seed" in texts ? parseOtherTool(texts, known) : undefined;
}

const isJson = (text: string): boolean => /^\s*\{/.test(text);

function parseText(text: string, known: Known): Import | undefined {
  // ComfyUI puts the name of what follows before its JSON in EXIF: "prompt:{...}".
  const json = text.replace(/^(prompt|workflow):(?=\s*\{)/i, "");
  if (!isJson(json)) return isInfotext(text) ? parseInfotext(text, known) : undefined;
  try {
    return parseOtherTool(parseJson(json.replace(/\bNaN\b/g, "null")), known);
  } catch {
    return undefined; // no JSON after all
  }
}

/** The exif:UserComment of an XMP block, where Draw Things has its JSON. */
function readXmpComment(xmp: string): string {
  const xml = new DOMParser().parseFromString(xmp, "text/xml");
  return xml.getElementsByTagName("exif:UserComment")[0]?.textContent?.trim() ?? "";
}
