// @ts-check
// Starts the page out of the one HTML file that pack.sh makes. Modules of the page import each other by
// addresses of blobs. A worker from file:// is of another origin and reaches none of these: its script is one
// classic text, and it is handed the files as blobs.

(async () => {
  /** @param {HTMLElement} element */
  const unpack = (element) => {
    const packed = Uint8Array.from(atob(element.textContent ?? ""), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    element.textContent = "";
    return new Response(stream).arrayBuffer();
  };
  /** @type {Record<string, Blob>} */
  const files = {};
  /** @type {Record<string, string>} */
  const texts = {};
  for (const element of document.querySelectorAll("script[data-file]")) {
    const packed = /** @type {HTMLElement} */ (element);
    const { file = "", type } = packed.dataset;
    const bytes = await unpack(packed);
    if (type === "text/javascript") texts[file] = new TextDecoder().decode(bytes);
    else files[file] = new Blob([bytes], { type });
  }
  // The one module that every browser takes.
  document.documentElement.dataset.module = "perforate-web-plain_bg.wasm";
  globalThis.packed = files;

  /** @param {string} text */
  const address = (text) => URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const glue = texts["perforate-web.js"]
    .replaceAll(/^export (?=class|function)/gm, "")
    .replace(/^export \{[^}]*\};?/m, "")
    .replaceAll("import.meta.url", "location.href");
  const work = texts["worker.js"].replace(/^import .*$/m, "const { init, Lab } = engine;");
  /** @type {Record<string, string>} */
  const addresses = {
    "worker.js": address(`const engine = (() => { ${glue}\nreturn { init: __wbg_init, Lab }; })();\n${work}`),
  };
  // In the order of the file: what is imported comes before who imports it.
  for (const [file, text] of Object.entries(texts)) {
    const known = Object.entries(addresses);
    addresses[file] ??= address(known.reduce((all, [name, at]) => all.replaceAll(`"./${name}"`, `"${at}"`), text));
  }
  await import(addresses["app.js"]);
})().catch((error) => {
  document.documentElement.dataset.state = "error";
  const told = /** @type {HTMLElement} */ (document.getElementById("error"));
  told.hidden = false;
  told.textContent = `This browser cannot unpack the page (${error.message}): open it in a newer one.`;
});
