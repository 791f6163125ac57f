//! Operators of our own. Each stands in a file as a model-local ONNX function, whose body is ordinary ONNX: other runtimes
//! execute that, and here the name is enough.

pub mod int8;

use tract_onnx::Onnx;

pub use crate::onnx::functions::DOMAIN;

/// tract's ONNX reader, with our operators.
pub fn framework() -> Onnx {
    let mut framework = tract_onnx::onnx();
    framework.op_register.insert(crate::onnx::functions::DYNAMIC_INT8_MATMUL, int8::parse);
    framework
}
