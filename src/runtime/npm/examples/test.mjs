// Packs the package, installs it into an empty folder, and runs the examples there: each by its own command, in a process or in
// a real browser. One line of JSON for each check, {"name", "ok", "detail"}; what cannot run here says "skipped".
//
//   node test.mjs [--package ../../../../target/npm] [--only plain,pool] [--python PYTHON] [--tsc FOLDER] [--perforate PROGRAM] [--offline]
//
//   --package  the built package, a folder
//   --only     checks whose name begins so
//   --python   an interpreter that has what requirements.txt asks for; unless given, one is made
//   --tsc      a folder whose node_modules has typescript; unless given, it is installed
//   --perforate the command line; unless given, that of the path
//   --offline  npm takes everything from its cache
//
// Browsers: chromedriver with Chromium, geckodriver with Firefox, from the path, driven by their HTTP protocol.

import { execFile, spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import assert from "node:assert/strict";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const TYPESCRIPT = "typescript@6.0.3";
const WAIT_MS = 60_000;

const { values: given } = parseArgs({
  options: {
    package: { type: "string", default: join(HERE, "../../../../target/npm") },
    only: { type: "string", default: "" },
    python: { type: "string" },
    tsc: { type: "string" },
    perforate: { type: "string" },
    offline: { type: "boolean", default: false },
  },
});

// ---- checks

const only = given.only.split(",");
let failed = 0;

/** What this machine has not got, where that is no fault of the package. */
class Skipped extends Error {}

async function check(name, work) {
  if (!only.some((start) => name.startsWith(start))) return;
  const told = await work().then(
    (detail) => ({ name, ok: true, detail }),
    (error) => (error instanceof Skipped ? { name, ok: true, skipped: true, detail: error.message } : { name, ok: false, detail: error.stack }),
  );
  if (!told.ok) failed += 1;
  console.log(JSON.stringify(told));
}

// ---- processes

const run = async (program, args, options = {}) => {
  const { stdout } = await promisify(execFile)(program, args, { encoding: "utf8", maxBuffer: 1 << 26, ...options }).catch((error) => {
    throw new Error(`${program} ${args.join(" ")}: ${error.message}\n${error.stdout ?? ""}`);
  });
  return stdout;
};

const npm = (folder, ...args) =>
  run("npm", [...args, "--no-audit", "--no-fund", "--silent", given.offline ? "--offline" : "--prefer-offline"], { cwd: folder });

/** A program of the path, or none. */
function find(...names) {
  for (const name of names.filter(Boolean)) {
    for (const folder of name.includes("/") ? [""] : (process.env.PATH ?? "").split(delimiter)) {
      const file = join(folder, name);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // The next one.
      }
    }
  }
}

/** A program that goes on running, and the first line of its output in which `pattern` is. */
async function start(pattern, program, args, options = {}) {
  // A group of its own: npm's children end with it.
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], detached: true, env: { ...process.env, NO_COLOR: "1" }, ...options });
  let text = "";
  // "close" rather than "exit": npm may end before its child has said its last word.
  const ended = new Promise((go) => child.once("close", (code) => go(code)));
  const stop = async (signal = "SIGTERM") => {
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It has ended already.
    }
    await ended;
    return text;
  };
  const found = await new Promise((go, fail) => {
    const late = setTimeout(() => fail(new Error(`${program} ${args.join(" ")} says nothing like ${pattern}:\n${text}`)), WAIT_MS);
    const hear = (part) => {
      text += part;
      const match = pattern.exec(text);
      if (match) clearTimeout(late), go(match);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("error", fail);
    ended.then((code) => fail(new Error(`${program} ${args.join(" ")} ended with ${code}:\n${text}`)));
  }).catch(async (error) => {
    await stop("SIGKILL");
    throw error;
  });
  return { found, stop };
}

/** An example's own command, and the address that it prints. */
async function example(folder, work, args = [], env = {}) {
  const server = await start(/(http:\/\/(?:127\.0\.0\.1|localhost):\d+)/, "npm", args, {
    cwd: folder,
    env: { ...process.env, NO_COLOR: "1", ...env },
  });
  try {
    return await work(server.found[1], server);
  } finally {
    await server.stop();
  }
}

