// @ts-check
// The page's end of the measuring worker: starts it with the compiled module, holds messages back
// until it is ready, and replaces it when it dies. Results live on the page and survive.

/** @import { Command, Event } from "./types" */

/**
 * What goes to the worker. Buffers of files are handed over, not copied.
 * @typedef {object} Message
 * @property {Command} command
 * @property {NamedBytes[]} files
 * @property {{ path: string, file: File }[]} [pictures]
 */

/** @typedef {{ name: string, bytes: Uint8Array<ArrayBuffer> }} NamedBytes */

export class LabWorker {
  /** @type {WebAssembly.Module | undefined} */
  #module;
  #onEvents;
  #onFile;
  #onMemory;
  #onInputs;
  /** @type {Worker} */
  #worker;
  #ready = false;
  /** @type {Message[]} */
  #waiting = [];
  #restarts = 0;
  /** @type {{ answer: (value: any) => void, failed: (error: Error) => void } | undefined} */
  #asked;

  /**
   * @param {object} calls
   * @param {(events: Event[]) => void} calls.onEvents takes each batch of events, in order
   * @param {(file: NamedBytes) => void} calls.onFile takes a file that was asked for
   * @param {(bytes: number) => void} calls.onMemory is told what the worker has taken
   * @param {(inputs: NamedBytes) => void} calls.onInputs takes what it made of pictures
   */
  constructor({ onEvents, onFile, onMemory, onInputs }) {
    this.#onEvents = onEvents;
    this.#onFile = onFile;
    this.#onMemory = onMemory;
    this.#onInputs = onInputs;
    this.#worker = this.#spawn();
  }

  /**
   * Hands over the compiled WebAssembly module; the worker's script may still be loading.
   * @param {WebAssembly.Module} module
   */
  start(module) {
    this.#module = module;
    this.#start(this.#worker, module);
  }

  /**
   * Posts a command, with files where it needs some.
   * @param {Command} command
   * @param {NamedBytes[]} [files]
   */
  send(command, files = []) {
    this.#post({ command, files });
  }

  /**
   * Hands over pictures, which the worker decodes.
   * @param {string} name
   * @param {unknown} form what the view made of its texts
   * @param {{ path: string, file: File }[]} pictures
   */
  pictures(name, form, pictures) {
    this.#post({ command: { type: "pictures", name, form }, files: [], pictures });
  }

  /** Starts afresh: memory that a worker has taken it never gives back. */
  renew() {
    this.#worker.terminate();
    this.#waiting = [];
    this.#worker = this.#spawn();
  }

  /**
   * Asks for the routed model with this default of its knob.
   * @param {string} name
   * @param {number | undefined} knob
   */
  take(name, knob) {
    if (this.#ready) this.#worker.postMessage({ take: name, knob });
  }

  /**
   * Asks for a comparison's inputs, or for a turn of the full model.
   * @param {"case" | "turn"} what
   * @returns {Promise<any>}
   */
  ask(what) {
    return new Promise((answer, failed) => {
      this.#asked = { answer, failed };
      this.#worker.postMessage({ ask: what });
    });
  }

  /**
   * Nothing is timed while somebody drags, or a race runs.
   * @param {boolean} rests
   */
  rest(rests) {
    if (this.#ready) this.#worker.postMessage({ rest: rests });
  }

  /** Says that the events so far are on the screen; the worker waits for it. */
  shown() {
    if (this.#ready) this.#worker.postMessage({ go: true });
  }

  /** @param {Message} message */
  #post(message) {
    if (this.#ready) this.#worker.postMessage(message, message.files.map((file) => file.bytes.buffer));
    else this.#waiting.push(message);
  }

  /**
   * @param {Worker} worker
   * @param {WebAssembly.Module} module
   */
  #start(worker, module) {
    // The one-file page has its files at hand.
    worker.postMessage({ start: module, base: document.baseURI, packed: globalThis.packed });
  }

  #spawn() {
    const worker = new Worker(new URL("./worker.js", import.meta.url), {
      type: globalThis.packed ? "classic" : "module",
    });
    this.#ready = false;
    worker.onmessage = ({ data }) => {
      if (worker !== this.#worker) return; // a word from one that was replaced
      if (data.ready) {
        this.#ready = true;
        for (const message of this.#waiting.splice(0)) this.#post(message);
      } else if (data.file) {
        this.#onFile(data.file);
      } else if (data.crash) {
        this.#crashed(worker, data.crash);
      } else if (data.answer) {
        this.#asked?.answer(data.answer);
      } else if (data.refused) {
        this.#asked?.failed(new Error(data.refused));
      } else if (data.inputs) {
        this.#onInputs(data.inputs);
      } else {
        this.#restarts = 0;
        if (data.memory) this.#onMemory(data.memory);
        this.#onEvents(data.events);
      }
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#crashed(worker, `The measuring worker failed${event.message ? ` (${event.message})` : ""}.`);
    };
    if (this.#module) this.#start(worker, this.#module);
    return worker;
  }

  /**
   * @param {Worker} worker
   * @param {string} sentence
   */
  #crashed(worker, sentence) {
    if (worker !== this.#worker) return;
    worker.terminate();
    this.#waiting = [];
    // A worker that dies twice without a word in between will not get better by a third start.
    const again = this.#restarts < 2;
    const advice = again ? "It was restarted; results so far are kept." : "Reload the page to try again.";
    this.#onEvents([{ type: "error", message: `${sentence} ${advice}`, fatal: true }]);
    if (again) {
      this.#restarts += 1;
      this.#worker = this.#spawn();
    }
  }
}
