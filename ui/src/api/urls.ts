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
  return url.href;
}
