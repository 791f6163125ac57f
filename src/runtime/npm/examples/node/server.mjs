// An HTTP service that classifies images: POST /classify {"pixels": [784 numbers from 0 to 1], "threshold": 0.2}
// answers {"label", "logits", "path", "macs"}. GET /health says what has been run.
//
//   PORT=8090 MODEL=routed.onnx node server.mjs

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { PerforateError, load } from "perforate";

const shared = (name) => fileURLToPath(new URL(`../shared/${name}`, import.meta.url));
const PORT = Number(process.env.PORT ?? 8090);
const LONGEST_BODY = 1 << 20;
const PIXELS = 28 * 28;

const { classes } = JSON.parse(await readFile(shared("images.json"), "utf8"));
const model = await load(process.env.MODEL ?? shared("routed.onnx"));
// Two inputs at a time, and this thread stays free to answer.
const pool = await model.pool(2);
const [knob] = model.knobs;
const served = { requests: 0, paths: {} };

/** What is wrong with a request, and its status. */
class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function bodyOf(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > LONGEST_BODY) throw new Refusal(413, `the body is longer than ${LONGEST_BODY} bytes`);
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch {
    throw new Refusal(400, "the body is not JSON");
  }
}

/** A request's image and knob, checked: what comes from outside never reaches the engine as it is. */
function checked(body) {
  const { pixels, threshold = knob.default } = body ?? {};
  if (!Array.isArray(pixels) || pixels.length !== PIXELS || !pixels.every(Number.isFinite)) {
    throw new Refusal(400, `"pixels" must be ${PIXELS} numbers`);
  }
  if (!Number.isFinite(threshold)) throw new Refusal(400, '"threshold" must be a number');
  return { x: { data: Float32Array.from(pixels), dims: [1, 1, 28, 28] }, threshold };
}

async function classify(request, signal) {
  const { x, threshold } = checked(await bodyOf(request));
  // Where more wait than the workers can take, so does this request; one whose client has left is not run.
  await pool.room();
  const { outputs, paths, macs } = await pool.run({ x }, { threshold, signal });
  const logits = [...outputs.logits.data];
  served.requests += 1;
  served.paths[paths[0]] = (served.paths[paths[0]] ?? 0) + 1;
  return { label: classes[logits.indexOf(Math.max(...logits))], logits, path: paths[0], macs: macs[0] };
}

async function answer(request, signal) {
  const { pathname } = new URL(request.url, "http://service");
  if (pathname === "/health") return served;
  if (pathname !== "/classify") throw new Refusal(404, "there is only POST /classify and GET /health");
  if (request.method !== "POST") throw new Refusal(405, "classify takes a POST");
  return classify(request, signal);
}

const server = createServer(async (request, response) => {
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  let status = 200;
  const told = await answer(request, gone.signal).catch((error) => {
    const ours = error instanceof PerforateError && error.kind !== "input" && error.kind !== "knob";
    status = error.status ?? (ours || !(error instanceof PerforateError) ? 500 : 400);
    if (status === 500 && !gone.signal.aborted) console.error(error);
    return { error: error.message };
  });
  if (gone.signal.aborted) return;
  // A body that was not read to its end would be taken for the next request.
  if (status === 413) response.setHeader("connection", "close");
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(told));
});

/** No new connections; what was asked for is answered, and then the workers end. */
async function stop() {
  server.close();
  server.closeIdleConnections();
  await once(server, "close");
  pool.close();
  model.dispose();
  console.log(`stopped after ${served.requests} images: ${JSON.stringify(served.paths)}`);
}
let stopping;
// npm passes a signal on that its child may have had already.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => (stopping ??= stop()));

server.listen(PORT, "127.0.0.1");
await once(server, "listening");
console.log(`http://127.0.0.1:${server.address().port}/classify, ${pool.size} workers, ${knob.name} ${knob.default.toFixed(2)}`);
