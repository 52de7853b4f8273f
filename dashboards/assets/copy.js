// Puts a snippet on the clipboard, or marks it where there is no clipboard:
// browsers give one to https and to this machine only.
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    let done = "Copied";
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      getSelection().selectAllChildren(source);
      done = "Marked";
    }
    button.textContent = done;
    button.setAttribute("aria-live", "polite");
    setTimeout(() => {
      button.textContent = "Copy";
    }, 2000);
  });
}
