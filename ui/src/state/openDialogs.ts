// The open dialogs. A modal dialog makes everything outside of it inert, so toasts are rendered in the topmost one.

import { computed, shallowReactive } from "vue";

const openDialogs = shallowReactive<HTMLElement[]>([]);

export const toastContainer = computed(() => openDialogs.at(-1) ?? document.body);

/** Register an opened dialog; the returned function removes it. */
export function registerDialog(dialog: HTMLElement): () => void {
  openDialogs.push(dialog);
  return () => void openDialogs.splice(openDialogs.indexOf(dialog), 1);
}
