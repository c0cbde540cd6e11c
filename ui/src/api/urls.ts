// URLs of the server. The page is served at <server>/ui/, so the server is one level above it. Resolving against the
// page's own URL keeps this working behind a reverse proxy with any path prefix.

export const serverUrl = new URL("..", document.baseURI);

/** The URL of an API path such as "queue/1". */
export const buildUrl = (path: string): string => new URL(path.replace(/^\//, ""), serverUrl).href;

/** The URL of a file below /output, or of its thumbnail. File names may contain any character, so they are encoded. */
export const buildOutputUrl = (path: string, kind: "output" | "thumb" = "output"): string =>
  buildUrl(`${kind}/${path.split("/").map(encodeURIComponent).join("/")}`);

export function buildSocketUrl(): string {
  const url = new URL("ws", serverUrl);
  url.protocol = url.protocol.replace("http", "ws");
  return addKey(url.href);
}

const STORAGE_KEY = "sdcpp.key";

/** The API key that the user has entered; empty when there is none. */
export const apiKey = {
  get: (): string => localStorage.getItem(STORAGE_KEY) ?? "",
  set: (value: string): void => localStorage.setItem(STORAGE_KEY, value),
};

/** Add the API key to a URL. WebSockets cannot send headers, so the API also accepts a query parameter. */
function addKey(href: string): string {
  if (!apiKey.get()) return href;
  const url = new URL(href);
  url.searchParams.set("token", apiKey.get());
  return url.href;
}
