// Short messages that go away by themselves; errors stay until they are closed.

import { reactive } from "vue";

export interface Toast {
  id: number;
  kind: "info" | "done" | "error";
  text: string;
  /** The engine's or server's raw text, folded away. */
  details?: string;
  /** What can be done about it, such as taking it back. */
  action?: { label: string; act: () => void };
}

const SECONDS = 6;
let last = 0;

export const toasts = reactive<Toast[]>([]);

export function dismiss(id: number): void {
  const index = toasts.findIndex((toast) => toast.id === id);
  if (index >= 0) toasts.splice(index, 1);
}

export function toast(
  text: string,
  kind: Toast["kind"] = "info",
  details?: string,
  action?: Toast["action"],
): void {
  const id = ++last;
  toasts.push({ id, kind, text, details, action });
  if (kind !== "error") window.setTimeout(() => dismiss(id), SECONDS * 1000);
}

/** Do something; a failure becomes a toast. True when it went well. */
export async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    toast(error instanceof Error ? error.message : String(error), "error");
    return false;
  }
}
