// @ts-check
// The page: compiles the WebAssembly module once for itself and the worker, feeds the worker's
// events to the Rust `View`, and shows the view's state. No arithmetic, no formatting: Rust does both.

import init, { View } from "./perforate-web.js";
import { compile, device, keepOffline, onScreen, remember } from "./browser.js";
import { CHART, drawCard } from "./card.js";
import { Charts, coalesce } from "./charts.js";
import { isDark, onSystemTheme, save, toggleTheme, wire } from "./controls.js";
import { $ } from "./dom.js";
import { Hundred } from "./hundred.js";
import { LabWorker } from "./lab.js";
import { LiveRun } from "./live.js";
import { OwnFiles, reason } from "./own.js";
import { toast, wirePanels } from "./panels.js";
import { measurePeer } from "./peer.js";
import { paintKept, render } from "./render.js";
import { Sections } from "./sections.js";
import { Store, keepView, lastView, written } from "./store.js";

/**
 * @import { Actions } from "./controls.js"
 * @import { Command, Event, State } from "./types"
 * @import { Kept } from "./store.js"
 */

/** A worker that has taken more than this is replaced before the next scenario. */
const RENEW_ABOVE = 512e6;
/** Events that change no chart. */
const NO_NEWS = ["progress", "loading", "advanced"];
/** Events that show a measurement again. */
const KEPT = ["opened", "usage", "inspector", "results", "section", "done"];
/** Names in an address that change what is shown of a measurement, not what is measured. */
const NOT_MEASURED = ["knob", "tab", "routing"];
/** A measurement on its way is kept no more often than this. */
const KEEP_EVERY_MS = 5000;
/** Timing goes on so long after the knob was let go. */
const AFTER_DRAG_MS = 500;

class Page {
  #view;
  #worker;
  /** The user's files. */
  own;
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
  #hundred;
  #store;
  /** What shows the measurement again, in order; one of each type. @type {Event[]} */
  #events = [];
  /** Under which key it is kept. @type {string | undefined} */
  #key;
  #keptAt = 0;
  /** What waits for the model to be opened: what is shown was measured on an earlier visit. @type {(() => void)[]} */
  #later = [];
  /** Whether the worker has opened what is shown. */
  #opened = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #resting;