// ---- browsers

const BROWSERS = {
  chromium: {
    driver: () => find(process.env.CHROMEDRIVER, "chromedriver", "/usr/lib/chromium/chromedriver"),
    browser: () => find(process.env.CHROME, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    listening: /successfully on port (\d+)/,
    capabilities: (binary, profile) => ({
      "goog:chromeOptions": {
        binary,
        args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", `--user-data-dir=${profile}`],
      },
    }),
  },
  firefox: {
    driver: () => find(process.env.GECKODRIVER, "geckodriver", join(process.env.CARGO_HOME ?? join(process.env.HOME ?? "", ".cargo"), "bin/geckodriver")),
    browser: () => find(process.env.FIREFOX, "firefox-esr", "firefox"),
    listening: /Listening on 127\.0\.0\.1:(\d+)/,
    capabilities: (binary) => ({ "moz:firefoxOptions": { binary, args: ["-headless"] } }),
  },
};

/** A browser with an empty profile, for as long as `work` takes. */
async function browse(kind, work) {
  const { driver, browser, listening, capabilities } = BROWSERS[kind];
  const [driverFile, binary] = [driver(), browser()];
  if (!driverFile || !binary) throw new Skipped(`there is no ${driverFile ? kind : `driver for ${kind}`} here`);
  const profile = await mkdtemp(join(tmpdir(), "perforate-profile-"));
  const { found, stop } = await start(listening, driverFile, ["--port=0"]);
  const server = `http://127.0.0.1:${found[1]}`;
  const call = async (path, body, method = "POST") => {
    const answer = await fetch(`${server}${path}`, { method, headers: { "content-type": "application/json" }, ...(body && { body: JSON.stringify(body) }) });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${path}: ${value?.message ?? answer.status}`);
    return value;
  };
  let session;
  try {
    const wanted = { capabilities: { alwaysMatch: { ...capabilities(binary, profile), pageLoadStrategy: "normal" } } };
    session = `/session/${(await call("/session", wanted)).sessionId}`;
    await call(`${session}/timeouts`, { script: WAIT_MS });
    const script = (body) => call(`${session}/execute/sync`, { script: body, args: [] });
    return await work({
      go: (url) => call(`${session}/url`, { url }),
      script,
      /** What `body` returns, once that is something. */
      async until(body, atMost = WAIT_MS) {
        for (const began = Date.now(); ; await new Promise((go) => setTimeout(go, 50))) {
          const value = await script(body);
          if (value !== null && value !== false) return value;
          if (Date.now() - began > atMost) {
            throw new Error(`waited in vain for: ${body}\n${await script("return document.body?.innerText ?? ''")}`);
          }
        }
      },
    });
  } finally {
    // The browser ends with its session.
    if (session) await call(session, undefined, "DELETE").catch(() => {});
    await stop();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

// ---- the installed package

const work = await mkdtemp(join(tmpdir(), "perforate-examples-"));
const packed = (await run("npm", ["pack", "--silent", "--pack-destination", work], { cwd: resolve(given.package) })).trim();
const tarball = join(work, packed);
const at = (...names) => join(work, ...names);

/** An empty folder with the package in it. */
async function project(name, files = {}) {
  await mkdir(at(name), { recursive: true });
  await writeFile(at(name, "package.json"), '{ "private": true, "type": "module" }');
  await npm(at(name), "install", tarball);
  for (const [file, text] of Object.entries(files)) await writeFile(at(name, file), text);
  await cp(at("shared/routed.onnx"), at(name, "routed.onnx"));
  await cp(at("shared/images.json"), at(name, "images.json"));
  return at(name);
}

await cp(join(HERE, "shared"), at("shared"), { recursive: true });

const installed = new Map();
/** A copy of an example, installed from the tarball. */
function copyOf(name) {
  const copy = async () => {
    await cp(join(HERE, name), at(name), { recursive: true, filter: (file) => !/node_modules|dist$/.test(file.slice(HERE.length)) });
    await npm(at(name), "install", tarball);
    return at(name);
  };
  if (!installed.has(name)) installed.set(name, copy());
  return installed.get(name);
}

const LIGHT_MACS = 117_951;
const FULL_MACS = 4_400_511;

/** The table of a page at its first threshold, and at none. */
async function assertTable(browser, { move }) {
  const rows = `return [...document.querySelectorAll("tbody tr")].map((row) => [row.dataset.path, ...[...row.cells].slice(1).map((cell) => cell.textContent)])`;
  await browser.until('return document.querySelectorAll("tbody tr").length === 24');
  const first = await browser.script(rows);
  assert.equal(first.filter(([path]) => path === "full").length, 6, JSON.stringify(first));
  for (const [path, , told, macs] of first) {
    assert.equal(path, told);
    assert.equal(Number(macs.replaceAll(",", "")), path === "full" ? FULL_MACS : LIGHT_MACS);
  }
  assert.deepEqual(first.slice(0, 3).map(([, label]) => label), ["Ankle boot", "Pullover", "Trousers"]);
  // Not blank: the first picture has bright pixels.
  const bright = 'return [...document.querySelector("tbody canvas").getContext("2d").getImageData(0, 0, 28, 28).data].filter((v, ix) => ix % 4 === 0 && v > 128).length';
  assert.ok((await browser.script(bright)) > 50);
  await browser.script(move);
  await browser.until('return document.querySelectorAll("tbody tr[data-path=full]").length === 24');
  return `${first.length} rows, 6 full; all full at threshold 0`;
}

/** React listens to the event of the setter that it has replaced. */
const MOVE = `
  const slider = document.querySelector("input[type=range]");
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(slider, "0");
  slider.dispatchEvent(new Event("input", { bubbles: true }));`;

// ---- plain page

for (const kind of Object.keys(BROWSERS)) {
  await check(`plain page, ${kind}`, async () => {
    const folder = await copyOf("plain");
    return browse(kind, (browser) =>
      example(folder, async (url) => (await browser.go(url), assertTable(browser, { move: MOVE })), ["start"], { PORT: "0" }));
  });
}

// ---- a page that asks a server for the rest

for (const kind of Object.keys(BROWSERS)) {
  await check(`split page, ${kind}`, async () => {
    const perforate = find(given.perforate, "perforate");
    if (!perforate) throw new Skipped("the command line is not here");
    const folder = await copyOf("split");
    await run(perforate, ["split", at("shared/routed.onnx"), "--gate", "gate", "--out", folder]);
    return browse(kind, (browser) => example(folder, (page) => assertSplit(browser, page, { perforate, folder }), ["start"], { PORT: "0" }));
  });
}

/** The page at several thresholds with the service, and without it. */
async function assertSplit(browser, page, { perforate, folder }) {
  const origin = new URL(page).origin;
  const service = await start(/(http:\/\/127\.0\.0\.1:\d+)/, perforate, ["serve", join(folder, "server.onnx"), "--listen", "127.0.0.1:0", "--allow-origin", origin]);
  const [, url] = service.found;
  const counted = async () => Number(/perforate_rows_total (\d+)/.exec(await (await fetch(`${url}/metrics`)).text())[1]);
  const all = (place) => `return document.querySelectorAll('tbody tr[data-place="${place}"]').length === 24`;
  const move = (to) => browser.script(`const slider = document.querySelector("input"); slider.value = ${to}; slider.dispatchEvent(new Event("input"))`);
  const answers = () => browser.script('return [...document.querySelectorAll("tbody tr")].map((row) => row.cells[1].textContent)');
  try {
    await browser.go(`${page}?service=${url}`);
    await browser.until('return document.querySelectorAll("tbody tr").length === 24');
    assert.equal(await browser.script(`return document.querySelectorAll('tbody tr[data-place="server"]').length`), 6);
    assert.equal(await counted(), 6);
    const summary = await browser.script('return document.getElementById("summary").textContent');
    assert.match(summary, /^18 of 24 images were answered on this device \(75 %\); 1[89],\d{3} bytes were sent/);
    assert.deepEqual((await answers()).slice(0, 3), ["Ankle boot", "Pullover", "Trousers"]);
    await move(0);
    await browser.until(all("server"));
    assert.equal(await counted(), 30);
    // The device's own answers stand where nobody else answers.
    await service.stop("SIGTERM");
    await move(0.05);
    await browser.until(`return document.querySelectorAll('tbody tr[data-place="device, unsure"]').length === 6`);
    assert.match(await browser.script('return document.getElementById("summary").textContent'), /the service did not answer/);
    return summary;
  } finally {
    await service.stop();
  }
}

// ---- the README's lines, as pasted, in a page

const readme = async () => /```js\n([^]*?)```/.exec(await readFile(join(given.package, "README.md"), "utf8"))[1];
const HOOK = "<script>window.told = []; const log = console.log; console.log = (...all) => (told.push(all.map(String)), log(...all));</script>";
const page = (head, script) => `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">${HOOK}${head}<body><script type="module" src="${script}"></script>`;
const assertReadme = async (browser) => {
  const [[path, macs]] = await browser.until("return window.told.length > 0 && window.told");
  assert.ok(["light", "full"].includes(path), path);
  assert.equal(Number(macs), path === "full" ? FULL_MACS : LIGHT_MACS);
  return `${path}, ${macs} multiply-accumulates`;
};
const importMap = '<script type="importmap">{ "imports": { "perforate": "./node_modules/perforate/index.js" } }</script>';

for (const kind of Object.keys(BROWSERS)) {
  await check(`readme without a bundler, ${kind}`, async () => {
    const folder = await project("readme", { "main.js": await readme(), "index.html": page(importMap, "main.js") });
    await cp(join(HERE, "plain/serve.mjs"), join(folder, "serve.mjs"));
    await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module", "scripts": { "start": "node serve.mjs" } }');
    return browse(kind, (browser) => example(folder, async (url) => (await browser.go(url), assertReadme(browser)), ["start"], { PORT: "0" }));
  });
}

// ---- Vite

await check("vite, development, chromium", async () => {
  const folder = await copyOf("vite");
  return browse("chromium", (browser) =>
    example(folder, async (url) => (await browser.go(url), assertTable(browser, { move: MOVE })), ["start", "--", "--host", "127.0.0.1"]));
});

for (const kind of Object.keys(BROWSERS)) {
  await check(`vite, build, ${kind}`, async () => {
    const folder = await copyOf("vite");
    const built = await run("npm", ["run", "build"], { cwd: folder });
    assert.ok(!/externalized|warning/i.test(built), built);
    return browse(kind, (browser) =>
      example(folder, async (url) => (await browser.go(url), assertTable(browser, { move: MOVE })), ["run", "preview", "--", "--host", "127.0.0.1"]));
  });
}

// With no configuration but where the model is: none for the package, none for its workers.
const POOL_LINES = `
const pool = await model.pool(2);
const pooled = await Promise.all(Array.from({ length: 20 }, () => pool.run({ x })));
pool.close();
window.pooled = pooled.map(({ paths }) => paths[0]);
`;
let unconfigured;
function viteProject() {
  const make = async () => {
    const folder = at("vite-readme");
    await cp(await copyOf("vite"), folder, { recursive: true, verbatimSymlinks: true });
    await writeFile(join(folder, "vite.config.js"), 'export default { publicDir: "../shared" };');
    await writeFile(join(folder, "src/readme.js"), (await readme()) + POOL_LINES);
    await writeFile(join(folder, "index.html"), page("", "/src/readme.js"));
    await run("npm", ["run", "build"], { cwd: folder });
    return folder;
  };
  return (unconfigured ??= make());
}
for (const [way, command] of [["development", ["start"]], ["build", ["run", "preview"]]]) {
  for (const kind of Object.keys(BROWSERS)) {
    await check(`readme and a pool with vite, ${way}, ${kind}`, async () => {
      const folder = await viteProject();
      return browse(kind, (browser) =>
        example(folder, async (url) => {
          await browser.go(url);
          const told = await assertReadme(browser);
          const pooled = await browser.until("return window.pooled ?? null");
          assert.equal(pooled.length, 20);
          return `${told}; 20 inputs in a pool`;
        }, [...command, "--", "--host", "127.0.0.1"]));
    });
  }
}

// ---- service in Node

await check("node service", async () => {
  const folder = await copyOf("node");
  const { labels, pixels } = JSON.parse(await readFile(at("shared/images.json"), "utf8"));
  const bytes = Buffer.from(pixels, "base64");
  const image = (row) => Array.from(bytes.subarray(row * 784, (row + 1) * 784), (byte) => byte / 255);
  const server = await start(/(http:\/\/127\.0\.0\.1:\d+)\/classify/, "npm", ["start"], { cwd: folder, env: { ...process.env, PORT: "0" } });
  const [, url] = server.found;
  const post = async (body) => {
    const answer = await fetch(`${url}/classify`, { method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) });
    return [answer.status, await answer.json()];
  };
  try {
    const answers = await Promise.all(labels.map((_, row) => post({ pixels: image(row) })));
    assert.ok(answers.every(([status]) => status === 200), JSON.stringify(answers[0]));
    assert.equal(answers.filter(([, { path }]) => path === "full").length, 6);
    assert.ok(answers.every(([, { path, macs }]) => macs === (path === "full" ? FULL_MACS : LIGHT_MACS)));
    assert.equal(answers[0][1].label, "Ankle boot");
    assert.equal((await post({ pixels: image(0), threshold: 0 }))[1].path, "full");
    for (const bad of ["{", "null", {}, { pixels: [1, 2] }, { pixels: image(0).fill("a") }, { pixels: image(0), threshold: "high" }]) {
      const [status, { error }] = await post(bad);
      assert.equal(status, 400, `${JSON.stringify(bad).slice(0, 60)}: ${status} ${error}`);
      assert.ok(error.length > 5);
    }
    assert.equal((await post(`{"pixels": "${"a".repeat(2 << 20)}"}`).catch(() => [413]))[0], 413);
    assert.equal((await fetch(`${url}/nothing`)).status, 404);
    assert.equal((await fetch(`${url}/classify`)).status, 405);
    // It still serves, and what is under way when it is stopped is answered.
    assert.equal((await (await fetch(`${url}/health`)).json()).requests, labels.length + 1);
    const client = await run("node", ["client.mjs", url], { cwd: folder });
    assert.equal(client.trim().split("\n").length, labels.length, client);
    const last = Array.from({ length: 200 }, () => post({ pixels: image(0), threshold: 0 }));
    await last[0];
    const stopped = server.stop("SIGTERM");
    const ends = await Promise.allSettled(last);
    const text = await stopped;
    const said = /stopped after (\d+) images/.exec(text);
    assert.ok(said, `not a graceful stop: ${text}`);
    const answered = ends.filter((end) => end.status === "fulfilled" && end.value[0] === 200).length;
    assert.equal(Number(said[1]), 2 * labels.length + 1 + answered, "every image that was run was answered");
    return `${labels.length} images, 6 full; 400 six times; ${answered} of 200 requests answered while it stopped`;
  } finally {
    await server.stop();
  }
});

// ---- Python

await check("python", async () => {
  await cp(join(HERE, "python"), at("python"), { recursive: true });
  let python = given.python;
  if (!python) {
    const own = find("python3");
    if (!own) throw new Skipped("there is no Python here");
    await run(own, ["-m", "venv", at("venv")]);
    python = at("venv/bin/python");
    await run(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", at("python/requirements.txt")]);
  }
  const classify = async (...args) => {
    const lines = (await run(python, [at("python/classify.py"), ...args])).trim().split("\n");
    return { lines, full: lines.filter((line) => / full +[\d.]+ ms$/.test(line)).length, light: lines.filter((line) => / light +[\d.]+ ms$/.test(line)).length };
  };
  const own = await classify();
  assert.deepEqual([own.light, own.full], [18, 6], own.lines.join("\n"));
  const all = await classify("--threshold", "0");
  assert.deepEqual([all.light, all.full], [0, 24], all.lines.join("\n"));
  const none = await classify("--threshold", "2");
  assert.deepEqual([none.light, none.full], [24, 0], none.lines.join("\n"));
  return own.lines.slice(-3).join("; ");
});

// ---- types

const TYPES = `
import { load, PerforateError, Pool } from "perforate";
import type { Certificate, Knob, Model, ModelInput, PoolOptions, Report, RunOptions, RunResult, Source, Split, Tensor, Tensors } from "perforate";

const source: Source = new URL("https://example.org/routed.onnx");
const model: Model = await load(source);
const knob: Knob | undefined = model.knobs[0];
const input: ModelInput | undefined = model.inputs[0];
const certificate: Certificate | undefined = model.certificate;
const split: Split | undefined = model.split;
const x: Tensor = { data: new Float32Array(784), dims: [1, 1, 28, 28] };
const ids: Tensor = { data: new BigInt64Array(8), dims: [1, 8] as const };
const tensors: Tensors = { x, ids };
const stop = new AbortController();
const options: RunOptions = { threshold: knob?.default ?? 0.5, signal: stop.signal };
const result: RunResult = await model.run(tensors, options);
const path: string | undefined = result.paths[0];
const sum: number = result.macs.reduce((all, one) => all + one, 0);
const logits = result.outputs["logits"]?.data;
if (logits instanceof Float32Array) console.log(logits.at(0)?.toFixed(2));
const poolOptions: PoolOptions = { workers: 2 };
const pool: Pool = await Pool.open(new Uint8Array(8), poolOptions);
const other: Pool = await model.pool();
await pool.room();
const size: number = pool.size + other.waiting;
await pool.run({ x }, { signal: stop.signal }).catch((error: unknown) => {
  if (error instanceof PerforateError) console.error(error.kind, error.file ?? "", error.node ?? "");
});
pool.close();
const report: Report = model.report();
model.dispose();
console.log(input?.shape, certificate?.epsilon, split?.sent.join(), path, sum, size, report.paths["light"]);

// @ts-expect-error: a plain array is no tensor
await model.run({ x: { data: [1, 2, 3], dims: [3] } });
// @ts-expect-error: a knob is a number
await model.run({ x }, { threshold: "high" });
// @ts-expect-error: use load
new Model();
// @ts-expect-error: results are read only by name of a property that exists
result.path;
`;

await check("types under tsc --strict", async () => {
  const folder = await project("types", { "main.mts": TYPES });
  let tsc = given.tsc;
  if (!tsc) {
    await npm(folder, "install", TYPESCRIPT);
    tsc = folder;
  }
  const options = { strict: true, noEmit: true, target: "esnext", lib: ["esnext", "dom"], types: [], exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false };
  for (const [module, moduleResolution] of [["nodenext", "nodenext"], ["esnext", "bundler"]]) {
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: { ...options, module, moduleResolution }, files: ["main.mts"] }));
    await run("node", [join(tsc, "node_modules/typescript/bin/tsc"), "--pretty", "false"], { cwd: folder });
  }
  return "module resolution nodenext and bundler";
});

