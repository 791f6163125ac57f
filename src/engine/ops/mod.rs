//! Operators of our own. Each stands in a file as a model-local ONNX function, whose body is ordinary ONNX: other runtimes
//! execute that, and here the name is enough.

pub mod attention;
pub(crate) mod fused;
pub mod integer;
pub(crate) mod lacking;
mod ranked;
mod shared;
pub mod skipped_work;
pub mod tokens;

use tract_onnx::Onnx;
use tract_onnx::pb::NodeProto;

use perforate_onnx::functions;

pub use perforate_onnx::functions::DOMAIN;
pub use shared::Shared;

/// Whether the sizes of a node's outputs depend on the values that it reads.
pub fn changes_sizes(node: &NodeProto) -> bool {
    node.domain == DOMAIN && node.op_type == functions::KEEP_TOKENS
}

/// tract's ONNX reader, with our operators.
pub fn framework() -> Onnx {
    let mut framework = tract_onnx::onnx();
    framework.op_register.insert(functions::DYNAMIC_INT8_MATMUL, integer::parse_int8);
    framework.op_register.insert(functions::DYNAMIC_INT4_MATMUL, integer::parse_int4);
    framework.op_register.insert(functions::PERFORATED_ATTENTION, attention::parse);
    framework.op_register.insert(functions::KEEP_TOKENS, tokens::parse);
    for name in ranked::RANKED {
        framework.op_register.insert(name, ranked::parse);
    }
    framework
}
