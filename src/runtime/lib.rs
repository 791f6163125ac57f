//! The engine alone as a WebAssembly module: loads an ONNX file, routed or not, and runs it.
//!
//! ```js
//! import init, { Model } from "./perforate_runtime.js";
//! await init();
//! const model = new Model(new Uint8Array(await (await fetch("routed.onnx")).arrayBuffer()));
//! const { logits } = model.run({ x: { data: pixels, dims: [1, 1, 28, 28] } }, { threshold: 0.9 });
//! ```
//!
//! Tensors have `data` and `dims`, as those of onnxruntime-web do. `data` is a `Float32Array` or a `BigInt64Array`.

#![cfg(target_arch = "wasm32")]

mod tensor;

use std::sync::Arc;

use js_sys::{Object, Reflect};
use wasm_bindgen::prelude::*;

use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::{Batch, Knobs, Program, Session};
use perforate_kernels::memory::ZeroedAllocator;

#[global_allocator]
static ALLOCATOR: ZeroedAllocator = ZeroedAllocator;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = "
export interface Tensor {
  data: Float32Array | BigInt64Array;
  dims: readonly number[];
}
";

/// A loaded model.
#[wasm_bindgen]
pub struct Model(Session);

#[wasm_bindgen]
impl Model {
    /// Loads an ONNX file.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: &[u8]) -> Result<Model, JsError> {
        let program = Program::load("the model", bytes).map_err(to_js)?;
        Ok(Model(Session::new(Arc::new(program))))
    }

    /// Names of the inputs.
    pub fn inputs(&self) -> Vec<String> {
        self.0.program().inputs().iter().map(|input| input.name.clone()).collect()
    }

    /// Names of the outputs.
    pub fn outputs(&self) -> Vec<String> {
        self.0.program().outputs().to_vec()
    }

    /// Names of the knobs.
    pub fn knobs(&self) -> Vec<String> {
        self.0.program().knobs().iter().map(|knob| knob.name.clone()).collect()
    }

    /// Runs the model on tensors by name. Knobs that are not given keep their defaults.
    #[wasm_bindgen(unchecked_return_type = "Record<string, Tensor>")]
    pub fn run(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Record<string, Tensor>")] inputs: &Object,
        #[wasm_bindgen(unchecked_optional_param_type = "Record<string, number>")] knobs: Option<
            Object,
        >,
    ) -> Result<Object, JsError> {
        self.answer(inputs, knobs).map_err(to_js)
    }
}

impl Model {
    fn answer(&mut self, inputs: &Object, knobs: Option<Object>) -> Result<Object> {
        let mut batch = Batch::new();
        for (name, value) in entries(inputs) {
            let tensor = tensor::from_js(&value).map_err(|e| e.at(format!("input `{name}`")))?;
            batch = batch.with_tensor(name, tensor);
        }
        let mut values = Knobs::new();
        for (name, value) in knobs.iter().flat_map(entries) {
            let number = value.as_f64().ok_or_else(|| {
                Error::new(ErrorKind::Knob, "its value is not a number")
                    .at(format!("knob `{name}`"))
            })?;
            values = values.with(name, number as f32);
        }
        let outcome = self.0.run(&batch, &values)?;
        let outputs = Object::new();
        for (name, tensor) in outcome.outputs() {
            set(&outputs, name, &tensor::to_js(tensor)?.into());
        }
        Ok(outputs)
    }
}

/// Names and values of an object.
fn entries(object: &Object) -> Vec<(String, JsValue)> {
    let names = Object::keys(object).into_iter();
    names.filter_map(|key| Some((key.as_string()?, Reflect::get(object, &key).ok()?))).collect()
}

/// Sets a property of an object that was made here, which nothing can refuse.
fn set(object: &Object, name: &str, value: &JsValue) {
    Reflect::set(object, &name.into(), value).ok();
}

fn to_js(error: Error) -> JsError {
    JsError::new(&error.to_string())
}
