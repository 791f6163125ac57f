//! What a file may ask for, checked before it is compiled. Beyond these limits a compiler runs out of memory or of stack,
//! which ends the process, or does not end itself: no error can be made of that afterwards.
//!
//! | limit | what it keeps away |
//! |---|---|
//! | bytes and parts of the file, before it is decoded | an empty attribute takes two bytes there, and 400 in memory |
//! | nodes, inner graphs, readers of a tensor, inputs and outputs | passes that compare all with all |
//! | names and the texts of sizes | a parser that calls itself for each bracket; control characters in messages |
//! | arithmetic with tensors that hold no number | a first number that is not there |
//! | elements of stored tensors and declared sizes | sizes that overflow |
//! | integers in attributes, and those stored that decide on sizes | loops and lists as long as they say |
//! | arithmetic on sizes | polynomials whose terms multiply |
//! | what a `Scan` reads and gives | counts below zero |

mod nodes;
mod sizes;
mod stored;
mod wire;

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::type_proto::Value;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto,
};

use perforate_base::{Error, ErrorKind, Result};

use nodes::*;
use sizes::*;
use stored::*;
use wire::*;

/// Largest file: what protobuf allows, and what a page has room for three times.
#[cfg(not(target_arch = "wasm32"))]
const MOST_BYTES: usize = i32::MAX as usize;
#[cfg(target_arch = "wasm32")]
const MOST_BYTES: usize = 1 << 29;
/// Nodes, attributes, names and the like in a file. Each takes up to 400 bytes once it is decoded.
const MOST_PARTS: usize = 1 << 20;
/// Nodes, those of inner graphs included.
const MOST_NODES: usize = 20_000;
/// Graphs inside one another. protobuf's reader stops at 100 messages, which are 33 graphs.
const MOST_DEPTH: usize = 32;
/// Inputs and outputs of a graph, weights left out.
const MOST_ENDS: usize = 512;
/// Inputs, outputs and attributes of a node.
const MOST_LISTED: usize = 1024;
/// Times that one tensor is read.
const MOST_READERS: usize = 2048;
/// Bytes of a name.
const LONGEST_NAME: usize = 1024;
/// Bytes of the text that a size is written as, such as `2*N+1`.
const LONGEST_SIZE: usize = 128;
/// Axes of a tensor.
const MOST_RANK: i64 = 32;
/// Elements of a stored tensor: the word embeddings of the largest vocabularies have 200 million.
const MOST_ELEMENTS: u64 = 1 << 29;
/// Elements of a tensor that is declared, or made from a shape that the file stores.
const MOST_MADE: u64 = 1 << 27;
/// Places of a window along one axis, and its steps.
const WIDEST: i64 = 1 << 16;
/// Places of a window along all axes.
const MOST_TAPS: u64 = 1 << 16;
/// Padding of a window at one side, and the distance of its places.
const MOST_PADDING: i64 = 1 << 13;
/// How far a picture is enlarged along one axis, and along all.
const MOST_SCALE: f64 = 256.0;
const MOST_ENLARGED: f64 = 8192.0;
/// Anything else that is counted: groups, heads, units.
const MOST_COUNTED: i64 = 1 << 20;
/// Stored numbers that are read, to see what they ask for. Shapes have few.
const MOST_READ: u64 = 1 << 16;
/// Terms of a polynomial of sizes, and its degree.
const MOST_TERMS: u64 = 4096;
const MOST_DEGREE: u64 = 64;

