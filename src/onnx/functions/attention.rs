//! Attention that leaves blocks of keys out.

use tract_onnx::pb::{FunctionProto, TensorProto, tensor_proto::DataType};

use super::body::Body;
use crate::attributes::{int_attribute, ints_attribute};
use crate::tensors::float_tensor;

/// Attention over those blocks of keys whose importance reaches a threshold.
///
/// `q k v [N, H, n, d]` f32, the queries divided by √d; `importance [N, H, b, b]` f32, of each block of [`ATTENTION_BLOCK`] keys to
/// each block of as many queries, b = ⌈n / 32⌉; `threshold` f32, broadcast to it; `mask [N, n]` f32, zero where a key is padding → `y [N, H, n, d]`
/// f32. Softmax runs over what is kept: the rest is excluded, not multiplied by zero after it. Queries of which
/// everything is left out read zeros.
pub const PERFORATED_ATTENTION: &str = "PerforatedAttention";
/// Queries that share a decision, and keys.
pub const ATTENTION_BLOCK: usize = 32;

/// The function for a model of this operator set: dense, with a mask.
pub fn perforated_attention(opset: i64) -> FunctionProto {
    let mut body = Body::default();
    let whole = |name: &'static str, value: i64| TensorProto {
        name: name.into(),
        data_type: DataType::Int64 as i32,
        int64_data: vec![value],
        ..TensorProto::default()
    };
    let number = |name: &'static str, value: f32| float_tensor(name, &[], &[value]);
    let shape = body.node("Shape", "shape", &["q"], vec![]);
    let zero = body.constant("zero", whole("zero", 0));
    let one = body.constant("one", whole("one", 1));
    let two = body.constant("two", whole("two", 2));
    let size = body.constant("size", whole("size", ATTENTION_BLOCK as i64));
    let length = body.node("Gather", "length", &[shape, two], vec![]);
    let places = body.node("Range", "places", &[zero, length, one], vec![]);
    let blocks = body.node("Div", "blocks", &[places, size], vec![]);
    let important = body.node("GreaterOrEqual", "important", &["importance", "threshold"], vec![]);
    let rows = body.node("Gather", "rows", &[important, blocks], vec![int_attribute("axis", 2)]);
    let cells = body.node("Gather", "cells", &[rows, blocks], vec![int_attribute("axis", 3)]);
    let nothing = body.constant("nothing", number("nothing", 0.0));
    let tokens = body.node("Greater", "tokens", &["mask", nothing], vec![]);
    let axes = body.integers("axes", &[1, 2]);
    let tokens = body.node("Unsqueeze", "tokens_apart", &[tokens, axes], vec![]);
    let kept = body.node("And", "kept", &[cells, tokens], vec![]);
    let turned = vec![ints_attribute("perm", &[0, 1, 3, 2])];
    let keys = body.node("Transpose", "keys", &["k"], turned);
    let scores = body.node("MatMul", "scores", &["q", keys], vec![]);
    let lowest = body.constant("lowest", number("lowest", f32::MIN));
    let scores = body.node("Where", "kept_scores", &[kept, scores, lowest], vec![]);
    let top = body.largest(opset, "top", scores);
    let below = body.node("Sub", "below", &[scores, top], vec![]);
    let powers = body.node("Exp", "powers", &[below], vec![]);
    let powers = body.node("Where", "weights", &[kept, powers, nothing], vec![]);
    let last = body.integers("last", &[-1]);
    let sum = body.node("ReduceSum", "sum", &[powers, last], vec![int_attribute("keepdims", 1)]);
    let smallest = body.constant("smallest", number("smallest", 1e-30));
    let sum = body.node("Max", "some", &[sum, smallest], vec![]);
    let read = body.node("MatMul", "read", &[powers, "v"], vec![]);
    body.node("Div", "y", &[read, sum], vec![]);
    body.into_function(
        (PERFORATED_ATTENTION, opset),
        (&["q", "k", "v", "importance", "threshold", "mask"], &["y"]),
        "attention over the blocks of keys whose importance reaches the threshold",
    )
}
