/** Copy text. Browsers offer the clipboard API over HTTPS and on localhost only; elsewhere an old command is used. */
export async function copyText(text: string): Promise<void> {
  if (window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const textarea = Object.assign(document.createElement("textarea"), { value: text });
  // An open modal dialog makes all elements outside of it impossible to select.
  (document.activeElement?.closest("dialog") ?? document.body).append(textarea);
  textarea.select();
  document.execCommand("copy");
  textarea.remove();
}
