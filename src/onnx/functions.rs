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

/// The function for a model of this operator set.
pub fn dynamic_int8_matmul(opset: i64) -> FunctionProto {
    let mut body = Body { nodes: vec![] };
    let magnitude = body.node("Abs", "magnitude", &["x"], vec![]);
    let most = if opset < 18 {
        let axes = vec![ints_attribute("axes", &[-1]), int_attribute("keepdims", 1)];
        body.node("ReduceMax", "most", &[magnitude], axes)
    } else {
        let axes = TensorProto {
            name: "axes".into(),
            dims: vec![1],
            data_type: DataType::Int64 as i32,
            int64_data: vec![-1],
            ..TensorProto::default()
        };
        let axes = body.constant(axes);
        body.node("ReduceMax", "most", &[magnitude, axes], vec![int_attribute("keepdims", 1)])
    };
    let smallest = body.constant(float_tensor("smallest", &[], &[SMALLEST]));
    let largest = body.constant(float_tensor("largest", &[], &[LARGEST]));
    let some = body.node("Max", "some", &[most, smallest], vec![]);
    let scale = body.node("Div", "scale", &[some, largest], vec![]);
    let shares = body.node("Div", "shares", &["x", scale], vec![]);
    let whole = body.node("Round", "whole", &[shares], vec![]);
    let to = |kind: DataType| vec![int_attribute("to", kind as i64)];
    let quantised = body.node("Cast", "quantised", &[whole], to(DataType::Int8));
    let sums = body.node("MatMulInteger", "sums", &[quantised, "weights"], vec![]);
    let numbers = body.node("Cast", "numbers", &[sums], to(DataType::Float));
    let rows = body.node("Mul", "rows", &[numbers, scale], vec![]);
    body.node("Mul", "y", &[rows, "scales"], vec![]);
    FunctionProto {
        name: Some(DYNAMIC_INT8_MATMUL.into()),
        domain: Some(DOMAIN.into()),
        input: ["x", "weights", "scales"].map(String::from).into(),
        output: vec!["y".into()],
        node: body.nodes,
        opset_import: vec![OperatorSetIdProto { version: opset, ..Default::default() }],
        doc_string: Some(
            "y = x W, with weights int8 by column and activations int8 by row (dynamic)".into(),
        ),
        ..FunctionProto::default()
    }
}

/// The nodes of a function.
struct Body {
    nodes: Vec<NodeProto>,
}

impl Body {
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

    fn constant(&mut self, tensor: TensorProto) -> &'static str {
        let name = match tensor.name.as_str() {
            "smallest" => "smallest",
            "largest" => "largest",
            _ => "axes",
        };
        let value = AttributeProto {
            name: "value".into(),
            r#type: AttributeType::Tensor as i32,
            t: Some(tensor),
            ..AttributeProto::default()
        };
        self.node("Constant", name, &[], vec![value])
    }
}
