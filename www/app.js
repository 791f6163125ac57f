// The page: compiles the WebAssembly module once for itself and the worker, feeds the worker's
// events to the Rust `View`, and shows the view's state. No arithmetic, no formatting: Rust does both.

import init, { View } from "./perforate.js";
import { Charts, coalesce } from "./charts.js";
import { isDark, onSystemTheme, save, toggleTheme, wire } from "./controls.js";
import { LabWorker } from "./lab.js";
import { LiveBudget } from "./live.js";
import { OwnFiles } from "./own.js";
import { render } from "./render.js";

const $ = (id) => document.getElementById(id);
const SETTLING_MS = 100;
/** A worker that has taken more than this is replaced before the next scenario. */
const RENEW_ABOVE = 512e6;

/** Compiles while downloading; from bytes where the server names another media type. */
async function compile() {
  const source = new URL("./perforate_bg.wasm", import.meta.url);
  const response = await fetch(source);
  if (!response.ok) throw new Error(`perforate_bg.wasm: the server answered ${response.status}`);
  const streams = response.headers.get("content-type")?.startsWith("application/wasm");
  return streams
    ? WebAssembly.compileStreaming(response)
    : WebAssembly.compile(await response.arrayBuffer());
}

async function main() {
  let view;
  let ownFile; // the file that was dropped last, to take it again
  let memory = 0; // bytes that the worker has taken
  let canResume = false;
  let wasRunning = false;
  const early = [];

  const worker = new LabWorker({
    onEvents(events) {
      if (!view) return void early.push(...events);
      for (const event of events) apply(event);
    },
    onFile: ({ name, bytes }) => save(name, new Blob([bytes])),
    onMemory(bytes) {
      memory = bytes;
      document.documentElement.dataset.memory = bytes;
      view?.set_memory(bytes);
    },
    onInputs: (inputs) => own.keep(inputs),
  });
  const own = new OwnFiles(worker, {
    dropped: () => view.state().dropped,
    fail: (message) => apply({ type: "error", message }),
  });
  const module = await compile();
  worker.start(module);
  await init({ module_or_path: module });
  view = new View(isDark(), [...new URLSearchParams(location.search)]);

  const charts = new Charts(view, {
    places: (id, index) => $(index === 0 ? "hero" : "charts"),
    onPick: (knob) => actions.knob(knob),
    download,
  });
  const live = new LiveBudget(
    (command) => worker.send(command),
    () => view.state().running && actions.cancel(),
  );
  let news = true; // whether charts may look otherwise than they do
  const show = coalesce(() => {
    const state = view.state();
    // Only a new start forgets the cancel: points already on their way still say "running".
    if (state.running && !wasRunning) canResume = false;
    wasRunning = state.running;
    $("run").textContent = canResume ? "Go on" : "Measure again";
    render(state, charts, picture);
    own.refresh();
    remember(state.address);
    // Progress alone changes no chart.
    const shown = () => (state.measured > 0 ? onScreen(() => worker.shown()) : worker.shown());
    if (news) charts.repaint(shown, !state.running);
    else shown();
    news = false;
    if (state.measured > 0 && performance.getEntriesByName("first-curve").length === 0) {
      performance.mark("first-curve");
    }
    if (!state.running && state.measured > 0) keepOffline();
  });
  function picture(index) {
    return new ImageData(new Uint8ClampedArray(view.picture(index)), view.picture_width(index));
  }
  function apply(event) {
    guarded(() => view.apply(event));
    news ||= !["progress", "loading", "advanced"].includes(event.type);
    if (event.type === "advanced") live.advanced();
    if (["opened", "error"].includes(event.type)) live.stop();
    show();
  }

  const actions = {
    async open(scenario) {
      ownFile = undefined;
      view.choose(scenario);
      // What a large model has taken is given back only with the worker.
      if (memory > RENEW_ABOVE) await own.renew();
      actions.measure();
    },
    measure() {
      worker.send(view.request());
    },
    lengths() {
      canResume = false;
      worker.send(view.measure_lengths());
    },
    /** Exits for the newest model, or a cascade of all; in a worker that holds nothing of what was before. */
    async route(cascade) {
      ownFile = undefined;
      canResume = false;
      await own.renew();
      worker.send(view.route(cascade));
    },
    forget(name) {
      worker.send({ type: "forget", name });
    },
    /** Returns what is wrong with the text, if anything is. */
    set(setting, text) {
      const fault = view.set(setting, text);
      if (fault == null) actions.measure();
      news = true;
      show();
      return fault;
    },
    async files(entries) {
      if (entries.length > 0) ownFile = await own.take(entries);
    },
    pictures(form) {
      own.decode(form);
    },
    run() {
      if (canResume) actions.resume();
      else if (ownFile) own.again(ownFile);
      else actions.measure();
    },
    cancel() {
      canResume = true;
      worker.send({ type: "cancel" });
    },
    resume() {
      if (!canResume) return;
      canResume = false;
      worker.send({ type: "resume" });
    },
    knob(index) {
      view.set_knob(index);
      news = true;
      show();
    },
    type(text) {
      worker.send({ type: "type", text });
    },
    draw(width, grey) {
      worker.send({ type: "draw", width, grey });
    },
    filter(name) {
      view.set_filter(name);
      show();
    },
    sample(index) {
      view.set_sample(index);
      show();
    },
    routing(on) {
      view.set_routing(on);
      news = true;
      show();
    },
    theme() {
      toggleTheme();
      view.set_theme(isDark());
      news = true;
      show();
    },
    export: download,
  };

  async function download(kind, canvas) {
    const extension = { markdown: "md", experiment: "json" };
    const [type, chart] = kind.split(":");
    const what = chart ?? (type === "experiment" ? type : undefined);
    const { scenario } = Object.fromEntries(view.state().address);
    const name = ["perforate", scenario, what].filter(Boolean).join("-").replaceAll("/", "-");
    if (type === "onnx") return worker.take(`${name}.onnx`, view.knob());
    try {
      const blob = canvas
        ? await new Promise((done) => canvas.toBlob(done))
        : new Blob([view.export(kind)], { type: type === "svg" ? "image/svg+xml" : "text/plain" });
      save(`${name}.${extension[type] ?? type}`, blob);
    } catch (error) {
      apply({ type: "error", message: `The export failed: ${error.message ?? error}.` });
    }
  }

  wire(actions);
  onSystemTheme(() => {
    view.set_theme(isDark());
    news = true;
    show();
  });

  actions.measure();
  for (const event of early.splice(0)) apply(event);
}

