// @ts-check
// One worker of a pool: see pool.js.
//
// In:  {module, bytes}    once, first: the compiled engine and an ONNX file
//      {inputs, knobs?}   tensors by name
// Out: {} when loaded · {outputs} · {error: sentence}

import init, { Model } from "./perforate_runtime.js";

const scope = /** @type {DedicatedWorkerGlobalScope} */ (/** @type {unknown} */ (self));
/** @type {Model} */
let model;

/** @param {MessageEvent} event */
scope.onmessage = async ({ data }) => {
  try {
    if (data.module) {
      await init({ module_or_path: data.module });
      model = new Model(data.bytes);
      scope.postMessage({});
    } else {
      scope.postMessage({ outputs: model.run(data.inputs, data.knobs) });
    }
  } catch (error) {
    scope.postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
};
