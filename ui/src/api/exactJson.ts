// Integers of any length. The API's seeds go up to 2^63 - 1, but a JavaScript number is exact up to 2^53 only; the API
// also takes numbers as text, so longer integers are kept as text, from the first byte that is read to the last that
// is sent.

/** A number as the page keeps it: text where a JavaScript number would be rounded. */
export function readNumber(text: string): number | string {
  const number = Number(text);
  return /^\s*[-+]?\d+\s*$/.test(text) && !Number.isSafeInteger(number) ? text.trim() : number;
}

const LONG = /\d{16}/;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;

/** The same JSON with quotation marks around integers that JavaScript would round. */
export function quoteLongIntegers(json: string): string {
  if (!LONG.test(json)) return json;
  return json.replace(TOKEN, (token) =>
    token[0] !== '"' && typeof readNumber(token) === "string" ? `"${token}"` : token,
  );
}

/** JSON.parse that rounds no integer. Throws SyntaxError. */
export const parseJson = (json: string): unknown => JSON.parse(quoteLongIntegers(json));
