//! Inputs whose values a compiler must know, such as axes, shapes and sizes: they become constants of the file.
//!
//! A size that follows from a value cannot be known before the value is. An operator that reads such a value from an input
//! compiles for one value at a time, which must be there when the file is loaded.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto};

use super::known::is_standard;

/// Which inputs of an operator decide on sizes, or on which numbers it reads.
const DECIDING: [(&str, &[usize]); 37] = [
    ("BlackmanWindow", &[0]),
    ("Compress", &[1]),
    ("ConstantOfShape", &[0]),
    ("CumSum", &[1]),
    ("DFT", &[1, 2]),
    ("Expand", &[1]),
    ("GRU", &[4]),
    ("HammingWindow", &[0]),
    ("HannWindow", &[0]),
    ("LSTM", &[4]),
    ("MelWeightMatrix", &[0, 1, 2, 3, 4]),
    ("NonMaxSuppression", &[2, 3, 4]),
    ("OneHot", &[1, 2]),
    ("Pad", &[1, 2, 3]),
    ("RNN", &[4]),
    ("Range", &[0, 1, 2]),
    ("ReduceL1", &[1]),
    ("ReduceL2", &[1]),
    ("ReduceLogSum", &[1]),
    ("ReduceLogSumExp", &[1]),
    ("ReduceMax", &[1]),
    ("ReduceMean", &[1]),
    ("ReduceMin", &[1]),
    ("ReduceProd", &[1]),
    ("ReduceSum", &[1]),
    ("ReduceSumSquare", &[1]),
    ("Reshape", &[1]),
    ("Resize", &[1, 2, 3]),
    ("STFT", &[1, 2, 3]),
    ("Slice", &[1, 2, 3, 4]),
    ("Split", &[1]),
    ("Squeeze", &[1]),
    ("Tile", &[1]),
    ("TopK", &[1]),
    ("Trilu", &[1]),
    ("Unsqueeze", &[1]),
    ("Upsample", &[1]),
];

/// Which inputs of an operator are compiled into it, where they are inputs of the file.
const COMPILED: [(&str, &[usize]); 6] = [
    ("BatchNormalization", &[1, 2, 3, 4]),
    ("DequantizeLinear", &[1, 2]),
    ("Dropout", &[1, 2]),
    ("QLinearConv", &[1, 2, 4, 5, 6, 7]),
    ("QLinearMatMul", &[1, 2, 4, 5, 6, 7]),
    ("QuantizeLinear", &[1, 2]),
];

/// The inputs whose values decide on sizes, directly or through other nodes: numbers and lists of numbers, without a value
/// of their own in the file.
pub fn deciding_inputs(model: &ModelProto) -> Vec<String> {
    let Some(graph) = &model.graph else { return vec![] };
    let (mut open, mut seen, mut makers) = (vec![], HashSet::new(), HashMap::new());
    visit(graph, &mut open, &mut seen, &mut makers);
    // What is compiled into an operator is no further followed.
    let compiled = std::mem::take(&mut seen);
    while let Some(name) = open.pop() {
        if !seen.insert(name) {
            continue;
        }
        // The sizes of a tensor do not depend on its values.
        let maker = makers.get(name).filter(|node| !["Shape", "Size"].contains(&&*node.op_type));
        open.extend(maker.into_iter().flat_map(|node| &node.input).map(String::as_str));
    }
    seen.extend(compiled);
    let stored: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let is_list = |input: &&tract_onnx::pb::ValueInfoProto| {
        let value = input.r#type.as_ref().and_then(|of| of.value.as_ref());
        let shape = value.and_then(|Value::TensorType(tensor)| tensor.shape.as_ref());
        shape.is_some_and(|shape| shape.dim.len() <= 1)
    };
    let wanted = graph.input.iter().filter(|input| {
        seen.contains(&*input.name) && !stored.contains(&*input.name) && is_list(input)
    });
    wanted.map(|input| input.name.clone()).collect()
}

/// Collects what decides on sizes, what is compiled, and the node that makes each tensor, from inner graphs too.
fn visit<'a>(
    graph: &'a GraphProto,
    open: &mut Vec<&'a str>,
    compiled: &mut HashSet<&'a str>,
    makers: &mut HashMap<&'a str, &'a NodeProto>,
) {
    for node in &graph.node {
        makers.extend(node.output.iter().map(|output| (output.as_str(), node)));
        open.extend(read_by(node, &DECIDING));
        compiled.extend(read_by(node, &COMPILED));
        for inner in node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()) {
            visit(inner, open, compiled, makers);
        }
    }
}

/// The tensors that a node reads at the places that a table has for it.
fn read_by<'a>(node: &'a NodeProto, table: &[(&str, &[usize])]) -> Vec<&'a str> {
    let known = table.iter().find(|(op, _)| is_standard(&node.domain) && *op == node.op_type);
    let places = known.map_or(&[][..], |(_, places)| places);
    places.iter().filter_map(|&ix| node.input.get(ix)).map(String::as_str).collect()
}

/// The element type that an input declares, as ONNX numbers it.
pub fn declared_type(model: &ModelProto, input: &str) -> Option<i32> {
    let info = model.graph.as_ref()?.input.iter().find(|info| info.name == input)?;
    let Value::TensorType(tensor) = info.r#type.as_ref()?.value.as_ref()?;
    Some(tensor.elem_type)
}

/// Makes constants of inputs: each tensor takes the place of the input of its name.
pub fn give(model: &mut ModelProto, values: Vec<TensorProto>) {
    let Some(graph) = &mut model.graph else { return };
    graph.input.retain(|input| values.iter().all(|value| value.name != input.name));
    graph.initializer.extend(values);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GraphBuilder, Metadata, Size, value_info};
    use tract_onnx::prelude::DatumType;

    #[test]
    fn values_that_decide_on_sizes_become_constants() {
        let mut graph = GraphBuilder::new("g", 17);
        graph.input("x", &[Size::Rows, Size::Fixed(6)]).unwrap();
        for (name, sizes) in [("shape", 2), ("axis", 1), ("unused", 1)] {
            let info = value_info(name, DatumType::I64, Some(&[Size::Fixed(sizes)])).unwrap();
            graph.declare_input(info).unwrap();
        }
        graph.node("Neg", "negated", &["shape"]).unwrap();
        graph.node("Abs", "positive", &["negated"]).unwrap();
        graph.node("Reshape", "shaped", &["x", "positive"]).unwrap();
        graph.node("Shape", "sizes", &["unused"]).unwrap();
        graph.node("Reshape", "again", &["shaped", "sizes"]).unwrap();
        graph.node("ReduceSum", "y", &["again", "axis"]).unwrap();
        graph.output("y", &[Size::Rows]).unwrap();
        let mut model = graph.into_model(&Metadata::default()).unwrap();
        assert_eq!(deciding_inputs(&model), ["shape", "axis"]);
        assert_eq!(declared_type(&model, "shape"), Some(7));
        let value = TensorProto { name: "shape".into(), ..TensorProto::default() };
        give(&mut model, vec![value]);
        assert_eq!(deciding_inputs(&model), ["axis"]);
        let graph = model.graph.unwrap();
        assert!(graph.input.iter().all(|input| input.name != "shape"));
        assert!(graph.initializer.iter().any(|tensor| tensor.name == "shape"));
    }
}
