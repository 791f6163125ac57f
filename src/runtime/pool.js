// @ts-check
// A stream of inputs over several workers. Each has an instance of the engine and of the model, so that no memory is shared:
// throughput grows with the cores, the time of a single input stays what it is.
//
//   const pool = await Pool.open(bytes, { workers: 4 });
//   const { logits } = await pool.run({ x: { data: pixels, dims: [1, 1, 28, 28] } });
//   pool.close();

/** @import { Tensor } from "./perforate_runtime.js" */
/** @typedef {Record<string, Tensor>} Tensors */
/**
 * @typedef {object} Task
 * @property {Tensors} inputs
 * @property {Record<string, number>} [knobs]
 * @property {(outputs: Tensors) => void} done
 * @property {(error: Error) => void} failed
 */

export class Pool {
  /** @type {Worker[]} */
  #workers = [];
  /** @type {Worker[]} */
  #idle = [];
  /** @type {Task[]} */
  #waiting = [];
  /** @type {Map<Worker, Task>} */
  #running = new Map();

  /**
   * Loads an ONNX file into as many workers, by default one for each core that the browser names.
   * @param {Uint8Array} bytes
   * @param {{ workers?: number, folder?: URL | string }} [options] folder: where the runtime's files lie
   */
  static async open(bytes, { workers = navigator.hardwareConcurrency || 1, folder = new URL("./", import.meta.url) } = {}) {
    const base = new URL(folder, location.href);
    const answer = await fetch(new URL("perforate_runtime_bg.wasm", base));
    if (!answer.ok) throw new Error(`perforate_runtime_bg.wasm: the server answered ${answer.status}`);
    // Compiled once for all of them.
    const module = await WebAssembly.compile(await answer.arrayBuffer());
    const pool = new Pool();
    const script = new URL("pool-worker.js", base);
    try {
      await Promise.all(Array.from({ length: Math.max(1, workers) }, () => pool.#add(script, module, bytes)));
    } catch (error) {
      pool.close();
      throw error;
    }
    return pool;
  }

  /** How many workers there are. */
  get size() {
    return this.#workers.length;
  }

  /**
   * Runs the model on inputs, as soon as a worker is free.
   * @param {Tensors} inputs
   * @param {Record<string, number>} [knobs]
   * @returns {Promise<Tensors>}
   */
  run(inputs, knobs) {
    return new Promise((done, failed) => {
      this.#waiting.push({ inputs, knobs, done, failed });
      this.#next();
    });
  }

  /** Ends the workers. What has not been run by now fails. */
  close() {
    const closed = new Error("the pool was closed");
    for (const worker of this.#workers) worker.terminate();
    for (const task of [...this.#running.values(), ...this.#waiting]) task.failed(closed);
    this.#workers = [];
    this.#idle = [];
    this.#waiting = [];
    this.#running.clear();
  }

  /**
   * @param {URL} script
   * @param {WebAssembly.Module} module
   * @param {Uint8Array} bytes
   */
  #add(script, module, bytes) {
    const worker = new Worker(script, { type: "module" });
    this.#workers.push(worker);
    return new Promise((ready, failed) => {
      worker.onerror = (event) => failed(new Error(event.message || "the worker could not be started"));
      worker.onmessage = ({ data }) => {
        if (data.error) return failed(new Error(data.error));
        worker.onmessage = (event) => this.#finish(worker, event.data);
        this.#idle.push(worker);
        ready(worker);
      };
      worker.postMessage({ module, bytes });
    });
  }

  #next() {
    while (this.#idle.length > 0 && this.#waiting.length > 0) {
      const worker = /** @type {Worker} */ (this.#idle.pop());
      const task = /** @type {Task} */ (this.#waiting.shift());
      this.#running.set(worker, task);
      worker.postMessage({ inputs: task.inputs, knobs: task.knobs });
    }
  }

  /**
   * @param {Worker} worker
   * @param {{ outputs?: Tensors, error?: string }} answer
   */
  #finish(worker, { outputs, error }) {
    const task = this.#running.get(worker);
    this.#running.delete(worker);
    this.#idle.push(worker);
    if (error != null) task?.failed(new Error(error));
    else if (outputs) task?.done(outputs);
    this.#next();
  }
}
