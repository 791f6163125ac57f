//! Changes to the structure of an ONNX file: nodes, names, attributes, types, operator sets, graphs inside graphs.

use std::mem::swap;

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use tract_onnx::pb::attribute_proto::AttributeType as Kind;
use tract_onnx::pb::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, ValueInfoProto,
};

use super::bytes::{FLOATS, one, whole};
use super::tensors::{declare, store};

/// Names that mean something to somebody.
pub const NAMES: [&str; 18] = [
    "",
    "x",
    "y",
    "N",
    "?",
    "a b",
    "é",
    "\0",
    "/",
    "N+1",
    "1/0",
    "N*N",
    "floor(N/2)",
    "-N",
    "0",
    "inf",
    "d_N",
    "((((N))))",
];
const OPERATORS: &str = "Abs Add And ArgMax Attention AveragePool BatchNormalization BitShift Cast CastLike Clip Compress \
    Concat Constant ConstantOfShape Conv ConvInteger ConvTranspose CumSum DFT DepthToSpace DequantizeLinear Div Dropout \
    DynamicQuantizeLinear Einsum Equal Exp Expand EyeLike Flatten GRU Gather GatherElements GatherND Gelu Gemm \
    GlobalAveragePool Greater GridSample GroupNormalization Hardmax Identity If InstanceNormalization LRN LSTM \
    LayerNormalization LeakyRelu Log LogSoftmax LpNormalization MatMul MatMulInteger MatMulNBits Max MaxPool Mean \
    MelWeightMatrix Min Mod Mul Multinomial Neg NegativeLogLikelihoodLoss NonMaxSuppression NonZero Not OneHot PRelu Pad \
    Pow QLinearConv QLinearMatMul QuantizeLinear RMSNormalization RNN RandomUniformLike Range ReduceL1 ReduceLogSumExp \
    ReduceMax ReduceMean ReduceSum Relu Reshape Resize RotaryEmbedding Round STFT Scan ScatterElements ScatterND Shape \
    Shrink Sigmoid Size Slice Softmax SoftmaxCrossEntropyLoss Softplus SpaceToDepth Split Squeeze Sub Sum Tile TopK \
    Transpose Trilu Unsqueeze Upsample Where Xor PerforatedAttention DynamicInt8MatMul KeepTokens Loop Nothing";
/// Attributes that operators read, and whether they are lists.
const ATTRIBUTES: [(&str, bool); 31] = [
    ("axis", false),
    ("axes", true),
    ("perm", true),
    ("kernel_shape", true),
    ("pads", true),
    ("strides", true),
    ("dilations", true),
    ("group", false),
    ("keepdims", false),
    ("to", false),
    ("blocksize", false),
    ("hidden_size", false),
    ("ceil_mode", false),
    ("num_outputs", false),
    ("largest", false),
    ("transA", false),
    ("num_heads", false),
    ("N", false),
    ("K", false),
    ("block_size", false),
    ("bits", false),
    ("allowzero", false),
    ("size", false),
    ("batch_dims", false),
    ("start", false),
    ("end", false),
    ("num_groups", false),
    ("q_num_heads", false),
    ("kv_num_heads", false),
    ("output_shape", true),
    ("is_causal", false),
];
const TEXTS: [&[u8]; 11] = [
    b"",
    b"\xff\xfe",
    b"linear",
    b"SAME_UPPER",
    b"ij,jk->ik",
    b"...,->",
    b"constant",
    b"reflect",
    b"bidirectional",
    b"mean",
    b"CRD",
];

/// Changes a model in one place or several.
pub fn change(rng: &mut ChaCha8Rng, model: &mut ModelProto) {
    for _ in 0..one(rng, &[1, 1, 1, 2, 2, 3, 5]) {
        change_once(rng, model);
    }
}

fn change_once(rng: &mut ChaCha8Rng, model: &mut ModelProto) {
    match rng.random_range(0..9) {
        0 => return opset(rng, model),
        1 if rng.random_bool(0.3) => return function(rng, model),
        2 if rng.random_bool(0.3) => return metadata(rng, model),
        _ => {}
    }
    let Some(graph) = &mut model.graph else { return };
    let graph = any_graph(rng, graph);
    match rng.random_range(0..12) {
        0 => nodes(rng, graph),
        1 => rename(rng, graph),
        2 => declare(rng, graph),
        3 => open_sizes(rng, graph),
        4 => store(rng, graph),
        5 => list(rng, graph),
        6 => append(rng, graph),
        7 => scan(rng, graph),
        8 => gate(rng, graph),
        _ => {
            let tensors = tensors(graph);
            if !graph.node.is_empty() {
                let at = rng.random_range(0..graph.node.len());
                node(rng, &mut graph.node[at], &tensors);
            }
        }
    }
}

