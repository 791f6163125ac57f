// @ts-check
// The page: compiles the WebAssembly module once for itself and the worker, feeds the worker's
// events to the Rust `View`, and shows the view's state. No arithmetic, no formatting: Rust does both.

import init, { View } from "./perforate-web.js";
import { compile, keepOffline, onScreen, remember } from "./browser.js";
import { Charts, coalesce } from "./charts.js";
import { isDark, onSystemTheme, save, toggleTheme, wire } from "./controls.js";
import { $ } from "./dom.js";
import { LabWorker } from "./lab.js";
import { LiveRun } from "./live.js";
import { OwnFiles, reason } from "./own.js";
import { render } from "./render.js";
import { Sections } from "./sections.js";

/**
 * @import { Actions } from "./controls.js"
 * @import { Event, State } from "./types"
 */

/** A worker that has taken more than this is replaced before the next scenario. */
const RENEW_ABOVE = 512e6;
/** Events that change no chart. */
const NO_NEWS = ["progress", "loading", "advanced"];

class Page {
  #view;
  #worker;
  #own;
  #charts;
  #sections;
  #live;
  /** The state that is shown; it is computed once a frame. @type {State | undefined} */
  #state;
  /** The file that was dropped last, to take it again. @type {File | undefined} */
  #ownFile;
  /** Bytes that the worker has taken. */
  #memory = 0;
  #canResume = false;
  /** Whether charts may look otherwise than they do. */
  #news = true;

