// @ts-check
// A worker with ONNX Runtime Web, from the page's own folder.
//
// In:  {place}                    address of its module
//      {model, rows, threads}     an ONNX file, inputs, threads: answers with {outputs}, of the first output
//      {turn: true}               answers with {seconds} for all rows, one at a time
// Out: as said, or {error: sentence}

/** @typedef {{ name: string, type: string, dims: number[], data: number[] }} PeerTensor */

const scope = /** @type {DedicatedWorkerGlobalScope} */ (/** @type {unknown} */ (self));
/**
 * @typedef {object} Session
 * @property {string[]} outputNames
 * @property {(feed: Record<string, unknown>) => Promise<Record<string, { data: ArrayLike<number | bigint> }>>} run
 */
/**
 * What is used of ONNX Runtime Web.
 * @typedef {object} Ort
 * @property {new (type: string, data: unknown, dims: number[]) => unknown} Tensor
 * @property {{ wasm: { wasmPaths: string, numThreads: number } }} env
 * @property {{ create: (model: Uint8Array, options: object) => Promise<Session> }} InferenceSession
 */
/** @type {Ort} */
let ort;
/** @type {Session} */
let session;
/** @type {Record<string, unknown>[]} */
let feeds = [];

/** @param {PeerTensor} tensor */
function make({ type, dims, data }) {
  const values = type === "int64" ? BigInt64Array.from(data, BigInt) : Float32Array.from(data);
  return new ort.Tensor(type, values, dims);
}

/**
 * @param {{ place?: string, model?: Uint8Array, rows?: PeerTensor[][], threads?: number, turn?: boolean }} question
 */
async function answer({ place, model, rows = [], threads = 1, turn }) {
  if (place != null) {
    ort = await import(place);
    ort.env.wasm.wasmPaths = new URL("./", place).href;
    return {};
  }
  if (model) {
    ort.env.wasm.numThreads = threads;
    session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
    feeds = rows.map((row) => Object.fromEntries(row.map((tensor) => [tensor.name, make(tensor)])));
    const outputs = [];
    for (const feed of feeds) {
      const given = await session.run(feed);
      outputs.push(Array.from(given[session.outputNames[0]].data, Number));
    }
    return { outputs };
  }
  if (turn) {
    const began = performance.now();
    for (const feed of feeds) await session.run(feed);
    return { seconds: (performance.now() - began) / 1000 };
  }
  return {};
}

/** @param {MessageEvent} event */
scope.onmessage = async ({ data }) => {
  try {
    scope.postMessage(await answer(data));
  } catch (error) {
    scope.postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
};
