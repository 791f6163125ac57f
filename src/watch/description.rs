//! What a model says of itself to those who use it.

use serde_json::{Value, json};

use perforate_engine::{DatumType, Program};

/// Inputs, outputs, knobs, certificate, and how the file was split, if it was; `kind` names element types.
pub fn describe(program: &Program, kind: impl Fn(DatumType) -> String) -> Value {
    let metadata = program.metadata();
    let inputs = program.inputs().iter().map(|input| {
        json!({ "name": input.name, "type": kind(input.datum_type), "shape": input.row_shape })
    });
    let knobs = program.knobs().iter().map(|knob| {
        let range = metadata.knobs.get(&knob.name);
        json!({
            "name": knob.name,
            "default": knob.default,
            "light": range.map(|range| range.light),
            "full": range.map(|range| range.full),
        })
    });
    json!({
        "inputs": inputs.collect::<Vec<_>>(),
        "outputs": program.outputs(),
        "knobs": knobs.collect::<Vec<_>>(),
        "certificate": metadata.certificate,
        "split": metadata.half,
    })
}
