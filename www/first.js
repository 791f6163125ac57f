// @ts-check
// What comes before everything else: a classic script in the head, since a module would run too late.

// A remembered theme, before the first paint, or the page would flash. Without a choice the style sheet follows the system.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be forbidden: then the system's theme it is.
}

// The long download starts with the first bytes of the page. There are two modules: a browser refuses the one with relaxed
// SIMD as a whole if it does not know it. These bytes are a function of one such instruction.
{
  const relaxed = "AGFzbQEAAAABBQFgAAF7AwIBAAoPAQ0AQQH9D0EC/Q/9gAIL";
  const known = WebAssembly.validate(Uint8Array.from(atob(relaxed), (c) => c.charCodeAt(0)));
  const file = known ? "perforate-web_bg.wasm" : "perforate-web-plain_bg.wasm";
  document.documentElement.dataset.module = file;
  if (location.protocol !== "file:") {
    const link = document.createElement("link");
    document.head.append(Object.assign(link, { rel: "preload", as: "fetch", crossOrigin: "", href: file }));
  }
}