// ---- pool

/** Before the worker's own lines: every so-many-th input of a worker traps, as a fault of the engine would. */
const trapEvery = (inputs) => `
{
  const run = Engine.prototype.run;
  const bytes = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 5, 1, 3, 0, 0, 11];
  const { f: unreachable } = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes))).exports;
  let runs = 0;
  Engine.prototype.run = function (...given) {
    runs += 1;
    if (runs === ${inputs}) unreachable();
    return run.apply(this, given);
  };
}
`;

/**
 * The same stream in Node and in a page: 10,000 inputs of which a third is cancelled half-way, and whoever can kills workers.
 * Every input ends once, with its own answer or with the reason of the signal.
 */
const STREAM = `
export async function stream(load, file, images, { count = 10_000, kill = () => {} } = {}) {
  const model = await load(file);
  const { labels, pixels } = images;
  const bytes = Uint8Array.from(atob(pixels), (letter) => letter.charCodeAt(0));
  const all = Float32Array.from(bytes, (byte) => byte / 255);
  const rows = labels.length;
  const expected = await model.run({ x: { data: all, dims: [rows, 1, 28, 28] } });
  const pool = await model.pool(2);
  const stop = new AbortController();
  const told = new Uint8Array(count);
  const ends = { done: 0, cancelled: 0, wrong: 0, other: [], longest: 0 };
  const work = [];
  for (let ix = 0; ix < count; ix += 1) {
    await pool.room();
    if (ix === count / 4 || ix === count / 2 || ix === (count * 3) / 4) kill();
    ends.longest = Math.max(ends.longest, pool.waiting);
    const row = ix % rows;
    const signal = ix % 3 === 0 ? stop.signal : undefined;
    // A view: it must not take all images along.
    const x = { data: all.subarray(row * 784, (row + 1) * 784), dims: [1, 1, 28, 28] };
    work.push(pool.run({ x }, { signal }).then(
      ({ outputs, paths }) => {
        told[ix] += 1;
        ends.done += 1;
        const wanted = expected.outputs.logits.data;
        const same = paths[0] === expected.paths[row] && outputs.logits.data.every((value, at) => value === wanted[row * 10 + at]);
        if (!same) ends.wrong += 1;
      },
      (error) => {
        told[ix] += 1;
        if (signal && error === stop.signal.reason) ends.cancelled += 1;
        else ends.other.push(String(error));
      },
    ));
    if (ix === Math.floor((count * 7) / 10)) stop.abort(new Error("enough"));
  }
  await Promise.all(work);
  pool.close();
  model.dispose();
  return { ...ends, count, never: told.filter((times) => times === 0).length, twice: told.filter((times) => times > 1).length, signal: stop.signal };
}
`;

