//! Operators of our own. Each stands in a file as a model-local ONNX function, whose body is ordinary ONNX: other runtimes
//! execute that, and here the name is enough.

pub mod integer;

use tract_onnx::Onnx;

use crate::onnx::functions;

pub use crate::onnx::functions::DOMAIN;

/// tract's ONNX reader, with our operators.
pub fn framework() -> Onnx {
    let mut framework = tract_onnx::onnx();
    framework.op_register.insert(functions::DYNAMIC_INT8_MATMUL, integer::parse_int8);
    framework.op_register.insert(functions::DYNAMIC_INT4_MATMUL, integer::parse_int4);
    framework
}
