// Short messages that disappear by themselves; errors stay until the user closes them.

import { reactive } from "vue";

export interface Toast {
  id: number;
  kind: "info" | "done" | "error";
  text: string;
  /** The original message of the engine or the server, collapsed at first. */
  details?: string;
  /** A button, for example to undo what the toast reports. */
  action?: { label: string; run: () => void };
}

const SECONDS = 6;
let lastId = 0;

export const toasts = reactive<Toast[]>([]);

export function closeToast(id: number): void {
  const index = toasts.findIndex((toast) => toast.id === id);
  if (index >= 0) toasts.splice(index, 1);
}

export function showToast(
  text: string,
  kind: Toast["kind"] = "info",
  details?: string,
  action?: Toast["action"],
): void {
  const id = ++lastId;
  toasts.push({ id, kind, text, details, action });
  if (kind !== "error") window.setTimeout(() => closeToast(id), SECONDS * 1000);
}

/** Run something and show a failure as a toast. Returns whether it succeeded. */
export async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    showToast(error instanceof Error ? error.message : String(error), "error");
    return false;
  }
}
