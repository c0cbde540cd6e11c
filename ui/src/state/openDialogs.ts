// The open dialogs, the top one last. What lies outside of it can't be seen or clicked, so toasts move into it.

import { computed, shallowReactive } from "vue";

const open = shallowReactive<HTMLElement[]>([]);

export const top = computed(() => open.at(-1) ?? document.body);

/** A dialog was opened; the answer says that it is gone. */
export function opened(dialog: HTMLElement): () => void {
  open.push(dialog);
  return () => void open.splice(open.indexOf(dialog), 1);
}