/** The package with workers that trap, beside the README's folder. */
async function trapping(name, files) {
  const folder = await project(name, { "stream.js": STREAM, ...files });
  const worker = join(folder, "node_modules/perforate/pool-worker.js");
  const text = await readFile(worker, "utf8");
  const before = "/** @type {Engine} */";
  assert.ok(text.includes(before));
  await writeFile(worker, text.replace(before, `${trapEvery(1500)}\n${before}`));
  return folder;
}

function assertStream(told, { killed }) {
  const { done, cancelled, wrong, other, never, twice, count, longest } = told;
  const all = JSON.stringify({ ...told, other: other.slice(0, 3) });
  assert.deepEqual([wrong, other.length, never, twice], [0, 0, 0, 0], all);
  assert.equal(done + cancelled, count, all);
  // A third of the last three tenths was never begun.
  assert.ok(cancelled >= Math.floor(count / 10) && cancelled < count / 7, all);
  assert.ok(longest <= 8, `the queue stays short: ${all}`);
  return `${count} inputs: ${done} answered, ${cancelled} cancelled, none lost, wrong or twice; ${killed}`;
}

const IN_NODE = `
import { getEventListeners } from "node:events";
import { readFile } from "node:fs/promises";
import threads from "node:worker_threads";
import { load } from "perforate";
import { stream } from "./stream.js";
// Whoever wants to end a worker from outside has to know it.
const workers = [];
const { Worker } = threads;
threads.Worker = class extends Worker {
  constructor(...given) {
    super(...given);
    workers.push(this);
  }
};
const images = JSON.parse(await readFile("images.json", "utf8"));
const kill = () => workers.at(-1).terminate();
const told = await stream(load, "routed.onnx", images, { kill });
console.log(JSON.stringify({ ...told, signal: undefined, listeners: getEventListeners(told.signal, "abort").length, workers: workers.length }));
`;

