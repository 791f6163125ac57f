//! Operators of our own as model-local functions, whose bodies are ordinary ONNX: other runtimes execute these.

mod attention;
mod body;
mod integer;
mod tokens;

use tract_onnx::pb::{FunctionProto, ModelProto, OperatorSetIdProto};

pub use attention::{ATTENTION_BLOCK, PERFORATED_ATTENTION, perforated_attention};
pub use body::DOMAIN;
pub use integer::{
    BLOCK, DYNAMIC_INT4_MATMUL, DYNAMIC_INT8_MATMUL, LARGEST, SMALLEST, dynamic_int4_matmul,
    dynamic_int8_matmul,
};
pub use tokens::{KEEP_TOKENS, keep_tokens};

/// Adds a function to a model, if it has none of this name, and the domain that it belongs to.
pub fn declare(model: &mut ModelProto, function: FunctionProto) {
    let same =
        |known: &FunctionProto| known.name == function.name && known.domain == function.domain;
    if !model.functions.iter().any(same) {
        model.functions.push(function);
    }
    if !model.opset_import.iter().any(|known| known.domain == DOMAIN) {
        let own = OperatorSetIdProto { domain: DOMAIN.into(), version: 1 };
        model.opset_import.push(own);
    }
}
