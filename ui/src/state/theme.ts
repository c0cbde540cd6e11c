// The colour scheme: light, dark, or that of the operating system.

import { ref, watchEffect } from "vue";

export type Theme = "system" | "light" | "dark";

const KEY = "sdcpp.theme";
export const theme = ref<Theme>((localStorage.getItem(KEY) as Theme | null) ?? "system");

watchEffect(() => {
  localStorage.setItem(KEY, theme.value);
  document.documentElement.dataset.theme = theme.value;
});
