// @ts-check
// A stream of inputs over several workers. Each has an instance of the engine and of the model, so that no memory is shared:
// throughput grows with the cores, the time of a single input stays what it is.
//
//   const pool = await model.pool(4);
//   const { outputs } = await pool.run({ x: { data: pixels, dims: [1, 1, 28, 28] } });
//   pool.close();

import { PerforateError } from "./error.js";
import { builtin, isNode, module } from "./module.js";

/** @import { Observed, ObserveOptions, PoolOptions, RunOptions, RunResult, Tensors } from "./index.d.ts" */

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
    const { Worker } = builtin("node:worker_threads");
    // Bundlers take an address that is written out for a second worker of the page.
    const file = "./pool-worker.js";
    const worker = new Worker(new URL(file, import.meta.url));
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

/** @returns {number} */
function cores() {
  // Node has a navigator only since version 21.
  return isNode ? builtin("node:os").availableParallelism() : navigator.hardwareConcurrency || 1;
}

/**
 * Inputs as they are sent. A view of a larger buffer would take the whole of it along.
 * @param {Tensors} inputs
 * @returns {Tensors}
 */
function parcel(inputs) {
  const tensors = Object.entries(inputs).map(([name, { data, dims }]) => {
    const whole = data.byteLength === data.buffer.byteLength;
    return [name, { data: whole ? data : data.slice(), dims }];
  });
  return Object.fromEntries(tensors);
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
  /** Who waits for a worker's report. @type {Map<Hand, ((report?: string) => void)[]>} */
  #asked = new Map();
  #observe;
  #size;
  #closed = false;

  /**
   * Use {@link Pool.open}.
   * @param {Uint8Array} bytes
   * @param {number} size
   * @param {ObserveOptions} [observe]
   */
  constructor(bytes, size, observe) {
    this.#bytes = bytes;
    this.#size = size;
    this.#observe = observe;
  }

  /**
   * Loads an ONNX file into as many workers, by default one for each core.
   * @param {Uint8Array} bytes
   * @param {PoolOptions} [options]
   */
  static async open(bytes, { workers = cores(), observe } = {}) {
    const pool = new Pool(bytes, Math.max(1, Math.floor(workers)), observe);
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
      if (this.#closed) return failed(closed());
      if (signal?.aborted) return failed(signal.reason);
      const cancel = () => this.#cancel(task);
      // A signal that outlives many inputs must not hold on to each of them.
      const settled = () => signal?.removeEventListener("abort", cancel);
      /** @type {Task} */
      const task = {
        inputs,
        knobs: /** @type {Record<string, number>} */ (knobs),
        signal,
        tries: 0,
        done: (result) => (settled(), done(result)),
        failed: (error) => (settled(), failed(error)),
      };
      signal?.addEventListener("abort", cancel, { once: true });
      this.#waiting.push(task);
      this.#next();
    });
  }

  /**
   * What each worker has observed, if the pool was opened with `observe`. What a worker that died had seen is lost.
   * @returns {Promise<Observed[]>}
   */
  async report() {
    const ask = (/** @type {Hand} */ hand) =>
      new Promise((/** @type {(report?: string) => void} */ done) => {
        this.#asked.set(hand, [...(this.#asked.get(hand) ?? []), done]);
        hand.send({ report: true });
      });
    const reports = await Promise.all([...this.#hands].map(ask));
    return reports.flatMap((report) => (report === undefined ? [] : [JSON.parse(report)]));
  }

  /** Ends the workers. What has not been run by now fails. */
  close() {
    this.#end(closed());
  }

  /** @param {unknown} why */
  #end(why) {
    this.#closed = true;
    for (const hand of this.#hands) hand.end();
    for (const task of [...this.#running.values(), ...this.#waiting]) task.failed(why);
    for (const hand of this.#asked.keys()) this.#answer(hand);
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
        if ("report" in message) return this.#answer(hand, message.report);
        if (loaded) return this.#finish(hand, message);
        if (message.error) {
          this.#hands.delete(hand);
          hand.end();
          return failed(PerforateError.from(message.error));
        }
        loaded = true;
        this.#idle.push(hand);
        ready(undefined);
        this.#next();
      };
      /** @param {string} why */
      const died = (why) => {
        if (!this.#hands.delete(hand)) return;
        this.#answer(hand);
        // In a page it would live on.
        hand.end();
        failed(new PerforateError(why, { kind: "internal" }));
        if (loaded) this.#replace(hand, why);
      };
      hire(told, died).then((one) => {
        hand = one;
        if (this.#closed) {
          hand.end();
          return failed(closed());
        }
        this.#hands.add(hand);
        hand.send({ module: compiled, bytes: this.#bytes, observe: this.#observe });
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
    const again = task && task.tries < MOST_TRIES && !task.signal?.aborted;
    if (again) this.#waiting.unshift(task);
    else task?.failed(new PerforateError(`the worker died ${MOST_TRIES} times on this input (${why})`, { kind: "internal" }));
    this.#add().catch((error) => {
      // Nobody is left who could: what waits would wait for ever.
      if (this.#hands.size === 0) this.#end(error);
    });
    this.#next();
  }

  /**
   * Tells all who asked a worker what it has observed; nothing where it died or does not observe.
   * @param {Hand} hand
   * @param {string} [report]
   */
  #answer(hand, report) {
    for (const done of this.#asked.get(hand) ?? []) done(report);
    this.#asked.delete(hand);
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
      try {
        hand.send({ inputs: parcel(task.inputs), knobs: task.knobs });
        this.#running.set(hand, task);
      } catch (error) {
        // Not a tensor: nothing was sent.
        this.#idle.push(hand);
        task.failed(new PerforateError(`inputs: ${/** @type {Error} */ (error).message}`, { kind: "input", cause: error }));
      }
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
    if (error) task?.failed(PerforateError.from(error));
    else if (result) task?.done(result);
    this.#next();
  }
}

/** Why nothing runs any more. */
function closed() {
  return new PerforateError("the pool was closed", { kind: "disposed" });
}