await check("pool in node: 10,000 inputs, some cancelled, workers killed", async () => {
  const folder = await trapping("pool-node", { "main.mjs": IN_NODE });
  const told = JSON.parse(await run("node", ["main.mjs"], { cwd: folder, timeout: WAIT_MS }));
  assert.ok(told.workers >= 2 + 3 + 2, `${told.workers} workers`);
  assert.equal(told.listeners, 0, "listeners are left on the signal");
  return assertStream(told, { killed: `${told.workers - 2} workers replaced, 3 of them terminated from outside, the others after a trap` });
});

const IN_PAGE = `
import { load } from "perforate";
import { stream } from "./stream.js";
let workers = 0;
globalThis.Worker = class extends Worker { constructor(...given) { super(...given); workers += 1; } };
const images = await (await fetch("images.json")).json();
stream(load, "routed.onnx", images).then(
  (told) => { window.told = { ...told, signal: null, workers }; },
  (error) => { window.told = { error: String(error) }; },
);
`;

for (const kind of Object.keys(BROWSERS)) {
  await check(`pool in a page: 10,000 inputs, some cancelled, workers trap, ${kind}`, async () => {
    const folder = await trapping("pool-page", { "main.js": IN_PAGE, "index.html": page(importMap, "main.js") });
    await cp(join(HERE, "plain/serve.mjs"), join(folder, "serve.mjs"));
    await writeFile(join(folder, "package.json"), '{ "private": true, "type": "module", "scripts": { "start": "node serve.mjs" } }');
    const told = await browse(kind, (browser) =>
      example(folder, async (url) => (await browser.go(url), browser.until("return window.told.count !== undefined || window.told.error ? window.told : null")), ["start"], { PORT: "0" }));
    assert.equal(told.error, undefined);
    assert.ok(told.workers >= 2 + 2, `${told.workers} workers`);
    return assertStream(told, { killed: `${told.workers - 2} workers replaced after a trap` });
  });
}

