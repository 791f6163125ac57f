//! The engine alone as a WebAssembly module: loads an ONNX file, routed or not, and runs it.
//!
//! `npm/` makes a package of it, with types and a pool of workers; see its README.
//!
//! Tensors have `data` and `dims`, as those of onnxruntime-web do. `data` is a `Float32Array` or a `BigInt64Array`.

#![cfg(target_arch = "wasm32")]

mod clock;
mod tensor;

use std::collections::HashMap;
use std::sync::Arc;

use js_sys::{Array, JsString, Object, Reflect};
use wasm_bindgen::prelude::*;

use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::{Batch, DatumType, Knobs, Path, Program, RowTrace, Session};
use perforate_kernels::memory::{ZeroedAllocator, run_constructors};
use perforate_watch::{DELTA, Observer, describe};

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
pub struct Engine {
    session: Session,
    /// Names as JavaScript has them: making one takes as long as a small model's layer.
    inputs: Vec<JsString>,
    outputs: Vec<JsString>,
    /// What became of the rows of the last run.
    rows: Vec<RowTrace>,
    labels: HashMap<Path, JsString>,
    /// Counts what runs do, while somebody wants to know.
    observer: Option<Observer>,
}

#[wasm_bindgen]
impl Engine {
    /// Loads an ONNX file; its name stands in messages.
    #[wasm_bindgen(constructor)]
    pub fn new(name: &str, bytes: &[u8]) -> Result<Engine, JsValue> {
        let program = Program::load(name, bytes).map_err(to_js)?;
        let inputs = program.inputs().iter().map(|input| input.name.as_str().into()).collect();
        let outputs = program.outputs().iter().map(|name| name.as_str().into()).collect();
        let session = Session::new(Arc::new(program));
        let (rows, labels) = (vec![], HashMap::new());
        Ok(Engine { session, inputs, outputs, rows, labels, observer: None })
    }

    /// Inputs, outputs, knobs, certificate and how the file was split, as JSON.
    pub fn describe(&self) -> String {
        let kind = |kind: DatumType| {
            let kind = format!("{kind:?}").to_lowercase();
            match kind.as_str() {
                "f32" => "float32".into(),
                "f64" => "float64".into(),
                "f16" => "float16".into(),
                "i64" => "int64".into(),
                "i32" => "int32".into(),
                _ => kind,
            }
        };
        describe(self.session.program(), kind).to_string()
    }

    /// Runs the model on tensors by name. Knobs that are not given keep their defaults.
    #[wasm_bindgen(unchecked_return_type = "Record<string, Tensor>")]
    pub fn run(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Record<string, Tensor>")] inputs: &Object,
        #[wasm_bindgen(unchecked_optional_param_type = "Record<string, number>")] knobs: Option<
            Object,
        >,
    ) -> Result<Object, JsValue> {
        self.answer(inputs, knobs.as_ref()).map_err(to_js)
    }

    /// The path of each row of the last run.
    #[wasm_bindgen(unchecked_return_type = "string[]")]
    pub fn paths(&mut self) -> Array {
        let program = self.session.program();
        let label = |row: &RowTrace| -> JsValue {
            let known = self.labels.entry(row.path);
            known.or_insert_with(|| program.path_label(row.path).into()).clone().into()
        };
        self.rows.iter().map(label).collect()
    }

    /// From now on counts paths and scores, times segments, and listens for drift: an alarm sounds without need with
    /// probability `delta` at most. What was counted before is forgotten.
    pub fn observe(&mut self, delta: Option<f64>) -> Result<(), JsValue> {
        let program = self.session.program().clone();
        let observer = Observer::new(program, delta.unwrap_or(DELTA)).map_err(to_js)?;
        self.observer = Some(observer);
        self.session.time_segments(Some(clock::now));
        Ok(())
    }

    /// What was counted since, as JSON; nothing where nobody observes.
    pub fn report(&self) -> Option<String> {
        let report = self.observer.as_ref()?.report(self.session.segment_times());
        serde_json::to_string(&report).ok()
    }

    /// Multiply-accumulates of each row of the last run.
    pub fn macs(&self) -> Vec<f64> {
        self.rows.iter().map(|row| row.work.macs.0).collect()
    }
}

impl Engine {
    fn answer(&mut self, inputs: &Object, knobs: Option<&Object>) -> Result<Object> {
        let batch = self.batch(inputs)?;
        let knobs = read_knobs(knobs)?;
        let outcome = self.session.run(&batch, &knobs)?;
        if let Some(observer) = &mut self.observer {
            observer.observe(&outcome.trace, &knobs);
        }
        self.rows.clone_from(&outcome.trace.rows);
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

/// An error as JavaScript has it, with `kind`, and `file` and `node` where they are known.
fn to_js(error: Error) -> JsValue {
    let value = js_sys::Error::new(&error.to_string());
    let about =
        [("kind", Some(error.kind().name())), ("file", error.place()), ("node", error.at_node())];
    for (name, text) in about {
        if let Some(text) = text {
            // Nothing refuses a property of an object that was made here.
            Reflect::set(&value, &name.into(), &text.into()).ok();
        }
    }
    value.into()
}
