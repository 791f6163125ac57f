//! Operators of our own as model-local functions, whose bodies are ordinary ONNX: other runtimes execute these.

use tract_onnx::pb::{
    AttributeProto, FunctionProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    attribute_proto::AttributeType, tensor_proto::DataType,
};

use super::{float_tensor, int_attribute, ints_attribute};

/// The domain of our functions.
pub const DOMAIN: &str = "ai.perforate";
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

/// The function in eight bits for a model of this operator set.
pub fn dynamic_int8_matmul(opset: i64) -> FunctionProto {
    let mut body = Body { nodes: vec![] };
    let [whole, scale] = body.quantised(opset);
    let to = |kind: DataType| vec![int_attribute("to", kind as i64)];
    let quantised = body.node("Cast", "quantised", &[whole], to(DataType::Int8));
    let sums = body.node("MatMulInteger", "sums", &[quantised, "weights"], vec![]);
    let numbers = body.node("Cast", "numbers", &[sums], to(DataType::Float));
    let rows = body.node("Mul", "rows", &[numbers, scale], vec![]);
    body.node("Mul", "y", &[rows, "scales"], vec![]);
    body.into_function(
        (DYNAMIC_INT8_MATMUL, opset),
        "y = x W, with weights int8 by column and activations int8 by row (dynamic)",
    )
}

/// The function in four bits for a model of this operator set.
///
/// No operator multiplies four bits: the weights are restored to f32 first.
pub fn dynamic_int4_matmul(opset: i64) -> FunctionProto {
    let mut body = Body { nodes: vec![] };
    let [whole, scale] = body.quantised(opset);
    let to = |kind: DataType| vec![int_attribute("to", kind as i64)];
    let shape = |name: &str, sizes: &[i64]| TensorProto {
        name: name.into(),
        dims: vec![sizes.len() as i64],
        data_type: DataType::Int64 as i32,
        int64_data: sizes.to_vec(),
        ..TensorProto::default()
    };
    // A size of 0 is taken from the input, one of -1 from what is left.
    let apart = body.constant("apart", shape("apart", &[0, 1, -1]));
    let by_block = body.constant("by_block", shape("by_block", &[-1, BLOCK as i64, 0]));
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
        "y = x W, with weights int4 by column and 32 inputs, and activations int8 by row (dynamic)",
    )
}

/// The nodes of a function.
struct Body {
    nodes: Vec<NodeProto>,
}

impl Body {
    /// The activations `x` in whole numbers, as f32, and the scale of each row.
    fn quantised(&mut self, opset: i64) -> [&'static str; 2] {
        let magnitude = self.node("Abs", "magnitude", &["x"], vec![]);
        let most = if opset < 18 {
            let axes = vec![ints_attribute("axes", &[-1]), int_attribute("keepdims", 1)];
            self.node("ReduceMax", "most", &[magnitude], axes)
        } else {
            let axes = TensorProto {
                name: "axes".into(),
                dims: vec![1],
                data_type: DataType::Int64 as i32,
                int64_data: vec![-1],
                ..TensorProto::default()
            };
            let axes = self.constant("axes", axes);
            self.node("ReduceMax", "most", &[magnitude, axes], vec![int_attribute("keepdims", 1)])
        };
        let smallest = self.constant("smallest", float_tensor("smallest", &[], &[SMALLEST]));
        let largest = self.constant("largest", float_tensor("largest", &[], &[LARGEST]));
        let some = self.node("Max", "some", &[most, smallest], vec![]);
        let scale = self.node("Div", "scale", &[some, largest], vec![]);
        let shares = self.node("Div", "shares", &["x", scale], vec![]);
        [self.node("Round", "whole", &[shares], vec![]), scale]
    }

    fn node(
        &mut self,
        op_type: &str,
        output: &'static str,
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) -> &'static str {
        self.nodes.push(NodeProto {
            op_type: op_type.into(),
            name: output.into(),
            input: inputs.iter().map(|name| name.to_string()).collect(),
            output: vec![output.into()],
            attribute,
            ..NodeProto::default()
        });
        output
    }

    fn constant(&mut self, name: &'static str, tensor: TensorProto) -> &'static str {
        let value = AttributeProto {
            name: "value".into(),
            r#type: AttributeType::Tensor as i32,
            t: Some(tensor),
            ..AttributeProto::default()
        };
        self.node("Constant", name, &[], vec![value])
    }

    /// The function of this name and operator set.
    fn into_function(self, (name, opset): (&str, i64), text: &str) -> FunctionProto {
        FunctionProto {
            name: Some(name.into()),
            domain: Some(DOMAIN.into()),
            input: ["x", "weights", "scales"].map(String::from).into(),
            output: vec!["y".into()],
            node: self.nodes,
            opset_import: vec![OperatorSetIdProto { version: opset, ..Default::default() }],
            doc_string: Some(text.into()),
            ..FunctionProto::default()
        }
    }
}
