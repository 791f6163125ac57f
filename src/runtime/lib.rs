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

use js_sys::{JsString, Object, Reflect};
use wasm_bindgen::prelude::*;

use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::{Batch, Knobs, Program, Session};
use perforate_kernels::memory::{ZeroedAllocator, run_constructors};

#[global_allocator]
static ALLOCATOR: ZeroedAllocator = ZeroedAllocator;

/// Once, before everything else.
#[wasm_bindgen(start)]
pub fn start() {
    run_constructors();
}

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = "
export interface Tensor {
  data: Float32Array | BigInt64Array;
  dims: readonly number[];
}
";

/// A loaded model.
#[wasm_bindgen]
pub struct Model {
    session: Session,
    /// Names as JavaScript has them: making one takes as long as a small model's layer.
    inputs: Vec<JsString>,
    outputs: Vec<JsString>,
}

#[wasm_bindgen]
impl Model {
    /// Loads an ONNX file.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: &[u8]) -> Result<Model, JsError> {
        let program = Program::load("the model", bytes).map_err(to_js)?;
        let inputs = program.inputs().iter().map(|input| input.name.as_str().into()).collect();
        let outputs = program.outputs().iter().map(|name| name.as_str().into()).collect();
        Ok(Model { session: Session::new(Arc::new(program)), inputs, outputs })
    }

    /// Names of the inputs.
    pub fn inputs(&self) -> Vec<String> {
        self.session.program().inputs().iter().map(|input| input.name.clone()).collect()
    }

    /// Names of the outputs.
    pub fn outputs(&self) -> Vec<String> {
        self.session.program().outputs().to_vec()
    }

    /// Names of the knobs.
    pub fn knobs(&self) -> Vec<String> {
        self.session.program().knobs().iter().map(|knob| knob.name.clone()).collect()
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
        self.answer(inputs, knobs.as_ref()).map_err(to_js)
    }
}

impl Model {
    fn answer(&mut self, inputs: &Object, knobs: Option<&Object>) -> Result<Object> {
        let batch = self.batch(inputs)?;
        let outcome = self.session.run(&batch, &read_knobs(knobs)?)?;
        let outputs = Object::new();
        for (name, (_, tensor)) in self.outputs.iter().zip(outcome.outputs()) {
            let value = tensor::to_js(tensor)?;
            // Nothing refuses a property of an object that was made here.
            Reflect::set(&outputs, name, &value).ok();
        }
        Ok(outputs)
    }

    fn batch(&self, inputs: &Object) -> Result<Batch> {
        let mut batch = Batch::new();
        let mut add = |name: &str, value: &JsValue| {
            let tensor = tensor::from_js(value).map_err(|e| e.at(format!("input `{name}`")))?;
            batch = std::mem::take(&mut batch).with_tensor(name, tensor);
            Ok(())
        };
        for (input, name) in self.session.program().inputs().iter().zip(&self.inputs) {
            let value = Reflect::get(inputs, name).unwrap_or_default();
            if !value.is_undefined() {
                add(&input.name, &value)?;
            }
        }
        if Object::keys(inputs).length() as usize > self.inputs.len() {
            // Something is not the model's. The engine then says what it takes.
            let own = self.session.program().inputs();
            for key in Object::keys(inputs) {
                let name = key.as_string().unwrap_or_default();
                if !own.iter().any(|input| input.name == name) {
                    add(&name, &Reflect::get(inputs, &key).unwrap_or_default())?;
                }
            }
        }
        Ok(batch)
    }
}

fn read_knobs(given: Option<&Object>) -> Result<Knobs> {
    let Some(given) = given else { return Ok(Knobs::new()) };
    Object::keys(given).iter().try_fold(Knobs::new(), |knobs, key| {
        let name = key.as_string().unwrap_or_default();
        let value = Reflect::get(given, &key).ok().and_then(|value| value.as_f64());
        let value = value.ok_or_else(|| {
            Error::new(ErrorKind::Knob, "its value is not a number").at(format!("knob `{name}`"))
        })?;
        Ok(knobs.with(name, value as f32))
    })
}

fn to_js(error: Error) -> JsError {
    JsError::new(&error.to_string())
}
