// @ts-check
// A stream of inputs over several workers. Each has an instance of the engine and of the model, so that no memory is shared:
// throughput grows with the cores, the time of a single input stays what it is.
//
//   const pool = await model.pool(4);
//   const { outputs } = await pool.run({ x: { data: pixels, dims: [1, 1, 28, 28] } });
//   pool.close();

import { isNode, module } from "./module.js";

/** @import { PoolOptions, RunOptions, RunResult, Tensors } from "./index.d.ts" */

/**
 * @typedef {object} Task
 * @property {Tensors} inputs
 * @property {Record<string, number>} knobs
 * @property {AbortSignal | undefined} signal
 * @property {number} tries how often it was begun
 * @property {(result: RunResult) => void} done
 * @property {(error: unknown) => void} failed
 */

/**
 * A worker of a page or of Node, alike.
 * @typedef {object} Hand
 * @property {(message: unknown) => void} send
 * @property {() => void} end
 */

/** An input whose worker died this often is not tried again. */
const MOST_TRIES = 3;
/** Inputs that wait for each worker before `run` has to be waited for. */
const WAITING_EACH = 4;

/**
 * @param {(message: any) => void} told
 * @param {(why: string) => void} died
 * @returns {Promise<Hand>}
 */
async function hire(told, died) {
  if (isNode) {
    const { Worker } = await import("node:worker_threads");
    const worker = new Worker(new URL("./pool-worker.js", import.meta.url));
    worker.on("message", told);
    worker.on("error", (/** @type {Error} */ error) => died(error.message));
    worker.on("exit", () => died("the worker ended"));
    return { send: (message) => worker.postMessage(message), end: () => void worker.terminate() };
  }
  const worker = new Worker(new URL("./pool-worker.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => told(data);
  worker.onerror = (event) => died(event.message || "the worker could not be started");
  return { send: (message) => worker.postMessage(message), end: () => worker.terminate() };
}

export class Pool {
  #bytes;
  /** @type {Set<Hand>} */
  #hands = new Set();
  /** @type {Hand[]} */
  #idle = [];
  /** @type {Task[]} */
  #waiting = [];
  /** @type {Map<Hand, Task>} */
  #running = new Map();
  /** Who waits for room. @type {(() => void)[]} */
  #blocked = [];
  #size;
  #closed = false;

  /**
   * Use {@link Pool.open}.
   * @param {Uint8Array} bytes
   * @param {number} size
   */
  constructor(bytes, size) {
    this.#bytes = bytes;
    this.#size = size;
  }

  /**
   * Loads an ONNX file into as many workers, by default one for each core.
   * @param {Uint8Array} bytes
   * @param {PoolOptions} [options]
   */
  static async open(bytes, { workers = globalThis.navigator?.hardwareConcurrency || 1 } = {}) {
    const pool = new Pool(bytes, Math.max(1, Math.floor(workers)));
    try {
      await Promise.all(Array.from({ length: pool.#size }, () => pool.#add()));
    } catch (error) {
      pool.close();
      throw error;
    }
    return pool;
  }

  /** How many workers there are. */
  get size() {
    return this.#size;
  }

  /** How many inputs wait for a worker. */
  get waiting() {
    return this.#waiting.length;
  }

  /** Resolves as soon as the next input would not have to wait long: a producer that waits for it keeps the queue short. */
  async room() {
    while (!this.#closed && this.#waiting.length >= WAITING_EACH * this.#size) {
      await new Promise((/** @type {(value?: undefined) => void} */ go) => this.#blocked.push(go));
    }
  }

  /**
   * Runs the model on inputs, as soon as a worker is free. An input whose worker dies is given to another one.
   * @param {Tensors} inputs
   * @param {RunOptions} [options] values of knobs by name, and a signal that cancels
   * @returns {Promise<RunResult>}
   */
  run(inputs, options = {}) {
    const { signal, ...knobs } = options;
    return new Promise((done, failed) => {
      if (this.#closed) return failed(new Error("the pool was closed"));
      if (signal?.aborted) return failed(signal.reason);
      /** @type {Task} */
      const task = { inputs, knobs: /** @type {Record<string, number>} */ (knobs), signal, tries: 0, done, failed };
      signal?.addEventListener("abort", () => this.#cancel(task), { once: true });
      this.#waiting.push(task);
      this.#next();
    });
  }

  /** Ends the workers. What has not been run by now fails. */
  close() {
    this.#closed = true;
    const closed = new Error("the pool was closed");
    for (const hand of this.#hands) hand.end();
    for (const task of [...this.#running.values(), ...this.#waiting]) task.failed(closed);
    this.#hands.clear();
    this.#idle = [];
    this.#waiting = [];
    this.#running.clear();
    this.#release();
  }

  async #add() {
    const compiled = await module();
    await new Promise((ready, failed) => {
      /** @type {Hand} */
      let hand;
      let loaded = false;
      /** @param {any} message */
      const told = (message) => {
        if (loaded) return this.#finish(hand, message);
        if (message.error) return failed(revive(message.error));
        loaded = true;
        this.#idle.push(hand);
        ready(undefined);
        this.#next();
      };
      /** @param {string} why */
      const died = (why) => {
        if (!this.#hands.delete(hand)) return;
        failed(new Error(why));
        if (loaded) this.#replace(hand, why);
      };
      hire(told, died).then((one) => {
        hand = one;
        this.#hands.add(hand);
        hand.send({ module: compiled, bytes: this.#bytes });
      }, failed);
    });
  }

  /**
   * A worker died: another takes its place, and its input.
   * @param {Hand} hand
   * @param {string} why
   */
  #replace(hand, why) {
    this.#idle = this.#idle.filter((one) => one !== hand);
    const task = this.#running.get(hand);
    this.#running.delete(hand);
    if (task && task.tries < MOST_TRIES) this.#waiting.unshift(task);
    else task?.failed(new Error(`the worker died ${MOST_TRIES} times on this input (${why})`));
    if (this.#closed) return;
    this.#add().catch((error) => {
      // Nobody is left who could: what waits would wait for ever.
      if (this.#hands.size > 0) return;
      for (const waiting of this.#waiting.splice(0)) waiting.failed(error);
    });
  }

  /** @param {Task} task */
  #cancel(task) {
    const at = this.#waiting.indexOf(task);
    if (at >= 0) this.#waiting.splice(at, 1);
    // One that runs is run to its end, and its result left.
    task.failed(task.signal?.reason);
    this.#release();
  }

  #next() {
    while (this.#idle.length > 0 && this.#waiting.length > 0) {
      const hand = /** @type {Hand} */ (this.#idle.pop());
      const task = /** @type {Task} */ (this.#waiting.shift());
      task.tries += 1;
      this.#running.set(hand, task);
      hand.send({ inputs: task.inputs, knobs: task.knobs });
    }
    this.#release();
  }

  #release() {
    if (!this.#closed && this.#waiting.length >= WAITING_EACH * this.#size) return;
    for (const go of this.#blocked.splice(0)) go();
  }

  /**
   * @param {Hand} hand
   * @param {{ result?: RunResult, error?: { message: string } }} answer
   */
  #finish(hand, { result, error }) {
    const task = this.#running.get(hand);
    this.#running.delete(hand);
    this.#idle.push(hand);
    if (error) task?.failed(revive(error));
    else if (result) task?.done(result);
    this.#next();
  }
}

/**
 * An error as a worker sent it.
 * @param {{ message: string }} told
 */
function revive(told) {
  return Object.assign(new Error(told.message), told);
}
