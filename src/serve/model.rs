//! What the service says of its model.

use serde_json::Value;

use perforate_engine::{DatumType, Program};
use perforate_onnx::type_name;

/// Inputs, outputs, knobs, certificate, and how the file was split, if it was.
pub fn describe(program: &Program) -> Value {
    perforate_watch::describe(program, kind)
}

/// The name of an element type, as NumPy has it.
fn kind(kind: DatumType) -> String {
    let known = [
        (DatumType::F32, 1),
        (DatumType::U8, 2),
        (DatumType::I8, 3),
        (DatumType::I32, 6),
        (DatumType::I64, 7),
        (DatumType::Bool, 9),
        (DatumType::F16, 10),
        (DatumType::F64, 11),
    ];
    let number = known.iter().find(|(own, _)| *own == kind).map(|(_, number)| *number);
    number.map_or_else(|| format!("{kind:?}").to_lowercase(), |number| type_name(number).into())
}
