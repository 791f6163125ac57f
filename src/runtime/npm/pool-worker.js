// @ts-check
// One worker of a pool: see pool.js.
//
// In:  {module, bytes, observe}    once, first: the compiled engine, an ONNX file, and how it is observed, if it is
//      {inputs, knobs}             tensors by name
//      {report}                    asks for what was observed
// Out: {} when loaded · {result} · {report} · {error: {message, kind, file, node}}

import init, { Engine } from "./perforate_runtime.js";
import { builtin, isNode } from "./module.js";

/** @type {Engine} */
let engine;

/** @param {{ module?: WebAssembly.Module, bytes?: Uint8Array, observe?: { delta?: number }, inputs?: any, knobs?: any, report?: true }} data */
async function answer(data) {
  try {
    if (data.module) {
      await init({ module_or_path: data.module });
      engine = new Engine("the model", data.bytes ?? new Uint8Array());
      if (data.observe) engine.observe(data.observe.delta);
      return {};
    }
    if (data.report) return { report: engine.report() };
    const outputs = engine.run(data.inputs, data.knobs);
    return { result: { outputs, paths: engine.paths(), macs: engine.macs() } };
  } catch (error) {
    // A trap leaves the engine in an unknown state: this worker dies, and another one takes its place.
    if (error instanceof WebAssembly.RuntimeError) throw error;
    const told = /** @type {{ message?: string, kind?: string, file?: string, node?: string }} */ (error ?? {});
    return { error: { message: told.message ?? String(error), kind: told.kind, file: told.file, node: told.node } };
  }
}

if (isNode) {
  const { parentPort } = builtin("node:worker_threads");
  parentPort?.on("message", async (data) => parentPort.postMessage(await answer(data)));
} else {
  const scope = /** @type {DedicatedWorkerGlobalScope} */ (/** @type {unknown} */ (self));
  // A rejected promise would stay in here: only an error that is reported reaches the pool.
  scope.onmessage = ({ data }) => void answer(data).then((message) => scope.postMessage(message), (error) => scope.reportError(error));
}