/// The graph itself, or one inside it.
fn any_graph<'a>(rng: &mut ChaCha8Rng, graph: &'a mut GraphProto) -> &'a mut GraphProto {
    let has_inner = |node: &NodeProto| node.attribute.iter().any(|attribute| attribute.g.is_some());
    let with: Vec<usize> = (0..graph.node.len()).filter(|&ix| has_inner(&graph.node[ix])).collect();
    if with.is_empty() || rng.random_bool(0.5) {
        return graph;
    }
    let at = one(rng, &with);
    let count = graph.node[at].attribute.iter().filter(|attribute| attribute.g.is_some()).count();
    let which = rng.random_range(0..count);
    let inner = graph.node[at].attribute.iter_mut().filter_map(|attribute| attribute.g.as_mut());
    match inner.into_iter().nth(which) {
        Some(inner) => any_graph(rng, inner),
        None => unreachable!("there are {count}"),
    }
}

/// The names of all tensors of a graph.
fn tensors(graph: &GraphProto) -> Vec<String> {
    let made = graph.node.iter().flat_map(|node| &node.output).cloned();
    let read = graph.input.iter().map(|input| input.name.clone());
    made.chain(read).chain(graph.initializer.iter().map(|tensor| tensor.name.clone())).collect()
}

fn operator(rng: &mut ChaCha8Rng) -> String {
    one(rng, &OPERATORS.split_whitespace().collect::<Vec<_>>()).to_string()
}

fn nodes(rng: &mut ChaCha8Rng, graph: &mut GraphProto) {
    if graph.node.is_empty() {
        return;
    }
    let at = rng.random_range(0..graph.node.len());
    match rng.random_range(0..3) {
        0 => drop(graph.node.remove(at)),
        1 => graph.node.push(graph.node[at].clone()),
        _ => graph.node.shuffle(rng),
    }
}

fn node(rng: &mut ChaCha8Rng, node: &mut NodeProto, tensors: &[String]) {
    let (inputs, outputs) = (node.input.len(), node.output.len());
    match rng.random_range(0..8) {
        0 => node.op_type = operator(rng),
        1 if inputs > 0 => {
            let at = rng.random_range(0..inputs);
            if rng.random() { drop(node.input.remove(at)) } else { node.input[at].clear() }
        }
        2 if !tensors.is_empty() => node.input.push(one(rng, tensors)),
        3 if inputs > 0 && !tensors.is_empty() => {
            let at = rng.random_range(0..inputs);
            node.input[at] = one(rng, tensors);
        }
        4 if outputs > 0 => match rng.random_range(0..3) {
            0 => node.output.push(one(rng, &["extra", ""]).into()),
            1 => drop(node.output.pop()),
            _ => node.output[0] = one(rng, &NAMES).into(),
        },
        5 => node.attribute.push(attribute(rng)),
        _ if node.attribute.is_empty() => node.attribute.push(attribute(rng)),
        _ => {
            let at = rng.random_range(0..node.attribute.len());
            if rng.random_bool(0.15) {
                node.attribute.remove(at);
            } else {
                change_attribute(rng, &mut node.attribute[at]);
            }
        }
    }
}

fn attribute(rng: &mut ChaCha8Rng) -> AttributeProto {
    let (name, is_list) = one(rng, &ATTRIBUTES);
    let name = name.to_string();
    if is_list {
        let ints = (0..rng.random_range(0..5)).map(|_| small_or_whole(rng)).collect();
        return AttributeProto { name, r#type: Kind::Ints as i32, ints, ..Default::default() };
    }
    let i = small_or_whole(rng);
    AttributeProto { name, r#type: Kind::Int as i32, i, ..Default::default() }
}

/// As often a number that might be meant.
fn small_or_whole(rng: &mut ChaCha8Rng) -> i64 {
    if rng.random() { rng.random_range(0..4) } else { whole(rng) }
}

fn change_attribute(rng: &mut ChaCha8Rng, attribute: &mut AttributeProto) {
    match rng.random_range(0..8) {
        0 => attribute.r#type = one(rng, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 14, 99, -1]),
        1 => {
            attribute.name = one(rng, &["", "axis", "axes", "perm", "pads", "value", "body"]).into()
        }
        _ if attribute.t.is_some() => {
            let mut holder = GraphProto::default();
            holder.initializer.extend(attribute.t.take());
            store(rng, &mut holder);
            attribute.t = holder.initializer.pop();
        }
        _ if attribute.r#type == Kind::Ints as i32 => {
            let value = small_or_whole(rng);
            match rng.random_range(0..4) {
                0 => attribute.ints.push(value),
                1 => drop(attribute.ints.pop()),
                2 if rng.random_bool(0.1) => attribute.ints = vec![1; 5000],
                _ => attribute.ints.first_mut().into_iter().for_each(|first| *first = value),
            }
        }
        _ if attribute.r#type == Kind::Float as i32 => attribute.f = one(rng, &FLOATS),
        _ if attribute.r#type == Kind::String as i32 => attribute.s = one(rng, &TEXTS).to_vec(),
        _ if attribute.r#type == Kind::Graph as i32 => {
            if rng.random() {
                attribute.g = None;
            } else if let Some(inner) = &mut attribute.g {
                inner.output.pop();
            }
        }
        _ => attribute.i = small_or_whole(rng),
    }
}

