// The page's end of the measuring worker: starts it with the compiled module, holds messages back
// until it is ready, and replaces it when it dies. Results live on the page and survive.

export class LabWorker {
  #module;
  #onEvents;
  #onFile;
  #onMemory;
  #onInputs;
  #worker;
  #ready = false;
  #waiting = [];
  #restarts = 0;

  /**
   * `onEvents` is called with each batch of events, in order; `onFile` with {name, bytes} that were asked for;
   * `onMemory` with the bytes that the worker has taken; `onInputs` with {name, bytes} that it made of pictures.
   */
  constructor({ onEvents, onFile, onMemory, onInputs }) {
    this.#onEvents = onEvents;
    this.#onFile = onFile;
    this.#onMemory = onMemory;
    this.#onInputs = onInputs;
    this.#spawn();
  }

  /** Hands over the compiled WebAssembly module; the worker's script may still be loading. */
  start(module) {
    this.#module = module;
    // The one-file page has its files at hand.
    this.#worker.postMessage({ start: module, base: document.baseURI, packed: globalThis.packed });
  }

  /** Posts a command, with files ([{name, bytes}]) where it needs some. */
  send(command, files = []) {
    const message = { command, files };
    if (this.#ready) this.#post(message);
    else this.#waiting.push(message);
  }

  /** Hands over pictures ([{path, file}]), which the worker decodes. */
  pictures(name, form, pictures) {
    const message = { command: { type: "pictures", name, form }, files: [], pictures };
    if (this.#ready) this.#post(message);
    else this.#waiting.push(message);
  }

  /** Starts afresh: memory that a worker has taken it never gives back. */
  renew() {
    this.#worker.terminate();
    this.#waiting = [];
    this.#spawn();
  }

  /** Asks for the routed model with this default of its knob. */
  take(name, knob) {
    if (this.#ready) this.#worker.postMessage({ take: name, knob });
  }

  /** Says that the events so far are on the screen; the worker waits for it. */
  shown() {
    if (this.#ready) this.#worker.postMessage({ go: true });
  }

  #post(message) {
    this.#worker.postMessage(message, message.files.map((file) => file.bytes.buffer));
  }

  #spawn() {
    const worker = new Worker(new URL("./worker.js", import.meta.url), {
      type: globalThis.packed ? "classic" : "module",
    });
    this.#worker = worker;
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
    if (this.#module) this.start(this.#module);
  }

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
      this.#spawn();
    }
  }
}