const FAULTS = `
import { PerforateError, Pool, load } from "perforate";
const model = await load("routed.onnx");
const pool = await model.pool(2);
const row = { x: { data: new Float32Array(784), dims: [1, 1, 28, 28] } };
const faults = [];
for (const work of [
  () => Pool.open(new Uint8Array([1, 2, 3]), { workers: 2 }),
  () => pool.run({}),
  () => pool.run({ x: { data: new Float32Array(3), dims: [1, 3] } }),
  () => pool.run(row, { speed: 1 }),
  () => pool.run({ x: { data: new Float32Array(784), dims: () => 1 } }),
  () => pool.run(row, { signal: AbortSignal.abort(new Error("no more")) }),
]) {
  const error = await work().then(() => null, (error) => error);
  faults.push(error instanceof PerforateError ? error.kind : String(error));
}
// None of that has cost a worker.
await Promise.all(Array.from({ length: 10 }, () => pool.run(row)));
const late = pool.run(row);
pool.close();
faults.push((await late.catch((error) => error)).kind, (await pool.run(row).catch((error) => error)).kind);
console.log(JSON.stringify(faults));
`;

await check("pool in node: faults", async () => {
  const folder = await project("pool-faults", { "main.mjs": FAULTS });
  const told = JSON.parse(await run("node", ["main.mjs"], { cwd: folder, timeout: WAIT_MS }));
  assert.deepEqual(told, ["not_onnx", "input", "input", "knob", "input", "Error: no more", "disposed", "disposed"]);
  return told.join(", ");
});