/// Where integers of an attribute must lie, by its name.
const BOUNDS: [(&str, RangeInclusive<i64>); 24] = [
    ("axis", -MOST_RANK..=MOST_RANK),
    ("axes", -MOST_RANK..=MOST_RANK),
    ("batch_dims", 0..=MOST_RANK),
    ("perm", 0..=MOST_RANK),
    ("scan_input_axes", -MOST_RANK..=MOST_RANK),
    ("scan_output_axes", -MOST_RANK..=MOST_RANK),
    ("num_scan_inputs", 0..=MOST_LISTED as i64),
    ("num_outputs", 1..=MOST_LISTED as i64),
    ("kernel_shape", 1..=WIDEST),
    ("strides", 1..=WIDEST),
    ("dilations", 1..=MOST_PADDING),
    ("output_padding", 0..=WIDEST),
    ("pads", -MOST_COUNTED..=MOST_COUNTED),
    ("output_shape", 0..=MOST_COUNTED),
    ("group", 1..=MOST_COUNTED),
    ("num_groups", 1..=MOST_COUNTED),
    ("num_heads", 1..=MOST_COUNTED),
    ("q_num_heads", 1..=MOST_COUNTED),
    ("kv_num_heads", 1..=MOST_COUNTED),
    ("hidden_size", 1..=MOST_COUNTED),
    ("sample_size", 1..=MOST_COUNTED),
    ("size", 1..=MOST_COUNTED),
    ("blocksize", 1..=MOST_COUNTED),
    ("block_size", 1..=MOST_COUNTED),
];

/// Refuses the bytes of a file that would take far more room once they are decoded.
///
/// # Errors
/// `NotOnnx` if they are more than protobuf allows, `Model` if they hold too many parts.
pub fn check_bytes(bytes: &[u8]) -> Result<()> {
    if bytes.len() > MOST_BYTES {
        let (has, most) = (bytes.len() >> 20, MOST_BYTES >> 20);
        let text =
            format!("it has {has} MiB, and {most} are the most: use a smaller or quantised model");
        return Err(Error::new(ErrorKind::NotOnnx, text));
    }
    // A part has two bytes at least.
    if bytes.len() / 2 > MOST_PARTS && has_too_many_parts(bytes) {
        let text = format!(
            "it holds more than {MOST_PARTS} nodes, attributes and names: export a smaller model"
        );
        return Err(Error::new(ErrorKind::Model, text));
    }
    Ok(())
}

/// Refuses a model that asks for more than these limits allow.
///
/// # Errors
/// `Model`, with the node or tensor concerned.
pub fn check(model: &ModelProto) -> Result<()> {
    let (mut nodes, mut open) = (0, vec![]);
    open.extend(model.graph.as_ref().map(|graph| (graph, 1)));
    while let Some((graph, depth)) = open.pop() {
        nodes += graph.node.len();
        if nodes > MOST_NODES {
            let text = format!("it has more than {MOST_NODES} nodes: export a smaller model");
            return Err(Error::new(ErrorKind::Model, text));
        }
        if depth > MOST_DEPTH {
            let text = format!(
                "more than {MOST_DEPTH} graphs stand inside one another: put later gates behind earlier ones"
            );
            return Err(fault(&graph.name, text));
        }
        check_graph(graph)?;
        let attributes = graph.node.iter().flat_map(|node| &node.attribute);
        let inner = attributes.flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs));
        open.extend(inner.map(|graph| (graph, depth + 1)));
    }
    match &model.graph {
        Some(graph) => check_empty(graph, &mut HashSet::new()).map(drop),
        None => Ok(()),
    }
}

/// An error at a node or tensor.
fn fault(place: &str, text: impl Into<String>) -> Error {
    let error = Error::new(ErrorKind::Model, text);
    if place.is_empty() { error } else { error.node(shown(place)) }
}

/// A name as a message can show it: not too long, and without control characters.
fn shown(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars().take(80) {
        match letter.is_control() {
            true => text.extend(letter.escape_default()),
            false => text.push(letter),
        }
    }
    if name.chars().nth(80).is_some() { text + "…" } else { text }
}

fn place(node: &NodeProto) -> &str {
    if node.name.is_empty() { &node.op_type } else { &node.name }
}

