// Draws the contract with Swagger UI, which comes from our own assets, in the
// theme of the page.
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

function follow(dark) {
  root.classList.toggle("dark-mode", dark);
}

follow(root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
document.addEventListener("themechange", (event) => follow(event.detail.dark));

window.SwaggerUIBundle({
  url: "/openapi.yaml",
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null,
});
