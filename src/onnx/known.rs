//! What a file tells of its tensors without running it: constants, shapes, types, and the node that makes each.

use std::collections::HashMap;

use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{
    AttributeProto, GraphProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto,
};

/// Casts that a constant is looked for behind.
const MOST_CASTS: usize = 8;

/// The version of the standard operator set.
pub(super) fn standard_opset(imports: &[OperatorSetIdProto]) -> Option<i64> {
    imports.iter().find(|import| is_standard(&import.domain)).map(|import| import.version)
}

pub(super) fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

/// A size of a tensor, as far as the file tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent<'a> {
    Fixed(i64),
    Named(&'a str),
    Open,
}

/// What the file tells of the tensors that a graph may read, without running it.
#[derive(Debug, Clone, Default)]
pub(super) struct Known<'a> {
    constants: HashMap<&'a str, &'a TensorProto>,
    shapes: HashMap<&'a str, Vec<Extent<'a>>>,
    kinds: HashMap<&'a str, DataType>,
    makers: HashMap<&'a str, &'a NodeProto>,
}

impl<'a> Known<'a> {
    /// What an inner graph may read: what is known outside, and its own.
    pub fn inside(&self, graph: &'a GraphProto) -> Known<'a> {
        let mut known = self.clone();
        for tensor in &graph.initializer {
            known.add_constant(&tensor.name, tensor);
        }
        for info in graph.input.iter().chain(&graph.value_info) {
            known.add_declared(info);
        }
        known.with_nodes(&graph.node)
    }

    /// What the nodes tell of the tensors that they make.
    pub fn with_nodes(mut self, nodes: &'a [NodeProto]) -> Known<'a> {
        for node in nodes {
            self.makers.extend(node.output.iter().map(|output| (output.as_str(), node)));
            let attribute = |name: &str| node.attribute.iter().find(|one| one.name == name);
            let (Some(output), true) = (node.output.first(), is_standard(&node.domain)) else {
                continue;
            };
            if node.op_type == "Constant"
                && let Some(tensor) = attribute("value").and_then(|value| value.t.as_ref())
            {
                self.add_constant(output, tensor);
            } else if node.op_type == "Cast"
                && let Some(to) = attribute("to")
                && let Ok(kind) = DataType::try_from(to.i as i32)
            {
                self.kinds.insert(output, kind);
            }
        }
        self
    }

    /// The node that makes a tensor.
    pub fn maker(&self, name: &str) -> Option<&'a NodeProto> {
        self.makers.get(name).copied()
    }

    /// The constant of this name, or the one that it is a cast of.
    pub fn constant_behind(&self, name: &str) -> Option<&'a TensorProto> {
        let mut name = name;
        // A damaged file may go round in circles.
        for _ in 0..MOST_CASTS {
            match self.maker(name) {
                Some(node) if ["Cast", "CastLike", "Identity"].contains(&&*node.op_type) => {
                    name = node.input.first()?;
                }
                _ => break,
            }
        }
        self.constants.get(name).copied()
    }

    pub fn add_constant(&mut self, name: &'a str, tensor: &'a TensorProto) {
        self.constants.insert(name, tensor);
        self.shapes.insert(name, tensor.dims.iter().map(|&size| Extent::Fixed(size)).collect());
        self.kinds.extend(DataType::try_from(tensor.data_type).ok().map(|kind| (name, kind)));
    }

    pub fn add_declared(&mut self, info: &'a ValueInfoProto) {
        let value = info.r#type.as_ref().and_then(|of| of.value.as_ref());
        let Some(Value::TensorType(tensor)) = value else { return };
        // Old exporters list every weight as an input.
        if self.constants.contains_key(info.name.as_str()) {
            return;
        }
        self.kinds
            .extend(DataType::try_from(tensor.elem_type).ok().map(|kind| (&*info.name, kind)));
        if let Some(shape) = &tensor.shape {
            let extent = |size: &'a Option<Dim>| match size {
                Some(Dim::DimValue(size)) if *size >= 0 => Extent::Fixed(*size),
                Some(Dim::DimParam(name)) if !name.is_empty() => Extent::Named(name),
                _ => Extent::Open,
            };
            let extents = shape.dim.iter().map(|dim| extent(&dim.value)).collect();
            self.shapes.insert(&info.name, extents);
        }
    }
}

/// A node and what is known of its inputs.
#[derive(Clone, Copy)]
pub(super) struct Seen<'k, 'a> {
    pub node: &'a NodeProto,
    pub opset: i64,
    pub known: &'k Known<'a>,
}

