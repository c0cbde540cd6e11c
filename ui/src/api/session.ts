// Logging in: the server turns an API key into a session, whose cookie no script can read. Nothing of the key stays here.

import { api, unwrap, type Schemas } from "./client";

/** Begin a session. Throws ApiError for a wrong key. */
export async function logIn(key: string): Promise<void> {
  await unwrap(api.POST("/login", { body: { key } }));
}

/** End the session of this browser. */
export async function logOut(): Promise<void> {
  await unwrap(api.POST("/logout"));
}

/** What this browser may do, and by which key. Throws ApiError. */
export const fetchOwnAccess = (): Promise<Schemas["OwnAccess"]> => unwrap(api.GET("/keys/self"));

const FORMER_KEY = "sdcpp.key";

/** Earlier versions of the page kept the key itself: it becomes a session, and is forgotten. */
export async function replaceStoredKey(): Promise<void> {
  const key = localStorage.getItem(FORMER_KEY);
  if (key === null) return;
  localStorage.removeItem(FORMER_KEY);
  await logIn(key).catch(() => undefined);
}