fn check_graph(graph: &GraphProto) -> Result<()> {
    let stored: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let fed = graph.input.iter().filter(|input| !stored.contains(input.name.as_str())).count();
    for (what, count) in [("inputs", fed), ("outputs", graph.output.len())] {
        if count > MOST_ENDS {
            let text =
                format!("the graph has {count} {what}, and {MOST_ENDS} are the most: join some");
            return Err(fault(&graph.name, text));
        }
    }
    let mut readers: HashMap<&str, usize> = HashMap::new();
    for name in graph.node.iter().flat_map(|node| &node.input).filter(|name| !name.is_empty()) {
        let count = readers.entry(name).or_default();
        *count += 1;
        if *count > MOST_READERS {
            let text = format!("it is read more than {MOST_READERS} times: export a smaller model");
            return Err(fault(name, text));
        }
    }
    graph.initializer.iter().try_for_each(|tensor| check_tensor(tensor, &tensor.name))?;
    let mut declared = graph.input.iter().chain(&graph.output).chain(&graph.value_info);
    declared.try_for_each(check_declared)?;
    let (ranks, known) = (ranks(graph), known_numbers(graph));
    for node in &graph.node {
        check_lists(node)?;
        check_inputs(node)?;
        check_attributes(node)?;
        check_axis(node, &ranks)?;
        check_window(node, &ranks)?;
        check_scan(node)?;
        check_stored_sizes(node, &known)?;
    }
    check_size_arithmetic(graph)
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::attributes::{graph_attribute, int_attribute, ints_attribute};
    use crate::{Size, float_tensor, value_info};
    use tract_onnx::prelude::DatumType;

    fn node(op: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> NodeProto {
        NodeProto {
            op_type: op.into(),
            name: "n".into(),
            input: inputs.iter().map(|name| name.to_string()).collect(),
            output: vec!["y".into()],
            attribute,
            ..NodeProto::default()
        }
    }

    fn whole(name: &str, values: &[i64]) -> TensorProto {
        TensorProto {
            name: name.into(),
            dims: vec![values.len() as i64],
            data_type: DataType::Int64 as i32,
            int64_data: values.to_vec(),
            ..TensorProto::default()
        }
    }

    /// A model of these nodes that reads `x [N, 4]`.
    fn model(node: Vec<NodeProto>, initializer: Vec<TensorProto>) -> ModelProto {
        let shape = [Size::Rows, Size::Fixed(4)];
        let graph = GraphProto {
            name: "g".into(),
            node,
            initializer,
            input: vec![value_info("x", DatumType::F32, Some(&shape)).unwrap()],
            output: vec![value_info("y", DatumType::F32, None).unwrap()],
            ..GraphProto::default()
        };
        ModelProto { graph: Some(graph), ..ModelProto::default() }
    }

    fn message(model: &ModelProto) -> String {
        check(model).unwrap_err().at("m.onnx").to_string()
    }

    #[test]
    fn what_asks_for_too_much_is_named_by_node_and_field() {
        let ints = |name: &str, values: &[i64]| vec![ints_attribute(name, values)];
        let int = |name: &str, value: i64| vec![int_attribute(name, value)];
        let weights = || float_tensor("w", &[1, 1, 3], &[1.0; 3]);
        let large = 1i64 << 40;
        let cases = [
            (node("Flatten", &["x"], int("axis", large)), vec![], "`axis`"),
            (node("LayerNormalization", &["x", "w"], int("axis", -3)), vec![], "`axis`"),
            (node("Transpose", &["x"], ints("perm", &[0, 0])), vec![], "`perm`"),
            (node("Transpose", &["x"], ints("perm", &[0, 9])), vec![], "`perm`"),
            (node("Transpose", &[], vec![]), vec![], "it needs 1"),
            (node("Transpose", &["x", "x"], vec![]), vec![], "takes 1"),
            (node("QLinearConv", &["x", "x"], vec![]), vec![], "it needs 8"),
            (node("DepthToSpace", &["x"], int("blocksize", 0)), vec![], "`blocksize`"),
            (node("MaxPool", &["x"], ints("kernel_shape", &[large])), vec![], "`kernel_shape`"),
            (node("MaxPool", &["x"], ints("kernel_shape", &[1024, 1024])), vec![], "too large"),
            (node("Conv", &["x", "w"], ints("pads", &[0])), vec![weights()], "`pads`"),
            (node("Conv", &["x", "w"], ints("pads", &[9000, 0])), vec![weights()], "9000"),
            (node("Conv", &["x", "w"], ints("strides", &[0])), vec![weights()], "`strides`"),
            (node("Conv", &["x", "w"], ints("strides", &[1, 1])), vec![weights()], "`strides`"),
            (node("RandomNormal", &[], ints("shape", &[large, 4])), vec![], "1099511627776 × 4"),
            (node("ConstantOfShape", &["s"], vec![]), vec![whole("s", &[large])], "makes"),
            (node("Tile", &["x", "s"], vec![]), vec![whole("s", &[1 << 20, 1 << 20])], "makes"),
            (node("Pad", &["x", "s"], vec![]), vec![whole("s", &[0, 0, 0, large])], "padding"),
            (node("Pad", &["x", "s"], vec![]), vec![whole("s", &[1 << 20; 4])], "makes"),
            (node("TopK", &["x", "s"], vec![]), vec![whole("s", &[-2])], "count"),
            (node("Split", &["x", "s"], vec![]), vec![whole("s", &[-2, 6])], "part"),
            (node("Unsqueeze", &["x", "s"], vec![]), vec![whole("s", &[large])], "axis"),
            (node("Unsqueeze", &["x", "s"], vec![]), vec![whole("s", &[1; 33])], "33 stored axes"),
            (
                node("Slice", &["x", "a", "a", "a", "s"], vec![]),
                vec![whole("a", &[1]), whole("s", &[0])],
                "step",
            ),
            (node("MatMulNBits", &["x"], int("K", 1 << 30)), vec![], "makes"),
            (node("RandomNormal", &[], ints("shape", &[large, 0])), vec![], "makes"),
            (
                node("Range", &["a", "b", "c"], vec![]),
                vec![whole("a", &[0]), whole("b", &[large]), whole("c", &[1])],
                "makes",
            ),
        ];
        for (node, stored, word) in cases {
            let model = model(vec![node.clone()], stored);
            let text = message(&model);
            assert!(text.starts_with("m.onnx: at `n`: ") && text.contains(word), "{word}: {text}");
            assert_eq!(text.matches(". ").count(), 0, "{text}");
        }
    }

    #[test]
    fn stored_tensors_are_held_against_their_shapes() {
        let weights = |change: &dyn Fn(&mut TensorProto)| {
            let mut tensor = float_tensor("w", &[2, 2], &[0.0; 4]);
            change(&mut tensor);
            message(&model(vec![node("MatMul", &["x", "w"], vec![])], vec![tensor]))
        };
        assert!(weights(&|t| t.dims = vec![2, 3]).contains("16 bytes"));
        assert!(weights(&|t| t.dims = vec![-2, -2]).contains("[-2, -2]"));
        assert!(weights(&|t| t.dims = vec![1 << 40, 1 << 40]).contains("elements"));
        assert!(weights(&|t| t.dims = vec![1; 33]).contains("elements"));
        assert!(weights(&|t| t.data_type = DataType::String as i32).contains("text"));
        let outside = |t: &mut TensorProto| t.data_location = Some(DataLocation::External as i32);
        assert!(weights(&outside).contains("another file"));
        let text = weights(&|t| t.name = "a\u{1b}[2Jb".into());
        assert!(text.contains("control characters") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn sizes_that_are_declared_are_bounded_in_value_and_text() {
        let declared = |dim: Dim| {
            let mut model = model(vec![node("Relu", &["x"], vec![])], vec![]);
            let input = &mut model.graph.as_mut().unwrap().input[0];
            let Some(Value::TensorType(tensor)) =
                input.r#type.as_mut().and_then(|of| of.value.as_mut())
            else {
                unreachable!()
            };
            tensor.shape.as_mut().unwrap().dim[1].value = Some(dim);
            model
        };
        assert!(message(&declared(Dim::DimValue(1 << 40))).contains("declared"));
        assert!(message(&declared(Dim::DimParam("(".repeat(200)))).contains("written in 200"));
        check(&declared(Dim::DimParam("2*N+1".into()))).unwrap();
        check(&declared(Dim::DimValue(-1))).unwrap();
    }

    #[test]
    fn a_scan_and_its_body_agree() {
        let body = |inputs: usize, outputs: usize| {
            let info = |ix: usize| value_info(&format!("b{ix}"), DatumType::F32, None).unwrap();
            GraphProto {
                input: (0..inputs).map(info).collect(),
                output: (0..outputs).map(info).collect(),
                ..GraphProto::default()
            }
        };
        let scan = |count: i64, body: GraphProto, more: Vec<AttributeProto>| {
            let own = vec![int_attribute("num_scan_inputs", count), graph_attribute("body", body)];
            model(vec![node("Scan", &["x", "x"], [own, more].concat())], vec![])
        };
        check(&scan(1, body(2, 2), vec![])).unwrap();
        check(&scan(1, body(2, 2), vec![ints_attribute("scan_output_axes", &[1])])).unwrap();
        for (model, word) in [
            (scan(3, body(2, 2), vec![]), "more inputs"),
            (scan(1 << 40, body(2, 2), vec![]), "num_scan_inputs"),
            (scan(1, body(3, 2), vec![]), "another number"),
            (scan(0, body(2, 1), vec![]), "all states"),
            (scan(1, body(2, 2), vec![ints_attribute("scan_output_axes", &[0, 0])]), "needs 1"),
        ] {
            let text = message(&model);
            assert!(text.contains(word), "{word}: {text}");
        }
    }

    #[test]
    fn arithmetic_on_sizes_may_not_explode() {
        let chain = |op: &str, count: usize, other: Option<&str>| {
            let mut nodes = vec![node("Shape", &["x"], vec![])];
            nodes[0].output = vec!["t0".into()];
            for ix in 0..count {
                let from = format!("t{ix}");
                let mut next = node(op, &[&from, other.unwrap_or(&from)], vec![]);
                next.output = vec![format!("t{}", ix + 1)];
                nodes.push(next);
            }
            check(&model(nodes, vec![whole("two", &[2])]))
        };
        chain("Add", 200, Some("t0")).unwrap();
        chain("Mul", 60, Some("two")).unwrap();
        let text = chain("Mul", 20, None).unwrap_err().to_string();
        assert!(text.contains("sizes are multiplied"), "{text}");
        assert!(chain("Add", 20, None).is_err());
        // What is computed from constants alone has no terms, however long that takes.
        assert_eq!(Polynomial::of("Mul", &[Polynomial::CONSTANT; 2]), Some(Polynomial::CONSTANT));
    }

    #[test]
    fn graphs_are_counted() {
        let relus = |count: usize, from: &dyn Fn(usize) -> String| {
            let relu = |ix: usize| {
                let mut node = node("Relu", &[&from(ix)], vec![]);
                node.output = vec![format!("t{}", ix + 1)];
                node
            };
            model((0..count).map(relu).collect(), vec![])
        };
        let chain = |ix: usize| if ix == 0 { "x".into() } else { format!("t{ix}") };
        check(&relus(1000, &chain)).unwrap();
        assert!(message(&relus(MOST_NODES + 1, &chain)).contains("20000 nodes"));
        assert!(message(&relus(MOST_READERS + 1, &|_| "x".into())).contains("at `x`"));
        let mut inner = GraphProto { name: "inmost".into(), ..GraphProto::default() };
        for _ in 0..MOST_DEPTH {
            let gate = node("If", &["x"], vec![graph_attribute("then_branch", inner)]);
            inner = GraphProto { node: vec![gate], ..GraphProto::default() };
        }
        let deep = ModelProto { graph: Some(inner), ..ModelProto::default() };
        assert!(message(&deep).contains("inside one another"));
    }

    #[test]
    fn a_file_of_empty_attributes_is_refused_before_it_is_decoded() {
        /// A field with a length.
        fn field(tag: u8, content: &[u8]) -> Vec<u8> {
            let (mut bytes, mut size) = (vec![tag], content.len());
            while size > 0x7f {
                bytes.push(size as u8 | 0x80);
                size >>= 7;
            }
            bytes.push(size as u8);
            [&bytes, content].concat()
        }
        let relu = node("Relu", &["x"], vec![]).encode_to_vec();
        let attributes = [0x2a, 0].repeat(MOST_PARTS + 1);
        let file = field(0x3a, &field(0x0a, &[relu, attributes].concat()));
        assert!(check_bytes(&file).unwrap_err().to_string().contains("1048576"));
        // Weights are one part, however many bytes they have.
        let weights = float_tensor("w", &[1 << 20], &vec![0.0; 1 << 20]);
        let file = model(vec![node("Add", &["x", "w"], vec![])], vec![weights]).encode_to_vec();
        check_bytes(&file).unwrap();
        // What is no protobuf at all is left to the decoder.
        check_bytes(&vec![0xff; 3 << 20]).unwrap();
        check_bytes(b"").unwrap();
    }
}
