// Times ONNX files in this engine and in onnxruntime-web, in one page, in interleaved rounds.
//
// index.html?threads=N&modules=A,B; threads are onnxruntime-web's, modules are builds of perforate-runtime. Beside it lie
// `ort/` (the dist folder of onnxruntime-web), a folder for each module, and `cases/`.
//
// `start(case, rounds, sample)` times one case in samples of so many seconds: { name, inputs: [{ name, type, dims }] } with `cases/NAME.onnx` and
// `cases/NAME.INPUT.bin`; where it names a `full` model, with `cases/FULL.onnx`, that one in this engine takes onnxruntime-web's
// place. It returns at once; `result` then becomes { seconds: { ENGINE: [one a round] }, outputs: { ENGINE:
// { OUTPUT: [values] } } } or { error }.

import * as ort from "./ort/ort.wasm.min.mjs";

// Browsers recompile hot functions while they run.
const WARM_UP_MS = 400;
// Idle threads of onnxruntime-web spin for a while.
const PAUSE_MS = 20;
const PEER = "onnxruntime-web";

const query = new URLSearchParams(location.search);
ort.env.wasm.numThreads = Number(query.get("threads"));
ort.env.wasm.wasmPaths = new URL("./ort/", location.href).href;

const modules = new Map();
const ready = (async () => {
  for (const name of query.get("modules").split(",")) {
    const { default: init, Engine } = await import(`./${name}/perforate_runtime.js`);
    await init();
    modules.set(name, Engine);
  }
})();

const read = async (name) => {
  const answer = await fetch(`cases/${name}`);
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer.arrayBuffer();
};

async function feedsOf({ name, inputs }) {
  const feeds = {};
  for (const { name: input, type, dims } of inputs) {
    const buffer = await read(`${name}.${input}.bin`);
    const data = type === "int64" ? new BigInt64Array(buffer) : new Float32Array(buffer);
    feeds[input] = new ort.Tensor(type, data, dims);
  }
  return feeds;
}

async function time(run, count) {
  // Not counted: the other engine has left its data in the caches.
  if (count > 1) await run();
  const began = performance.now();
  for (let ix = 0; ix < count; ix++) await run();
  const ms = performance.now() - began;
  await new Promise((done) => setTimeout(done, PAUSE_MS));
  return ms;
}

// How many runs fill a sample.
async function runsPerSample(run, sampleMs) {
  const began = performance.now();
  let count = 1;
  for (;;) {
    const ms = await time(run, count);
    const factor = (1.1 * sampleMs) / ms;
    if (ms < sampleMs) count = Math.ceil(count * Math.min(10, Math.max(2, factor)));
    else if (performance.now() - began > WARM_UP_MS) return Math.ceil(count * Math.min(1, factor));
  }
}

const values = (answer) =>
  Object.fromEntries(Object.entries(answer).map(([name, { data }]) => [name, Array.from(data, Number)]));

async function compare(given, rounds, sample) {
  await ready;
  const feeds = await feedsOf(given);
  const file = new Uint8Array(await read(`${given.name}.onnx`));
  const models = [...modules].map(([name, Engine]) => [name, new Engine(name, file)]);
  let session;
  if (given.full) {
    const full = new Uint8Array(await read(`${given.full}.onnx`));
    models.push(...[...modules].map(([name, Engine]) => [`${name} f32`, new Engine(name, full)]));
  } else {
    session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
  }
  const engines = models.map(([name, model]) => [name, () => model.run(feeds)]);
  if (session) engines.unshift([PEER, () => session.run(feeds)]);
  const outputs = {}, runs = {}, seconds = {};
  for (const [name, run] of engines) {
    outputs[name] = values(await run());
    runs[name] = await runsPerSample(run, 1000 * sample);
    seconds[name] = [];
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of round % 2 ? engines.toReversed() : engines) {
      seconds[name].push((await time(run, runs[name])) / runs[name] / 1000);
    }
  }
  await session?.release();
  for (const [, model] of models) model.free();
  return { seconds, outputs };
}

// Inputs a second through pools of so many workers, in interleaved rounds: { WORKERS: [one a round] }.
async function stream(given, module, sizes, rounds, sample) {
  const { Pool } = await import(`./${module}/pool.js`);
  const feeds = await feedsOf(given);
  const plain = Object.fromEntries(Object.entries(feeds).map(([name, { data, dims }]) => [name, { data, dims }]));
  const file = new Uint8Array(await read(`${given.name}.onnx`));
  const rates = {};
  const pools = await Promise.all(sizes.map((workers) => Pool.open(file, { workers })));
  for (const pool of pools) rates[pool.size] = [];
  for (let round = -1; round < rounds; round++) {
    for (const pool of round % 2 ? pools : pools.toReversed()) {
      const began = performance.now();
      let done = 0;
      // Two inputs for each worker: one is on its way while the other runs.
      const feed = async () => {
        while (performance.now() - began < 1000 * sample) {
          await pool.run(plain);
          done++;
        }
      };
      await Promise.all(Array.from({ length: 2 * pool.size }, feed));
      // The first round only warms up.
      if (round >= 0) rates[pool.size].push((1000 * done) / (performance.now() - began));
    }
  }
  for (const pool of pools) pool.close();
  return { rates };
}

const messageOf = (work) => {
  try {
    work();
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : `not an Error: ${error}`;
  }
};

// What a module says of a case's model, and of mistakes.
window.describe = async (given, name) => {
  await ready;
  const feeds = await feedsOf(given);
  const [[input, { dims }]] = Object.entries(feeds);
  const Engine = modules.get(name);
  const model = new Engine(given.name, new Uint8Array(await read(`${given.name}.onnx`)));
  const said = {
    inputs: model.inputs(),
    outputs: model.outputs(),
    knobs: model.knobs(),
    errors: [
      () => new Engine("the model", new Uint8Array(0)),
      () => model.run({}),
      () => model.run({ ...feeds, other: feeds[input] }),
      () => model.run({ ...feeds, [input]: { data: new Float32Array(1), dims } }),
      () => model.run(feeds, { other: 1 }),
    ].map(messageOf),
  };
  model.free();
  return said;
};

const keep = (work) => {
  window.result = undefined;
  work.then(
    (result) => { window.result = result; },
    (error) => { window.result = { error: String(error) }; },
  );
};
window.start = (given, rounds, sample) => keep(compare(given, rounds, sample));
window.startStream = (...given) => keep(stream(...given));