/** Calls `then` when what was drawn is on the screen: layout and rasterising come after the script, on other threads too. */
function onScreen(then) {
  const soon = () => setTimeout(then, SETTLING_MS);
  if (document.hidden) soon();
  else requestAnimationFrame(soon);
}

/** Keeps the address such that a link to it shows the same. */
function remember(pairs) {
  const query = new URLSearchParams(pairs).toString().replaceAll("%2F", "/"); // allowed there, and readable
  const wanted = `?${query}${location.hash}`;
  if (wanted !== location.search + location.hash) history.replaceState(null, "", wanted);
}

let kept = false;

/** Keeps what was loaded for a time without a network; after measuring, which it would disturb. */
async function keepOffline() {
  if (kept || globalThis.packed || !navigator.serviceWorker) return;
  kept = true;
  try {
    await navigator.serviceWorker.register("sw.js");
    const { active } = await navigator.serviceWorker.ready;
    const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
    active.postMessage({ keep: [location.pathname, ...loaded] });
  } catch {
    // Not without a network, then.
  }
}

/** A fault of the page's own code is told, and does not stop the rest. */
function guarded(work) {
  try {
    work();
  } catch (error) {
    fail(`The page could not show a result: ${error.message ?? error}.`);
  }
}

function fail(sentence) {
  document.documentElement.dataset.state = "error";
  $("error").hidden = false;
  $("error").textContent = sentence;
}

main().catch((error) => {
  $("summary").textContent = "The laboratory could not be started.";
  $("status").textContent = "";
  $("progress").hidden = true;
  fail(`${error.message}. Reload the page to try again.`);
});
