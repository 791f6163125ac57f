//! Tokens that are left out of the rest of a network.

use tract_onnx::pb::{FunctionProto, TensorProto, tensor_proto::DataType};

use super::body::Body;
use crate::attributes::int_attribute;
use crate::tensors::float_tensor;

/// Drops the tokens whose importance is below a threshold.
///
/// `h [N, n, D]` f32, `mask [N, n]` f32, zero where a token is padding, `importance [N, n]` f32, `threshold` f32, broadcast to
/// it → `kept [N, m, D]` and `kept_mask [N, m]` f32, in the order that they had, m as many as the row with the most
/// keeps, padding behind those of the others; and `count [N, 1]` f32, how many each row keeps. The first token always
/// stays.
pub const KEEP_TOKENS: &str = "KeepTokens";

/// The function for a model of this operator set.
pub fn keep_tokens(opset: i64) -> FunctionProto {
    let mut body = Body::default();
    let to = |kind: DataType| vec![int_attribute("to", kind as i64)];
    let whole = |name: &'static str, value: i64| TensorProto {
        name: name.into(),
        data_type: DataType::Int64 as i32,
        int64_data: vec![value],
        ..TensorProto::default()
    };
    let zero = body.constant("zero", whole("zero", 0));
    let one = body.constant("one", whole("one", 1));
    let shape = body.node("Shape", "shape", &["mask"], vec![]);
    let length = body.node("Gather", "length", &[shape, one], vec![]);
    let places = body.node("Range", "places", &[zero, length, one], vec![]);
    let first = body.node("Equal", "first", &[places, zero], vec![]);
    let important = body.node("GreaterOrEqual", "important", &["importance", "threshold"], vec![]);
    let wanted = body.node("Or", "wanted", &[important, first], vec![]);
    let nothing = body.constant("nothing", float_tensor("nothing", &[], &[0.0]));
    let tokens = body.node("Greater", "tokens", &["mask", nothing], vec![]);
    let kept = body.node("And", "stays", &[wanted, tokens], vec![]);
    let kept = body.node("Cast", "stays_as_number", &[kept], to(DataType::Float));
    let along = body.integers("along", &[1]);
    let apart = vec![int_attribute("keepdims", 1)];
    let count = body.node("ReduceSum", "count", &[kept, along], apart);
    let most = body.node("ReduceMax", "most", &[count], vec![int_attribute("keepdims", 0)]);
    let most = body.node("Cast", "most_as_integer", &[most], to(DataType::Int64));
    let list = body.integers("list", &[1]);
    let most = body.node("Reshape", "most_as_list", &[most, list], vec![]);
    // Of equals the first comes first: tokens keep their order.
    let largest = vec![int_attribute("axis", 1)];
    body.node_of("TopK", &["kept_mask", "order"], &[kept, most], largest);
    let last = body.integers("last", &[2]);
    let order = body.node("Unsqueeze", "order_apart", &["order", last], vec![]);
    body.node("GatherND", "kept", &["h", order], vec![int_attribute("batch_dims", 1)]);
    body.into_function(
        (KEEP_TOKENS, opset),
        (&["h", "mask", "importance", "threshold"], &["kept", "kept_mask", "count"]),
        "the tokens whose importance reaches the threshold, and the first one",
    )
}
