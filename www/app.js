// The page: compiles the WebAssembly module once for itself and the worker, feeds the worker's
// events to the Rust `View`, and shows the view's state. No arithmetic, no formatting: Rust does both.

import init, { View } from "./perforate.js";
import { Charts, coalesce } from "./charts.js";
import { isDark, onSystemTheme, save, toggleTheme, wire } from "./controls.js";
import { LabWorker } from "./lab.js";
import { render } from "./render.js";

const $ = (id) => document.getElementById(id);
const address = new URLSearchParams(location.search);

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
  let current;
  let canResume = false;
  let wasRunning = false;
  const early = [];

  const worker = new LabWorker((events) => {
    if (!view) return void early.push(...events);
    for (const event of events) apply(event);
  });
  const module = await compile();
  worker.start(module);
  await init({ module_or_path: module });
  view = new View(isDark());

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
    charts.repaint(() => worker.shown());
    if (state.measured > 0 && performance.getEntriesByName("first-curve").length === 0) {
      performance.mark("first-curve");
    }
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
      [current, ownFile] = [scenario, undefined];
      address.set("scenario", scenario);
      const query = address.toString().replaceAll("%2F", "/"); // allowed there, and readable
      history.replaceState(null, "", `?${query}${location.hash}`);
      worker.send({ type: "open", scenario, quick: address.has("quick") });
    },
    async file(file) {
      if (!/\.(onnx|npy|npz|tsv|tsv\.gz)$/i.test(file.name)) {
        const message = `"${file.name}" is neither an .onnx model nor an .npy, .npz or .tsv file of inputs.`;
        return apply({ type: "error", message });
      }
      ownFile = file;
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
      else actions.open(current);
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
    const extension = { json: "json", csv: "csv", markdown: "md", svg: "svg", png: "png" };
    const [type, chart] = kind.split(":");
    const name = ["perforate", current, chart].filter(Boolean).join("-").replaceAll("/", "-");
    try {
      const blob = canvas
        ? await new Promise((done) => canvas.toBlob(done))
        : new Blob([view.export(kind)], { type: type === "svg" ? "image/svg+xml" : "text/plain" });
      save(`${name}.${extension[type] ?? "txt"}`, blob);
    } catch (error) {
      apply({ type: "error", message: `The export failed: ${error.message ?? error}.` });
    }
  }

  wire(actions);
  onSystemTheme(() => {
    view.set_theme(isDark());
    show();
  });

  const { scenarios } = view.state();
  const wanted = scenarios.find((s) => s.name === address.get("scenario"));
  current = (wanted ?? scenarios.find((s) => s.current) ?? scenarios[0]).name;
  worker.send({ type: "open", scenario: current, quick: address.has("quick") });
  for (const event of early.splice(0)) apply(event);
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