impl<'a> Seen<'_, 'a> {
    pub fn op(&self) -> &'a str {
        &self.node.op_type
    }

    pub fn attribute(&self, name: &str) -> Option<&'a AttributeProto> {
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }

    pub fn int(&self, name: &str, usual: i64) -> i64 {
        self.attribute(name).map_or(usual, |attribute| attribute.i)
    }

    pub fn float(&self, name: &str, usual: f32) -> f32 {
        self.attribute(name).map_or(usual, |attribute| attribute.f)
    }

    pub fn text(&self, name: &str, usual: &str) -> String {
        let given = self.attribute(name).map(|attribute| String::from_utf8_lossy(&attribute.s));
        given.map_or_else(|| usual.to_string(), String::from)
    }

    pub fn ints(&self, name: &str) -> &'a [i64] {
        self.attribute(name).map_or(&[][..], |attribute| attribute.ints.as_slice())
    }

    /// The name of an input, unless it is left out.
    pub fn input(&self, ix: usize) -> Option<&'a str> {
        self.node.input.get(ix).map(String::as_str).filter(|name| !name.is_empty())
    }

    pub fn constant(&self, ix: usize) -> Option<&'a TensorProto> {
        self.input(ix).and_then(|name| self.known.constants.get(name).copied())
    }

    /// The whole numbers of a constant.
    pub fn whole(&self, ix: usize) -> Option<Vec<i64>> {
        self.constant(ix).and_then(whole_numbers)
    }

    pub fn shape(&self, ix: usize) -> Option<&[Extent<'a>]> {
        self.input(ix).and_then(|name| self.known.shapes.get(name)).map(Vec::as_slice)
    }

    pub fn kind(&self, ix: usize) -> Option<DataType> {
        self.input(ix).and_then(|name| self.known.kinds.get(name).copied())
    }

    /// The axes of `count` values: those that are given, or all in order.
    pub fn axes(&self, ix: usize, count: usize) -> Option<Vec<i64>> {
        match self.input(ix) {
            Some(_) => self.whole(ix),
            None => Some((0..count as i64).collect()),
        }
    }
}

/// The values of a stored tensor of whole numbers.
pub(super) fn whole_numbers(tensor: &TensorProto) -> Option<Vec<i64>> {
    if tensor.data_location == Some(DataLocation::External as i32) {
        return None;
    }
    macro_rules! values {
        ($kind:ty, $listed:ident) => {{
            let listed = tensor.$listed.iter().map(|&value| value as i64);
            let raw = tensor.raw_data.chunks_exact(size_of::<$kind>());
            let raw = raw.filter_map(|b| Some(<$kind>::from_le_bytes(b.try_into().ok()?) as i64));
            listed.chain(raw).collect()
        }};
    }
    Some(match DataType::try_from(tensor.data_type).ok()? {
        DataType::Int8 => values!(i8, int32_data),
        DataType::Uint8 => values!(u8, int32_data),
        DataType::Int16 => values!(i16, int32_data),
        DataType::Uint16 => values!(u16, int32_data),
        DataType::Int32 => values!(i32, int32_data),
        DataType::Uint32 => values!(u32, uint64_data),
        DataType::Int64 => values!(i64, int64_data),
        DataType::Uint64 => values!(u64, uint64_data),
        _ => return None,
    })
}

/// The values of a stored tensor of floating point.
pub(super) fn float_numbers(tensor: &TensorProto) -> Option<Vec<f64>> {
    let raw = &tensor.raw_data;
    Some(match DataType::try_from(tensor.data_type).ok()? {
        DataType::Float => {
            let bytes =
                raw.chunks_exact(4).filter_map(|b| Some(f32::from_le_bytes(b.try_into().ok()?)));
            tensor.float_data.iter().copied().chain(bytes).map(f64::from).collect()
        }
        DataType::Double => {
            let bytes =
                raw.chunks_exact(8).filter_map(|b| Some(f64::from_le_bytes(b.try_into().ok()?)));
            tensor.double_data.iter().copied().chain(bytes).collect()
        }
        _ => return None,
    })
}

/// Bits of a type of whole numbers.
pub(super) fn bits(kind: DataType) -> Option<i64> {
    match kind {
        DataType::Int8 | DataType::Uint8 => Some(8),
        DataType::Int16 | DataType::Uint16 => Some(16),
        DataType::Int32 | DataType::Uint32 => Some(32),
        DataType::Int64 | DataType::Uint64 => Some(64),
        _ => None,
    }
}
