/** Copy text, also where a page served over plain HTTP from another machine has no clipboard of its own. */
export async function copyText(text: string): Promise<void> {
  if (window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = Object.assign(document.createElement("textarea"), { value: text });
  // Inside of an open dialog: what lies outside of it can't be selected.
  (document.activeElement?.closest("dialog") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