fn rename(rng: &mut ChaCha8Rng, graph: &mut GraphProto) {
    let name = match (rng.random(), &tensors(graph)[..]) {
        (true, all @ [_, ..]) => one(rng, all),
        _ => one(rng, &NAMES).to_string(),
    };
    match rng.random_range(0..4) {
        0 => graph.input.first_mut().into_iter().for_each(|input| input.name = name.clone()),
        1 => graph.output.first_mut().into_iter().for_each(|output| output.name = name.clone()),
        2 => graph.initializer.first_mut().into_iter().for_each(|one| one.name = name.clone()),
        _ => graph.node.first_mut().into_iter().for_each(|node| node.name = name.clone()),
    }
}

/// All inputs get an open row axis, or only open sizes; what else is declared is forgotten.
fn open_sizes(rng: &mut ChaCha8Rng, graph: &mut GraphProto) {
    let all = rng.random();
    for info in &mut graph.input {
        super::tensors::open(info, all);
    }
    graph.output.iter_mut().chain(&mut graph.value_info).for_each(|info| info.r#type = None);
}

/// Drops or doubles what a graph lists.
fn list(rng: &mut ChaCha8Rng, graph: &mut GraphProto) {
    let all = tensors(graph);
    match rng.random_range(0..6) {
        0 => drop(graph.input.pop()),
        1 => drop(graph.output.pop()),
        2 => drop(graph.initializer.pop()),
        3 => graph.input.extend(graph.input.first().cloned()),
        4 => graph.initializer.extend(graph.initializer.first().cloned()),
        _ if all.is_empty() => {}
        _ => {
            let name = one(rng, &all);
            graph.output.push(ValueInfoProto { name, ..Default::default() });
        }
    }
}

/// One more operator that reads any tensors.
fn append(rng: &mut ChaCha8Rng, graph: &mut GraphProto) {
    let all = tensors(graph);
    if all.is_empty() {
        return;
    }
    let name = format!("appended{}", graph.node.len());
    let count = one(rng, &[1, 1, 2, 2, 3, 4]);
    let node = NodeProto {
        op_type: operator(rng),
        name: name.clone(),
        input: (0..count).map(|_| one(rng, &all)).collect(),
        output: vec![name.clone()],
        attribute: (0..rng.random_range(0..4)).map(|_| attribute(rng)).collect(),
        ..Default::default()
    };
    graph.node.push(node);
    graph.output.push(ValueInfoProto { name, ..Default::default() });
}

/// A node becomes the body of a `Scan`.
fn scan(rng: &mut ChaCha8Rng, graph: &mut GraphProto) {
    if graph.node.is_empty() || graph.node.len() > 500 {
        return;
    }
    let at = rng.random_range(0..graph.node.len());
    let mut inner = graph.node[at].clone();
    let info = |name: &str| ValueInfoProto { name: name.into(), ..Default::default() };
    let mut body = GraphProto { name: "body".into(), ..Default::default() };
    let mut outer =
        NodeProto { op_type: "Scan".into(), name: "wrapped".into(), ..Default::default() };
    outer.output = inner.output.clone();
    for (ix, name) in inner.input.iter_mut().enumerate().filter(|(_, name)| !name.is_empty()) {
        let own = format!("b{ix}");
        outer.input.push(std::mem::replace(name, own.clone()));
        let mut declared = info(&own);
        super::tensors::declare_one(rng, &mut declared);
        body.input.push(declared);
    }
    body.output = inner.output.iter().map(|name| info(name)).collect();
    body.node.push(inner);
    outer.attribute.push(graph_attribute("body", body));
    let i = one(rng, &[0, 1, 1, 1, 2, -1, 1 << 40]);
    let name = "num_scan_inputs".to_string();
    outer.attribute.push(AttributeProto {
        name,
        r#type: Kind::Int as i32,
        i,
        ..Default::default()
    });
    graph.node[at] = outer;
}

/// A node goes into the branches of a gate, or of gates inside one another.
fn gate(rng: &mut ChaCha8Rng, graph: &mut GraphProto) {
    if graph.node.is_empty() || graph.node.len() > 500 {
        return;
    }
    let at = rng.random_range(0..graph.node.len());
    let names = graph.node[at].output.clone();
    let condition = one(rng, &[tensors(graph), graph.node[at].input.clone()].concat());
    for level in 0..one(rng, &[1, 1, 2, 3, 16]) {
        let branch = |side: &str, node: Option<NodeProto>| {
            let mut own = GraphProto { name: side.into(), ..Default::default() };
            own.node.extend(node);
            for name in &names {
                let given = format!("{name}/{side}/{level}");
                own.node.push(NodeProto {
                    op_type: "Identity".into(),
                    input: vec![name.clone()],
                    output: vec![given.clone()],
                    ..Default::default()
                });
                own.output.push(ValueInfoProto { name: given, ..Default::default() });
            }
            own
        };
        let mut outer = NodeProto {
            op_type: "If".into(),
            name: format!("deep{level}"),
            input: vec![condition.clone()],
            output: names.clone(),
            ..Default::default()
        };
        swap(&mut outer, &mut graph.node[at]);
        let sides = [branch("then", Some(outer.clone())), branch("else", Some(outer))];
        let sides = ["then_branch", "else_branch"].into_iter().zip(sides);
        // The second side of every level would double the file: it is left as the first level has it.
        graph.node[at].attribute.extend(sides.map(|(name, side)| {
            let short = level > 3 && name == "else_branch";
            graph_attribute(name, if short { branch("else", None) } else { side })
        }));
    }
}

fn graph_attribute(name: &str, graph: GraphProto) -> AttributeProto {
    let r#type = Kind::Graph as i32;
    AttributeProto { name: name.into(), r#type, g: Some(graph), ..Default::default() }
}

fn opset(rng: &mut ChaCha8Rng, model: &mut ModelProto) {
    let version =
        one(rng, &[0, 1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 17, 18, 21, 25, 99, -1, 1 << 40]);
    match rng.random_range(0..4) {
        0 => model.opset_import.clear(),
        1 => model.ir_version = whole(rng),
        2 => {
            let domain = one(rng, &["", "ai.onnx", "ai.perforate", "x"]).to_string();
            model.opset_import.push(OperatorSetIdProto { domain, version });
        }
        _ => model.opset_import.first_mut().into_iter().for_each(|set| set.version = version),
    }
}

/// A node becomes a call of a function, which may call itself.
fn function(rng: &mut ChaCha8Rng, model: &mut ModelProto) {
    let Some(node) = model.graph.as_mut().and_then(|graph| graph.node.first_mut()) else { return };
    let own = ["DynamicInt8MatMul", "PerforatedAttention", "KeepTokens", "Own", &node.op_type];
    let (name, domain) =
        (one(rng, &own).to_string(), one(rng, &["ai.perforate", "", "x"]).to_string());
    let function = FunctionProto {
        name: Some(name.clone()),
        domain: Some(domain.clone()),
        input: node.input.clone(),
        output: node.output.clone(),
        node: vec![node.clone()],
        ..Default::default()
    };
    (node.op_type, node.domain) = (name, domain);
    model.functions.push(function);
}

fn metadata(rng: &mut ChaCha8Rng, model: &mut ModelProto) {
    let key = one(rng, &["strategy", "labels", "knobs", "provenance", "tolerance", "certificate"]);
    let brackets = "[".repeat(500);
    let value = one(
        rng,
        &[
            "",
            "{",
            "[]",
            "null",
            "1e400",
            "-1",
            "\"NaN\"",
            "{\"gate\": [\"a\", \"b\"]}",
            "{\"gate\": [\"a\"]}",
            "{\"threshold\": {\"default\": 1e39, \"never\": -1e39, \"always\": 0}}",
            &brackets,
        ],
    );
    let (key, value) = (format!("perforate.{key}"), value.to_string());
    model.metadata_props.push(StringStringEntryProto { key, value });
}