  /**
   * @param {View} view
   * @param {LabWorker} worker
   */
  constructor(view, worker) {
    this.#view = view;
    this.#worker = worker;
    this.own = new OwnFiles(worker, { view: () => view, fail: (message) => this.#fail(message) });
    this.#sections = new Sections($("sections"));
    this.#charts = new Charts(view, {
      onPick: (knob) => this.actions.knob(knob),
      download: (kind, canvas) => this.#download(kind, canvas),
    });
    this.#hundred = new Hundred({
      picture: (index) => new ImageData(new Uint8ClampedArray(view.tile_picture(index)), view.tile_width(index)),
      story: (index) => view.tile_story(index),
    });
    this.#store = new Store(toast);
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
      hundred: this.#hundred,
      picture: (index) => {
        return new ImageData(new Uint8ClampedArray(this.#view.picture(index)), this.#view.picture_width(index));
      },
    });
    this.own.refresh(state.dropped);
    remember(state.address);
    const told = () => this.#worker.shown();
    const shown = () => (state.measured > 0 ? onScreen(told) : told());
    if (this.#news) this.#charts.repaint(shown, !state.running);
    else shown();
    this.#news = false;
    if (state.measured > 0 && !state.kept && performance.getEntriesByName("first-curve").length === 0) {
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
    this.#record(event);
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
    this.own.keep(inputs);
  }

  measure() {
    this.#worker.send(this.#view.request());
  }

  /** Shows what was measured of this on an earlier visit; else, or if that was cut off, measures. */
  async begin() {
    const key = this.#view.record_key();
    const kept = key == null ? undefined : await this.#store.get(key);
    if (key !== this.#view.record_key()) return; // somebody chose another one meanwhile
    const whole = kept != null && this.#restore(kept);
    if (!whole) return this.measure();
    this.#worker.send({ type: "cancel" });
  }

  /**
   * Returns whether the measurement was a whole one.
   * @param {Kept} kept
   */
  #restore({ events, date }) {
    try {
      for (const event of events) this.#view.apply(event);
      this.#view.apply({ type: "cancelled" });
      const whole = events.some(({ type }) => type === "done");
      if (whole) this.#view.apply({ type: "done" });
      this.#view.restore(written(date));
      this.#opened = false;
      this.#showAll();
      return whole && events.some(({ type }) => type === "results");
    } catch {
      toast("A measurement from another version of this page was dropped.");
      return false;
    }
  }

  /** Tells the view the last verdict of every scenario. */
  async recall() {
    for (const { scenario, note } of await this.#store.notes()) {
      if (note) this.#view.remember_verdict(scenario, note);
    }
    this.show();
  }

  /**
   * Keeps what shows the measurement again.
   * @param {Event} event
   */
  #record(event) {
    const { type } = event;
    if (type === "opened") {
      this.#events = [];
      this.#key = this.#view.record_key();
    }
    if (type === "inspector") {
      this.#opened = true;
      for (const work of this.#later.splice(0)) work();
    }
    if (!KEPT.includes(type)) {
      if (type === "cancelled") this.#keep();
      return;
    }
    this.#events = [...this.#events.filter((known) => known.type !== type || type === "section"), event];
    const now = performance.now();
    if (type === "done" || (type === "results" && now - this.#keptAt > KEEP_EVERY_MS)) this.#keep();
  }

  #keep() {
    const opened = this.#events.find((event) => event.type === "opened");
    if (this.#key == null || !opened || !this.#events.some(({ type }) => type === "results")) return;
    this.#keptAt = performance.now();
    const date = new Date().toISOString();
    const { scenario } = opened;
    this.#store.put(this.#key, { date, scenario, note: this.#view.verdict_note(), events: this.#events });
  }

  /** Keeps what is on the screen, for the next visit's first moment. */
  keepView() {
    const state = this.#state;
    if (!state || state.measured === 0 || this.#view.record_key() == null) return;
    const { inside, hundred, sections, settings, charts, table, segments, models, ...plain } = state;
    const hero = this.#view.export("svg:quality");
    const date = state.kept ? (lastView()?.date ?? "") : new Date().toISOString();
    keepView({ address: location.search, date, state: plain, hero });
  }

  /**
   * Does what needs an open model: at once, or as soon as one is.
   * @param {() => void} work
   */
  #withModel(work) {
    if (this.#opened || !this.#state?.kept) return work();
    this.#later.push(work);
    this.measure();
  }

  /** Nothing is timed while somebody drags or a race runs, and for a moment after. */
  rest() {
    clearTimeout(this.#resting);
    this.#worker.rest(true);
  }

  goOn() {
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => this.#worker.rest(false), AFTER_DRAG_MS);
  }

  /**
   * Takes a file away: an export's kind, or that and a chart.
   * @param {string} kind
   * @param {HTMLCanvasElement} [canvas]
   */
  async #download(kind, canvas) {
    const name = this.#view.file_name(kind);
    if (kind === "onnx") return this.#withModel(() => this.#worker.take(name, this.#view.knob()));
    try {
      const picture = kind === "card" ? this.#card() : canvas;
      const blob = picture
        ? await new Promise((done) => picture.toBlob(done))
        : new Blob([this.#view.export(kind)], { type: name.endsWith(".svg") ? "image/svg+xml" : "text/plain" });
      save(name, blob);
    } catch (error) {
      this.#fail(reason(error));
    }
  }

  /** What was found, as a picture. */
  #card() {
    const text = this.#view.card(device(), written(new Date().toISOString()));
    if (!text) throw new Error("nothing is measured yet that could stand on a card");
    const chart = document.createElement("canvas");
    this.#view.draw("quality", chart, ...CHART, 1);
    // The page's own chart is to be pointed at again.
    this.#showAll();
    return drawCard(text, chart);
  }

  /** @type {Actions} */
  actions = {
    open: async (scenario) => {
      this.ownFile = undefined;
      this.#view.choose(scenario);
      // What a large model has taken is given back only with the worker.
      if (this.#memory > RENEW_ABOVE) await this.own.renew();
      this.#opened = false;
      this.#showAll();
      await this.begin();
    },
    tab: (name) => {
      this.#view.set_tab(name);
      this.#showAll();
    },
    layer: (name, on) => {
      this.#view.set_layer(name, on);
      this.#showAll();
    },
    race: () => {
      const race = this.#state?.race;
      if (!race) return;
      this.rest();
      this.#hundred.race(race, () => this.goOn());
    },
    peer: () => this.#withModel(async () => {
      this.#view.start_peer();
      this.#showAll();
      const fault = await measurePeer(this.#worker, (times) => {
        this.#view.take_peer(times);
        this.#showAll();
      }).then(() => undefined, reason);
      this.#view.end_peer(fault);
      this.#showAll();
    }),
    rest: () => this.rest(),
    goOn: () => this.goOn(),
    share: async () => {
      const curve = this.#view.share(device());
      if (curve != null) history.replaceState(null, "", `${location.search}#curve=${encodeURIComponent(curve)}`);
      const copied = await navigator.clipboard.writeText(location.href).then(() => true, () => false);
      toast(copied ? "The link is in the clipboard and in the address bar. It shows your curve beside theirs." : "The link is in the address bar. It shows your curve beside theirs.");
    },
    forgetAll: async () => {
      await this.#store.clear();
      toast("All measurements kept in this browser are gone.");
    },
    report: (name, text) => {
      try {
        toast(this.#view.take_report(name, text));
        this.#showAll();
      } catch (error) {
        this.#fail(reason(error));
      }
    },
    study: (section) => {
      this.#canResume = false;
      this.#withModel(() => this.#worker.send(this.#view.study(section)));
    },
    live: (section) => {
      if (!this.#opened && this.#state?.kept) return this.#withModel(() => this.actions.live(section));
      const runs = this.#live.toggle(section);
      // What is measured makes room.
      if (runs && this.#state?.running) this.actions.cancel();
    },
    // The newest model, or all of them as one; in a worker that holds nothing of what was before.
    route: async (all) => {
      this.ownFile = undefined;
      this.#canResume = false;
      await this.own.renew();
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
      if (entries.length > 0) this.ownFile = await this.own.take(entries);
    },
    sampleModels: () => this.own.sample().catch((error) => this.#fail(reason(error))),
    pictures: (form) => this.own.decode(form),
    run: () => {
      if (this.#canResume && this.#opened) this.actions.resume();
      else if (this.ownFile) this.own.again(this.ownFile);
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
    type: (text) => this.#withModel(() => this.#worker.send({ type: "type", text })),
    draw: (width, grey) => this.#withModel(() => this.#worker.send({ type: "draw", width, grey })),
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

/** Shows what was on the screen on the last visit, if it is of the same address. */
function paintLastView() {
  const last = lastView();
  if (last && (location.search === "" || sameAddress(last.address, location.search))) paintKept(last, written(last.date));
}

/**
 * Whether two queries ask for the same measurement, in whatever order.
 * @param {string} a
 * @param {string} b
 */
function sameAddress(a, b) {
  const [one, other] = [a, b].map((query) => {
    const pairs = [...new URLSearchParams(query)].filter(([name]) => !NOT_MEASURED.includes(name));
    return new Map(pairs); // the last of a name counts
  });
  return one.size === other.size && [...one].every(([name, value]) => other.get(name) === value);
}

/** The curve that the address carries. */
function sharedCurve() {
  const [name, text] = location.hash.slice(1).split("=", 2);
  if (name !== "curve" || text == null) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function main() {
  paintLastView();
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
  const view = new View(isDark(), [...new URLSearchParams(location.search)]);
  page = new Page(view, worker);
  wire(page.actions);
  onSystemTheme(() => page?.recolour());
  wirePanels(page.actions);
  for (const event of early.splice(0)) page.apply(event);
  const { actions } = page;
  const shared = sharedCurve();
  if (shared != null) view.take_shared(shared);
  addEventListener("pagehide", () => page?.keepView());
  addEventListener("visibilitychange", () => document.hidden && page?.keepView());
  page.own.onReport = actions.report;
  await page.begin();
  page.recall();
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
