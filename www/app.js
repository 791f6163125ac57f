// The page: compiles the WebAssembly module once for itself and the worker, feeds the worker's
// events to the Rust `View`, and shows the view's state. No arithmetic, no formatting: Rust does both.

import init, { View } from "./perforate.js";
import { Charts, coalesce } from "./charts.js";
import { isDark, onSystemTheme, save, toggleTheme, wire } from "./controls.js";
import { LabWorker } from "./lab.js";
import { render } from "./render.js";

const $ = (id) => document.getElementById(id);

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
  let canResume = false;
  let wasRunning = false;
  const early = [];

  const worker = new LabWorker({
    onEvents(events) {
      if (!view) return void early.push(...events);
      for (const event of events) apply(event);
    },
    onFile: ({ name, bytes }) => save(name, new Blob([bytes])),
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
  const show = coalesce(() => {
    const state = view.state();
    // Only a new start forgets the cancel: points already on their way still say "running".
    if (state.running && !wasRunning) canResume = false;
    wasRunning = state.running;
    $("run").textContent = canResume ? "Go on" : "Measure again";
    render(state, charts, picture);
    remember(state.address);
    charts.repaint(() => worker.shown());
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
    show();
  }

  const actions = {
    open(scenario) {
      ownFile = undefined;
      view.choose(scenario);
      actions.measure();
    },
    measure() {
      worker.send(view.request());
    },
    route() {
      ownFile = undefined;
      worker.send(view.route());
    },
    /** Returns what is wrong with the text, if anything is. */
    set(setting, text) {
      const fault = view.set(setting, text);
      if (fault == null) actions.measure();
      show();
      return fault;
    },
    async file(file) {
      if (!/\.(onnx|npy|npz|csv|tsv|tsv\.gz)$/i.test(file.name)) {
        const message = `"${file.name}" is neither an .onnx model nor an .npy, .npz, .csv or .tsv file of inputs.`;
        return apply({ type: "error", message });
      }
      // A model is looked at once more; a table stays with its scenario.
      ownFile = /\.tsv(\.gz)?$/i.test(file.name) ? undefined : file;
      try {
        const bytes = new Uint8Array(await file.arrayBuffer());
        worker.send({ type: "file", name: file.name }, [{ name: file.name, bytes }]);
      } catch (error) {
        apply({ type: "error", message: `"${file.name}" could not be read: ${error.message}.` });
      }
    },
    run() {
      if (canResume) actions.resume();
      else if (ownFile) actions.file(ownFile);
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
      show();
    },
    theme() {
      toggleTheme();
      view.set_theme(isDark());
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
    show();
  });

  actions.measure();
  for (const event of early.splice(0)) apply(event);
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