const THROUGHPUT = `
import { load } from "perforate";
const model = await load("routed.onnx");
const x = { data: new Float32Array(8 * 784).fill(0.3), dims: [8, 1, 28, 28] };
const pools = { one: await model.pool(1), two: await model.pool(2) };
async function rate(pool, count) {
  const began = performance.now();
  const work = [];
  for (let ix = 0; ix < count; ix += 1) {
    await pool.room();
    work.push(pool.run({ x }, { threshold: 0 }));
  }
  await Promise.all(work);
  return count / (performance.now() - began);
}
for (const pool of Object.values(pools)) await rate(pool, 40);
const ratios = [];
for (let round = 0; round < 9; round += 1) {
  const one = await rate(pools.one, 150);
  ratios.push(await rate(pools.two, 300) / one);
}
for (const pool of Object.values(pools)) pool.close();
console.log(JSON.stringify(ratios.sort((a, b) => a - b)));
`;

// Real time, so no assertion: it tells how busy the machine is as well.
await check("pool in node: throughput of two workers", async () => {
  const folder = await project("pool-throughput", { "main.mjs": THROUGHPUT });
  const ratios = JSON.parse(await run("node", ["main.mjs"], { cwd: folder, timeout: WAIT_MS }));
  const shown = (value) => value.toFixed(2);
  return `${shown(ratios[4])} times that of one (median of 9 rounds, ${shown(ratios[0])} to ${shown(ratios[8])})`;
});

await rm(work, { recursive: true, force: true, maxRetries: 5 });
process.exit(failed === 0 ? 0 : 1);
