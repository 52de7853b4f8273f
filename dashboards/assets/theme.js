// The reader's choice of light or dark, kept in this browser. It runs before
// the page is painted, so that nothing flashes.
(() => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  try {
    chosen = localStorage.getItem("theme");
  } catch {
    // Storage may be forbidden; then the choice lasts as long as the page.
  }
  if (chosen !== "dark" && chosen !== "light") {
    chosen = null;
  }
  const isDark = () => (chosen === null ? system.matches : chosen === "dark");

  // show puts the theme on the page and its switch.
  function show() {
    if (chosen !== null) {
      root.dataset.theme = chosen;
    }
    document.getElementById("theme")?.setAttribute("aria-pressed", String(isDark()));
  }

  // change does so too, and tells what was drawn in the theme before.
  function change() {
    show();
    document.dispatchEvent(new CustomEvent("themechange", { detail: { dark: isDark() } }));
  }

  show();
  system.addEventListener("change", change);
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    button.hidden = false;
    button.addEventListener("click", () => {
      chosen = isDark() ? "light" : "dark";
      try {
        localStorage.setItem("theme", chosen);
      } catch {
        // As above.
      }
      change();
    });
    show();
  });
})();
