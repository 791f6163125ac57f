//! The body of a function, node by node.

use tract_onnx::pb::{
    AttributeProto, FunctionProto, NodeProto, OperatorSetIdProto, TensorProto,
    attribute_proto::AttributeType, tensor_proto::DataType,
};

use crate::attributes::{int_attribute, ints_attribute};

/// The domain of our functions.
pub const DOMAIN: &str = "ai.perforate";

/// The nodes of a function.
#[derive(Default)]
pub(super) struct Body {
    nodes: Vec<NodeProto>,
}

impl Body {
    /// Adds an operator with one output; returns the output.
    pub fn node(
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

    /// An operator with several outputs.
    pub fn node_of(
        &mut self,
        op_type: &str,
        outputs: &[&'static str],
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) {
        self.node(op_type, outputs[0], inputs, attribute);
        if let Some(node) = self.nodes.last_mut() {
            node.output = outputs.iter().map(|name| name.to_string()).collect();
        }
    }

    /// The largest numbers along the last axis, which stays with size 1.
    pub fn largest(&mut self, opset: i64, output: &'static str, input: &str) -> &'static str {
        let keep = int_attribute("keepdims", 1);
        if opset < 18 {
            return self.node(
                "ReduceMax",
                output,
                &[input],
                vec![ints_attribute("axes", &[-1]), keep],
            );
        }
        let axes = self.integers("last_axis", &[-1]);
        self.node("ReduceMax", output, &[input, axes], vec![keep])
    }

    /// A constant list of integers.
    pub fn integers(&mut self, name: &'static str, values: &[i64]) -> &'static str {
        let tensor = TensorProto {
            name: name.into(),
            dims: vec![values.len() as i64],
            data_type: DataType::Int64 as i32,
            int64_data: values.to_vec(),
            ..TensorProto::default()
        };
        self.constant(name, tensor)
    }

    /// A constant.
    pub fn constant(&mut self, name: &'static str, tensor: TensorProto) -> &'static str {
        let value = AttributeProto {
            name: "value".into(),
            r#type: AttributeType::Tensor as i32,
            t: Some(tensor),
            ..AttributeProto::default()
        };
        self.node("Constant", name, &[], vec![value])
    }

    /// The function of this name and operator set.
    pub fn into_function(
        self,
        (name, opset): (&str, i64),
        (inputs, outputs): (&[&str], &[&str]),
        text: &str,
    ) -> FunctionProto {
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        FunctionProto {
            name: Some(name.into()),
            domain: Some(DOMAIN.into()),
            input: names(inputs),
            output: names(outputs),
            node: self.nodes,
            opset_import: vec![OperatorSetIdProto { version: opset, ..Default::default() }],
            doc_string: Some(text.into()),
            ..FunctionProto::default()
        }
    }
}
