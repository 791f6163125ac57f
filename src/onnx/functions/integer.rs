//! Matrix products in whole numbers.

use tract_onnx::pb::{FunctionProto, TensorProto, tensor_proto::DataType};

use super::body::Body;
use crate::attributes::int_attribute;
use crate::tensors::float_tensor;

/// `y = x · W`, weights in eight bits, activations measured row by row: `x [.., k]` f32, `weights [k, n]` int8,
/// `scales [n]` f32 → `y [.., n]` f32.
pub const DYNAMIC_INT8_MATMUL: &str = "DynamicInt8MatMul";

/// The same with weights in four bits: `x [.., k]` f32, `weights [k / 2, n]` uint8, `scales [k / 32, n]` float16 → `y [.., n]` f32.
///
/// Inputs 2i and 2i + 1 share a byte, the first in its lower half, 8 added to both; each 32 inputs of a column share a scale.
pub const DYNAMIC_INT4_MATMUL: &str = "DynamicInt4MatMul";
/// Inputs that share a scale there.
pub const BLOCK: usize = 32;

/// Rows whose largest magnitude is below this are zeros; the kernel has the same.
pub const SMALLEST: f32 = 1e-30;
/// The largest magnitude of a quantised number.
pub const LARGEST: f32 = 127.0;

/// What both take and give.
const INTERFACE: (&[&str], &[&str]) = (&["x", "weights", "scales"], &["y"]);

/// What stands for zero in activations of eight bits without a sign, which other runtimes multiply fastest.
const MIDDLE: i32 = 128;

/// The function in eight bits for a model of this operator set.
///
/// The product is one of `uint8` activations and `int8` weights, for which ONNX Runtime has its fastest kernels. On x86
/// without VNNI these add pairs in 16 bits, which saturates; with `session.x64quantprecision` = 1 it takes exact ones.
pub fn dynamic_int8_matmul(opset: i64) -> FunctionProto {
    let mut body = Body::default();
    let [shares, scale] = shares(&mut body, opset);
    let middle = TensorProto {
        name: "middle".into(),
        data_type: DataType::Uint8 as i32,
        int32_data: vec![MIDDLE],
        ..TensorProto::default()
    };
    let middle = body.constant("middle", middle);
    let one = body.constant("one", float_tensor("one", &[], &[1.0]));
    // It rounds halves to even.
    let quantised = body.node("QuantizeLinear", "quantised", &[shares, one, middle], vec![]);
    let sums = body.node("MatMulInteger", "sums", &[quantised, "weights", middle], vec![]);
    let to_float = vec![int_attribute("to", DataType::Float as i64)];
    let numbers = body.node("Cast", "numbers", &[sums], to_float);
    let rows = body.node("Mul", "rows", &[numbers, scale], vec![]);
    body.node("Mul", "y", &[rows, "scales"], vec![]);
    body.into_function(
        (DYNAMIC_INT8_MATMUL, opset),
        INTERFACE,
        "y = x W, with weights int8 by column and activations in eight bits by row (dynamic)",
    )
}

/// The function in four bits for a model of this operator set.
///
/// No operator multiplies four bits: the weights are restored to f32 first.
pub fn dynamic_int4_matmul(opset: i64) -> FunctionProto {
    let mut body = Body::default();
    let [shares, scale] = shares(&mut body, opset);
    let whole = body.node("Round", "whole", &[shares], vec![]);
    let to = |kind: DataType| vec![int_attribute("to", kind as i64)];
    // A size of 0 is taken from the input, one of -1 from what is left.
    let apart = body.integers("apart", &[0, 1, -1]);
    let by_block = body.integers("by_block", &[-1, BLOCK as i64, 0]);
    let sixteen = body.constant("sixteen", float_tensor("sixteen", &[], &[16.0]));
    let eight = body.constant("eight", float_tensor("eight", &[], &[8.0]));
    let bytes = body.node("Cast", "bytes", &["weights"], to(DataType::Float));
    let shares = body.node("Div", "bytes_by_16", &[bytes, sixteen], vec![]);
    let high = body.node("Floor", "high", &[shares], vec![]);
    let above = body.node("Mul", "above", &[high, sixteen], vec![]);
    let low = body.node("Sub", "low", &[bytes, above], vec![]);
    let low = body.node("Reshape", "low_apart", &[low, apart], vec![]);
    let high = body.node("Reshape", "high_apart", &[high, apart], vec![]);
    let pairs = body.node("Concat", "pairs", &[low, high], vec![int_attribute("axis", 1)]);
    let blocks = body.node("Reshape", "blocks", &[pairs, by_block], vec![]);
    let centred = body.node("Sub", "centred", &[blocks, eight], vec![]);
    let scales = body.node("Cast", "wide_scales", &["scales"], to(DataType::Float));
    let scales = body.node("Reshape", "scales_apart", &[scales, apart], vec![]);
    let scaled = body.node("Mul", "scaled", &[centred, scales], vec![]);
    let restored = body.node("Flatten", "restored", &[scaled], vec![int_attribute("axis", 2)]);
    let sums = body.node("MatMul", "sums", &[whole, restored], vec![]);
    body.node("Mul", "y", &[sums, scale], vec![]);
    body.into_function(
        (DYNAMIC_INT4_MATMUL, opset),
        INTERFACE,
        "y = x W, with weights int4 by column and 32 inputs, and activations int8 by row (dynamic)",
    )
}

/// The activations `x` as shares of their row's scale, −127 to 127 and not yet rounded, and these scales.
fn shares(body: &mut Body, opset: i64) -> [&'static str; 2] {
    let magnitude = body.node("Abs", "magnitude", &["x"], vec![]);
    let most = body.largest(opset, "most", magnitude);
    let smallest = body.constant("smallest", float_tensor("smallest", &[], &[SMALLEST]));
    let largest = body.constant("largest", float_tensor("largest", &[], &[LARGEST]));
    let some = body.node("Max", "some", &[most, smallest], vec![]);
    let scale = body.node("Div", "scale", &[some, largest], vec![]);
    [body.node("Div", "shares", &["x", scale], vec![]), scale]
}
