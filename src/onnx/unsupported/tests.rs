use tract_onnx::pb::attribute_proto::AttributeType;

use tract_onnx::pb::AttributeProto;

use super::*;
use crate::attributes::{int_attribute, ints_attribute};
use crate::{GraphBuilder, Metadata, Size};

fn float(name: &str, value: f32) -> AttributeProto {
    let r#type = AttributeType::Float as i32;
    AttributeProto { name: name.into(), r#type, f: value, ..AttributeProto::default() }
}

fn text(name: &str, value: &str) -> AttributeProto {
    let r#type = AttributeType::String as i32;
    AttributeProto { name: name.into(), r#type, s: value.into(), ..AttributeProto::default() }
}

fn texts(name: &str, values: &[&str]) -> AttributeProto {
    let strings = values.iter().map(|value| value.as_bytes().to_vec()).collect();
    let r#type = AttributeType::Strings as i32;
    AttributeProto { name: name.into(), r#type, strings, ..AttributeProto::default() }
}

/// A model of one node on an input `x` of shape `[rows, 3]`, with constants of whole numbers.
fn model(
    opset: i64,
    op: &str,
    inputs: &[&str],
    attributes: Vec<AttributeProto>,
    constants: &[(&str, &[i64])],
) -> ModelProto {
    let mut graph = GraphBuilder::new("g", opset);
    graph.input("x", &[Size::Rows, Size::Fixed(3)]).unwrap();
    for (name, values) in constants {
        graph.integers(name, values).unwrap();
    }
    graph.node_with(op, "the/node", inputs, attributes).unwrap();
    graph.output("the/node", &[Size::Rows, Size::Fixed(3)]).unwrap();
    graph.into_model(&Metadata::default()).unwrap()
}

fn refusal(model: &ModelProto) -> Option<String> {
    refuse_unsupported(model).err().map(|error| error.to_string())
}

#[test]
fn what_tract_passes_over_is_refused_by_name() {
    let int = int_attribute;
    let ints = ints_attribute;
    let (x, three): (&[&str], &[&str]) = (&["x"], &["x", "w", "r"]);
    #[rustfmt::skip]
    let cases: Vec<(ModelProto, &str)> = vec![
        (model(24, "Swish", x, vec![float("alpha", 2.0)], &[]), "`Swish` with alpha = 2"),
        (model(12, "Celu", x, vec![float("alpha", 0.5)], &[]), "`Celu` with alpha = 0.5"),
        (model(28, "SpaceToDepth", x, vec![text("mode", "CRD")], &[]), "mode = CRD"),
        (model(17, "GlobalLpPool", x, vec![], &[]), "`GlobalLpPool` is not supported"),
        (model(15, "BatchNormalization", x, vec![int("training_mode", 1)], &[]), "training_mode"),
        (model(6, "Add", &["x", "b"], vec![int("broadcast", 1)], &[]), "broadcast"),
        (model(14, "LSTM", three, vec![text("direction", "reverse")], &[]), "reverse"),
        (model(14, "GRU", three, vec![float("clip", 1.0)], &[]), "clip = 1"),
        (model(14, "RNN", three, vec![texts("activations", &["Relu"])], &[]), "relu"),
        (model(14, "RNN", three, vec![texts("activations", &["Tanh"]), int("layout", 1)], &[]), "initial state"),
        (model(25, "Attention", three, vec![int("left_window_size", 1)], &[]), "left_window_size"),
        (model(24, "Attention", &["x", "k", "v", "", "p"], vec![int("is_causal", 1)], &[]), "past"),
        (model(13, "Pad", &["x", "p", "v"], vec![text("mode", "edge")], &[]), "mode = edge and a value"),
        (model(13, "Pad", &["x", "p"], vec![], &[("p", &[0, -1, 0, 0])]), "negative pads"),
        (model(13, "Pad", &["x", "p"], vec![text("mode", "reflect")], &[("p", &[0, 3, 0, 0])]), "wide"),
        (model(13, "Squeeze", &["x", "a"], vec![], &[("a", &[-1, 0])]), "counted from the end"),
        (model(28, "BitShift", &["x", "s"], vec![], &[("s", &[64])]), "all bits"),
        (model(20, "DFT", x, vec![], &[]), "without an axis"),
        (model(17, "DFT", &["x", "l"], vec![], &[]), "dft_length"),
        (model(11, "NonMaxSuppression", &["x", "s"], vec![], &[]), "max_output_boxes_per_class"),
        (model(21, "QuantizeLinear", &["x", "s"], vec![int("output_dtype", 3)], &[]), "output_dtype = 3"),
        (model(12, "Einsum", x, vec![text("equation", "ij ->")], &[]), "ij->"),
        (model(12, "Einsum", &["x", "y"], vec![text("equation", "ii,ij->j")], &[]), "ii,ij->j"),
        (model(13, "MatMul", &["x", "w"], vec![], &[("w", &[1, 2, 3])]), "of int64"),
        (model(11, "Conv", &["x", "w"], vec![text("auto_pad", "SAME_UPPER"), ints("pads", &[0, 0])], &[]), "auto_pad"),
        (model(11, "Conv", &["x", "w", ""], vec![], &[]), "bias"),
        (model(11, "ConvTranspose", &["x", "w"], vec![ints("output_shape", &[9])], &[]), "output_shape"),
        (model(10, "Resize", &["x", "s"], vec![], &[]), "operator set 10"),
        (model(11, "Resize", &["x", "", "s"], vec![], &[]), "roi"),
        (model(16, "GridSample", &["x", "g"], vec![text("mode", "bicubic"), text("padding_mode", "border")], &[]), "border"),
        (model(13, "GatherND", &["x", "i"], vec![], &[("i", &[-1])]), "negative indices"),
        (model(11, "OneHot", &["i", "d", "x"], vec![], &[("i", &[9]), ("d", &[4])]), "outside of its depth"),
        (model(14, "Mod", &["x", "d"], vec![], &[("d", &[3, 0])]), "by zero"),
        (model(29, "Relu", x, vec![], &[]), "operator set 29"),
    ];
    for (model, words) in cases {
        let text = refusal(&model).unwrap_or_else(|| format!("nothing is refused: {words}"));
        assert!(text.contains(words) && text.contains("export"), "{words}: {text}");
    }
}

#[test]
fn what_tract_reads_is_not_refused() {
    let pads: (&str, &[i64]) = ("p", &[0, 1, 0, 2]);
    #[rustfmt::skip]
    let cases = [
        model(24, "Swish", &["x"], vec![float("alpha", 1.0)], &[]),
        model(13, "Pad", &["x", "p"], vec![text("mode", "reflect")], &[pads]),
        model(13, "Squeeze", &["x", "a"], vec![], &[("a", &[0, -1])]),
        model(14, "LSTM", &["x", "w", "r", "", "", "h", "c"], vec![text("direction", "bidirectional")], &[]),
        model(12, "Einsum", &["x", "w"], vec![text("equation", "ij,jk->ik")], &[]),
        model(11, "Conv", &["x", "w"], vec![text("auto_pad", "NOTSET"), ints_attribute("pads", &[1, 1])], &[]),
        model(11, "OneHot", &["i", "d", "x"], vec![], &[("i", &[-4, 3]), ("d", &[4])]),
        model(13, "Div", &["x", "d"], vec![], &[("d", &[2])]),
    ];
    for model in cases {
        assert_eq!(refusal(&model), None);
    }
}

#[test]
fn inner_graphs_and_functions_are_looked_at() {
    let shape = [Size::Rows, Size::Fixed(3)];
    let gated = |inner: GraphBuilder, mut main: GraphBuilder, decision: &str| {
        let mut other = main.branch("else");
        other.node("Identity", "else/y", &["x"]).unwrap();
        other.output("else/y", &shape).unwrap();
        main.gate("gate", decision, inner, other, &["y"]).unwrap();
        main.output("y", &shape).unwrap();
        main.into_model(&Metadata::default()).unwrap()
    };
    let mut main = GraphBuilder::new("g", 17);
    let x = main.input("x", &shape).unwrap();
    let low = main.constant("low", &[1], &[0.0]).unwrap();
    let decision = main.node("Greater", "decision", &[&x, &low]).unwrap();
    let mut inner = main.branch("then");
    inner.node("GlobalLpPool", "then/pool", &[&x]).unwrap();
    inner.output("then/pool", &shape).unwrap();
    let text = refusal(&gated(inner, main, &decision)).unwrap();
    assert_eq!(
        text,
        "at `then/pool`: the operator `GlobalLpPool` is not supported: export the model without it."
    );
    let mut model = model(17, "Relu", &["x"], vec![], &[]);
    let node = NodeProto { op_type: "GlobalLpPool".into(), ..NodeProto::default() };
    let function = tract_onnx::pb::FunctionProto { node: vec![node], ..Default::default() };
    model.functions.push(function);
    assert!(refusal(&model).unwrap().contains("`GlobalLpPool`"));
}
