// Serves this folder and ../shared: any web server would do. PORT=8080 node serve.mjs

import { createServer } from "node:http";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

const ROOTS = [new URL("./", import.meta.url), new URL("../shared/", import.meta.url)];
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  // Browsers compile the engine while it arrives only if it has this type.
  ".wasm": "application/wasm",
};

/** The first file of that name; `new URL` has resolved every `..` by then. */
async function find(pathname) {
  const name = pathname === "/" ? "index.html" : pathname.slice(1);
  for (const root of ROOTS) {
    const file = new URL(name, root);
    if (!file.href.startsWith(root.href)) continue;
    const facts = await stat(file).catch(() => undefined);
    if (facts?.isFile()) return fileURLToPath(file);
  }
}

const server = createServer(async (request, response) => {
  const file = await find(new URL(request.url, "http://service").pathname).catch(() => undefined);
  if (!file) return void response.writeHead(404).end();
  response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "cache-control": "no-cache" });
  createReadStream(file).pipe(response);
});
server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1");
await once(server, "listening");
console.log(`http://127.0.0.1:${server.address().port}/`);
