// Where the server is: one level above the page, behind whatever prefix a proxy puts before it.

export const server = new URL("..", document.baseURI);

/** The address of a path of the API, e.g. "queue/1". */
export const address = (path: string): string => new URL(path.replace(/^\//, ""), server).href;

/** The address of a file under /output, or of its thumbnail. Names may hold any character. */
export const outputAddress = (path: string, kind: "output" | "thumb" = "output"): string =>
  withKey(address(`${kind}/${path.split("/").map(encodeURIComponent).join("/")}`));

export function socketAddress(): string {
  const url = new URL("ws", server);
  url.protocol = url.protocol.replace("http", "ws");
  return withKey(url.href);
}

const KEY = "sdcpp.key";

export const key = {
  get: (): string => localStorage.getItem(KEY) ?? "",
  set: (value: string): void => localStorage.setItem(KEY, value),
};

/** Pictures and sockets can't send headers; their address carries the key, as the API allows. */
export function withKey(href: string): string {
  if (!key.get()) return href;
  const url = new URL(href);
  url.searchParams.set("token", key.get());
  return url.href;
}
