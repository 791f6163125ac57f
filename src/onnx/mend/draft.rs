//! The nodes that take the place of one, and how they are written.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};

use crate::attributes::{int_attribute, ints_attribute};
use crate::known::{Seen, bits};
use crate::tensors::float_tensor;

/// So far that no axis reaches it.
pub(super) const FAR: i64 = 1 << 62;

/// The nodes that take the place of one.
pub(super) struct Draft<'k, 'a> {
    pub seen: Seen<'k, 'a>,
    pub nodes: Vec<NodeProto>,
}

impl<'k, 'a> Draft<'k, 'a> {
    pub fn of(seen: Seen<'k, 'a>) -> Self {
        Draft { seen, nodes: vec![] }
    }

    /// A name that nothing else in the file has.
    pub fn fresh(&self) -> String {
        let first = self.seen.node.output.iter().find(|output| !output.is_empty());
        let base = first.unwrap_or(&self.seen.node.name);
        format!("{base}/mended/{}", self.nodes.len())
    }

    pub fn push(
        &mut self,
        op_type: &str,
        inputs: &[&str],
        output: Vec<String>,
        attribute: Vec<AttributeProto>,
    ) {
        self.nodes.push(NodeProto {
            op_type: op_type.into(),
            name: self.fresh(),
            input: inputs.iter().map(|name| name.to_string()).collect(),
            output,
            attribute,
            ..NodeProto::default()
        });
    }

    /// An operator in between; returns what it gives.
    pub fn op(&mut self, op: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> String {
        let output = self.fresh();
        self.push(op, inputs, vec![output.clone()], attribute);
        output
    }

    /// The operator that gives what the node gave.
    pub fn last(
        mut self,
        op: &str,
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) -> Option<Self> {
        let output = self.seen.node.output.first()?.clone();
        self.push(op, inputs, vec![output], attribute);
        Some(self)
    }

    /// The node itself with other inputs, outputs and attributes.
    pub fn again(
        &mut self,
        inputs: &[String],
        outputs: &[String],
        change: impl Fn(&mut Vec<AttributeProto>),
    ) {
        let mut node = self.seen.node.clone();
        node.input = inputs.to_vec();
        while node.input.last().is_some_and(String::is_empty) {
            node.input.pop();
        }
        node.output = outputs.to_vec();
        change(&mut node.attribute);
        self.nodes.push(node);
    }

    pub fn stored(&mut self, tensor: TensorProto) -> String {
        let value = AttributeProto {
            name: "value".into(),
            r#type: AttributeType::Tensor as i32,
            t: Some(tensor),
            ..AttributeProto::default()
        };
        self.op("Constant", &[], vec![value])
    }

    /// A list of int64.
    pub fn list(&mut self, values: &[i64]) -> String {
        let (dims, int64_data) = (vec![values.len() as i64], values.to_vec());
        let data_type = DataType::Int64 as i32;
        self.stored(TensorProto { dims, data_type, int64_data, ..TensorProto::default() })
    }

    /// A whole number of a type.
    pub fn whole(&mut self, kind: DataType, value: i64) -> String {
        let bytes = bits(kind).unwrap_or(64) as usize / 8;
        let raw_data = value.to_le_bytes()[..bytes].to_vec();
        self.stored(TensorProto { data_type: kind as i32, raw_data, ..TensorProto::default() })
    }

    /// A number of the type that a tensor has.
    pub fn like(&mut self, value: f32, tensor: &str) -> String {
        let number = self.stored(float_tensor("", &[], &[value]));
        if self.seen.opset < 15 { number } else { self.op("CastLike", &[&number, tensor], vec![]) }
    }

    pub fn reduced(&mut self, op: &str, input: &str, axis: i64) -> String {
        let keep = int_attribute("keepdims", 1);
        if self.seen.opset < 18 && (op != "ReduceSum" || self.seen.opset < 13) {
            return self.op(op, &[input], vec![ints_attribute("axes", &[axis]), keep]);
        }
        let axes = self.list(&[axis]);
        self.op(op, &[input, &axes], vec![keep])
    }

    pub fn unsqueezed(&mut self, input: &str, axis: i64) -> String {
        let axes = self.list(&[axis]);
        self.op("Unsqueeze", &[input, &axes], vec![])
    }

    /// The four lists that cut an axis.
    pub fn cut(&mut self, start: i64, end: i64, axis: i64, step: i64) -> [String; 4] {
        [start, end, axis, step].map(|value| self.list(&[value]))
    }

    /// The size of an axis, as a number.
    pub fn size(&mut self, tensor: &str, axis: i64) -> String {
        let (axis, first) = (self.list(&[axis]), self.list(&[0]));
        let shape = self.op("Shape", &[tensor], vec![]);
        let size = self.op("Gather", &[&shape, &axis], vec![int_attribute("axis", 0)]);
        self.op("Squeeze", &[&size, &first], vec![])
    }
}

pub(super) fn to(kind: DataType) -> Vec<AttributeProto> {
    vec![int_attribute("to", kind as i64)]
}

pub(super) fn float_attribute(name: &str, value: f32) -> AttributeProto {
    let r#type = AttributeType::Float as i32;
    AttributeProto { name: name.into(), r#type, f: value, ..AttributeProto::default() }
}

pub(super) fn text_attribute(name: &str, value: &str) -> AttributeProto {
    let r#type = AttributeType::String as i32;
    AttributeProto { name: name.into(), r#type, s: value.into(), ..AttributeProto::default() }
}
