// @ts-check
// Runs routed ONNX models: each row takes its own path. In a page, a worker, or Node; with a bundler or without.
//
//   import { load } from "perforate";
//   const model = await load("routed.onnx");
//   const { outputs, paths } = await model.run({ x: { data: pixels, dims: [1, 1, 28, 28] } }, { threshold: 0.2 });

import init, { Engine } from "./perforate_runtime.js";
import { PerforateError } from "./error.js";
import { builtin, isNode, module } from "./module.js";
import { Pool } from "./pool.js";

/**
 * @import { Certificate, Knob, ModelInput, ObserveOptions, Report, RunOptions, RunResult, Source, Split, Tensors } from "./index.d.ts"
 */

export { PerforateError, Pool };

/** @type {Promise<unknown> | undefined} */
let ready;

/** The engine is compiled once, by whoever comes first. */
function start() {
  ready ??= module().then((module_or_path) => init({ module_or_path }));
  return ready.catch((error) => {
    ready = undefined;
    throw PerforateError.from(error);
  });
}

/**
 * The bytes of a model.
 * @param {Source} source
 * @returns {Promise<[string, Uint8Array]>} its name for messages, and its bytes
 */
async function read(source) {
  if (source instanceof Uint8Array) return ["the model", source];
  if (source instanceof ArrayBuffer) return ["the model", new Uint8Array(source)];
  const name = String(source);
  /** @param {string} why */
  const fault = (why) => new PerforateError(`${name}: ${why}`, { kind: "io", file: name });
  if (isNode && !/^(https?|data|blob):/.test(name)) {
    const { readFile } = builtin("node:fs/promises");
    const path = name.startsWith("file:") ? new URL(name) : name;
    const bytes = await readFile(path).catch((/** @type {Error} */ error) => {
      throw fault(`it cannot be read (${error.message})`);
    });
    return [name, new Uint8Array(bytes)];
  }
  const answer = await fetch(name).catch(() => {
    throw fault("the server did not answer");
  });
  if (!answer.ok) throw fault(`the server answered ${answer.status}`);
  return [name, new Uint8Array(await answer.arrayBuffer())];
}

/**
 * Loads an ONNX model, routed or not.
 * @param {Source} source its address, or its bytes; in Node a path too
 * @returns {Promise<Model>}
 */
export async function load(source) {
  const [[name, bytes]] = await Promise.all([read(source), start()]);
  try {
    return new Model(new Engine(name, bytes), bytes);
  } catch (error) {
    throw PerforateError.from(error);
  }
}

/** A loaded model. */
export class Model {
  #engine;
  #bytes;
  /** @type {Map<string, number>} */
  #paths = new Map();
  #rows = 0;
  #macs = 0;
  #disposed = false;

  /**
   * Use {@link load}.
   * @param {Engine} engine
   * @param {Uint8Array} bytes
   */
  constructor(engine, bytes) {
    this.#engine = engine;
    this.#bytes = bytes;
    const { inputs, outputs, knobs, certificate, split } = JSON.parse(engine.describe());
    /** What it reads. @type {readonly ModelInput[]} */
    this.inputs = inputs;
    /** Names of what it gives. @type {readonly string[]} */
    this.outputs = outputs;
    /** What can be turned between two runs. @type {readonly Knob[]} */
    this.knobs = knobs;
    /** The guarantee that the file carries for its knob's default, if it carries one. @type {Certificate | undefined} */
    this.certificate = certificate ?? undefined;
    /** How it fits its other half, if it is one of two files that were split at a gate. @type {Split | undefined} */
    this.split = split ?? undefined;
  }

  /**
   * Runs the model on a batch; each row takes its own path.
   * @param {Tensors} inputs
   * @param {RunOptions} [options] values of knobs by name, and a signal that cancels
   * @returns {Promise<RunResult>}
   */
  async run(inputs, options = {}) {
    const { signal, ...knobs } = options;
    signal?.throwIfAborted();
    this.#alive();
    try {
      const outputs = this.#engine.run(inputs, /** @type {Record<string, number>} */ (knobs));
      const paths = this.#engine.paths();
      const macs = this.#engine.macs();
      for (const path of paths) this.#paths.set(path, (this.#paths.get(path) ?? 0) + 1);
      this.#rows += paths.length;
      this.#macs += macs.reduce((sum, one) => sum + one, 0);
      return { outputs, paths, macs };
    } catch (error) {
      // A trap leaves the engine in an unknown state.
      if (error instanceof WebAssembly.RuntimeError) this.#disposed = true;
      throw PerforateError.from(error);
    }
  }

  /**
   * The same model in several workers, for a stream of inputs.
   * @param {number} [workers] by default one for each core
   * @param {{ observe?: ObserveOptions }} [options] whether, and how, each worker observes: then `report` tells what it saw
   */
  pool(workers, options = {}) {
    return Pool.open(this.#bytes, { ...options, workers });
  }

  /**
   * From now on counts the scores at the gates, times the segments, and listens for drift; `report` has it all. What was
   * observed before is forgotten.
   * @param {ObserveOptions} [options]
   */
  observe({ delta } = {}) {
    this.#alive();
    try {
      this.#engine.observe(delta);
    } catch (error) {
      throw PerforateError.from(error);
    }
  }

  /**
   * What has been run so far: rows by path, and operations; with what {@link Model.observe} adds.
   * @returns {Report}
   */
  report() {
    const observed = this.#disposed ? undefined : this.#engine.report();
    const report = { rows: this.#rows, paths: Object.fromEntries(this.#paths), macs: this.#macs };
    return observed === undefined ? report : { ...report, observed: JSON.parse(observed) };
  }

  #alive() {
    if (this.#disposed) throw new PerforateError("this model was disposed of: load it again", { kind: "disposed" });
  }

  /** Gives its memory back. */
  dispose() {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#engine.free();
  }
}