  /**
   * @param {View} view
   * @param {LabWorker} worker
   */
  constructor(view, worker) {
    this.#view = view;
    this.#worker = worker;
    this.#own = new OwnFiles(worker, { view: () => view, fail: (message) => this.#fail(message) });
    this.#sections = new Sections($("sections"));
    this.#charts = new Charts(view, {
      onPick: (knob) => this.actions.knob(knob),
      download: (kind, canvas) => this.#download(kind, canvas),
    });
    this.#live = new LiveRun({
      advance: (section) => worker.send(view.live(section, this.#sections.value(section) ?? 0)),
      changed: (section) => this.#sections.setRunning(section),
    });
  }

  show = coalesce(() => {
    const state = this.#view.state();
    // Only a new start forgets the cancel: points already on their way still say "running".
    if (state.running && !this.#state?.running) this.#canResume = false;
    this.#state = state;
    $("run-again").hidden = this.#canResume;
    $("run-on").hidden = !this.#canResume;
    render(state, {
      charts: this.#charts,
      sections: this.#sections,
      picture: (index) => {
        return new ImageData(new Uint8ClampedArray(this.#view.picture(index)), this.#view.picture_width(index));
      },
    });
    this.#own.refresh(state.dropped);
    remember(state.address);
    const told = () => this.#worker.shown();
    const shown = () => (state.measured > 0 ? onScreen(told) : told());
    if (this.#news) this.#charts.repaint(shown, !state.running);
    else shown();
    this.#news = false;
    if (state.measured > 0 && performance.getEntriesByName("first-curve").length === 0) {
      performance.mark("first-curve");
    }
    if (!state.running && state.measured > 0) keepOffline();
  });

  /** Shows what may change charts too. */
  #showAll() {
    this.#news = true;
    this.show();
  }

  /** @param {Event} event */
  apply(event) {
    try {
      this.#view.apply(event);
    } catch (error) {
      // A fault of the page's own code is told, and does not stop the rest.
      fail(`The page could not show a result: ${reason(error)}.`);
    }
    this.#news ||= !NO_NEWS.includes(event.type);
    if (event.type === "advanced") this.#live.advanced();
    if (event.type === "opened" || event.type === "error") this.#live.stop();
    this.show();
  }

  /** @param {string} message */
  #fail(message) {
    this.apply({ type: "error", message, fatal: false });
  }

  /** @param {number} bytes */
  setMemory(bytes) {
    this.#memory = bytes;
    document.documentElement.dataset.memory = String(bytes);
    this.#view.set_memory(bytes);
  }

  /** @param {{ name: string, bytes: Uint8Array<ArrayBuffer> }} inputs */
  keep(inputs) {
    this.#own.keep(inputs);
  }

  measure() {
    this.#worker.send(this.#view.request());
  }

  /**
   * Takes a file away: an export's kind, or that and a chart.
   * @param {string} kind
   * @param {HTMLCanvasElement} [canvas]
   */
  async #download(kind, canvas) {
    const name = this.#view.file_name(kind);
    if (kind === "onnx") return this.#worker.take(name, this.#view.knob());
    try {
      const blob = canvas
        ? await new Promise((done) => canvas.toBlob(done))
        : new Blob([this.#view.export(kind)], { type: name.endsWith(".svg") ? "image/svg+xml" : "text/plain" });
      save(name, blob);
    } catch (error) {
      this.#fail(reason(error));
    }
  }

  /** @type {Actions} */
  actions = {
    open: async (scenario) => {
      this.#ownFile = undefined;
      this.#view.choose(scenario);
      // What a large model has taken is given back only with the worker.
      if (this.#memory > RENEW_ABOVE) await this.#own.renew();
      this.measure();
    },
    study: (section) => {
      this.#canResume = false;
      this.#worker.send(this.#view.study(section));
    },
    live: (section) => {
      const runs = this.#live.toggle(section);
      // What is measured makes room.
      if (runs && this.#state?.running) this.actions.cancel();
    },
    // The newest model, or all of them as one; in a worker that holds nothing of what was before.
    route: async (all) => {
      this.#ownFile = undefined;
      this.#canResume = false;
      await this.#own.renew();
      this.#worker.send(this.#view.route(all));
    },
    forget: (name) => this.#worker.send({ type: "forget", name }),
    set: (setting, text) => {
      const fault = this.#view.set(setting, text);
      if (fault == null) this.measure();
      this.#showAll();
      return fault;
    },
    files: async (entries) => {
      if (entries.length > 0) this.#ownFile = await this.#own.take(entries);
    },
    pictures: (form) => this.#own.decode(form),
    run: () => {
      if (this.#canResume) this.actions.resume();
      else if (this.#ownFile) this.#own.again(this.#ownFile);
      else this.measure();
    },
    cancel: () => {
      this.#canResume = true;
      this.#worker.send({ type: "cancel" });
    },
    resume: () => {
      if (!this.#canResume) return;
      this.#canResume = false;
      this.#worker.send({ type: "resume" });
    },
    knob: (index) => {
      this.#view.set_knob(index);
      this.#showAll();
    },
    type: (text) => this.#worker.send({ type: "type", text }),
    draw: (width, grey) => this.#worker.send({ type: "draw", width, grey }),
    filter: (name) => {
      this.#view.set_filter(name);
      this.show();
    },
    sample: (index) => {
      this.#view.set_sample(index);
      this.show();
    },
    routing: (on) => {
      this.#view.set_routing(on);
      this.#showAll();
    },
    theme: () => {
      toggleTheme();
      this.recolour();
    },
    export: (kind) => this.#download(kind),
  };

  /** Takes the theme of the moment. */
  recolour() {
    this.#view.set_theme(isDark());
    this.#showAll();
  }
}

async function main() {
  /** @type {Page | undefined} */
  let page;
  /** @type {Event[]} */
  const early = [];
  const worker = new LabWorker({
    onEvents(events) {
      if (!page) return void early.push(...events);
      for (const event of events) page.apply(event);
    },
    onFile: ({ name, bytes }) => save(name, new Blob([bytes])),
    onMemory: (bytes) => page?.setMemory(bytes),
    onInputs: (inputs) => page?.keep(inputs),
  });
  const module = await compile();
  worker.start(module);
  await init({ module_or_path: module });
  page = new Page(new View(isDark(), [...new URLSearchParams(location.search)]), worker);
  wire(page.actions);
  onSystemTheme(() => page?.recolour());
  page.measure();
  for (const event of early.splice(0)) page.apply(event);
}

/**
 * Says that the page itself has failed.
 * @param {string} sentence
 */
function fail(sentence) {
  document.documentElement.dataset.state = "error";
  $("error").hidden = false;
  $("error").textContent = sentence;
}

main().catch((error) => {
  $("summary").textContent = "The laboratory could not be started.";
  $("status").textContent = "";
  $("progress").hidden = true;
  fail(`${reason(error)}. Reload the page to try again.`);
});
