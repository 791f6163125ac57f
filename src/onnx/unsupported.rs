//! What tract's reader takes for something else: attributes, inputs and types that it passes over without a word.
//!
//! Such a node would answer with wrong numbers, or break the program off. It is refused by name before anything is
//! compiled. What [`mend`](crate::mend()) writes in another way is to be written so first: what is left is refused.

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};

use perforate_base::{Error, ErrorKind, Result};

use super::known::*;

/// The newest operator set whose operators were compared with what tract makes of them.
const NEWEST: i64 = 28;

/// Refuses nodes of which tract would make something else, in inner graphs and functions too.
///
/// # Errors
/// `UnsupportedOp` with the first such node, its operator and what of it is not supported.
pub fn refuse_unsupported(model: &ModelProto) -> Result<()> {
    let Some(graph) = &model.graph else { return Ok(()) };
    let opset = standard_opset(&model.opset_import).ok_or_else(|| {
        let text = "the file does not say which operator set it uses: export it again";
        Error::new(ErrorKind::Model, text)
    })?;
    if opset > NEWEST {
        let text = format!(
            "the operator set {opset} is newer than {NEWEST}, the newest that is known here: export the model with that one"
        );
        return Err(Error::new(ErrorKind::UnsupportedOp, text));
    }
    in_graph(graph, opset, &Known::default())?;
    for function in &model.functions {
        let own = standard_opset(&function.opset_import).unwrap_or(opset);
        in_nodes(&function.node, own, &Known::default().with_nodes(&function.node))?;
    }
    Ok(())
}

fn in_graph<'a>(graph: &'a GraphProto, opset: i64, outside: &Known<'a>) -> Result<()> {
    in_nodes(&graph.node, opset, &outside.inside(graph))
}

fn in_nodes<'a>(nodes: &'a [NodeProto], opset: i64, known: &Known<'a>) -> Result<()> {
    for node in nodes {
        if is_standard(&node.domain)
            && let Some(what) = fault(Seen { node, opset, known })
        {
            let space = if what.is_empty() { "" } else { " " };
            let text = format!(
                "the operator `{}`{space}{what} is not supported: export the model without it",
                node.op_type
            );
            let place = if node.name.is_empty() { &node.op_type } else { &node.name };
            return Err(Error::new(ErrorKind::UnsupportedOp, text).node(place));
        }
        for inner in node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()) {
            in_graph(inner, opset, known)?;
        }
    }
    Ok(())
}

/// What of a node tract passes over or breaks at; an empty text if it is the operator altogether.
fn fault(seen: Seen) -> Option<String> {
    match seen.op() {
        "Add" | "Sub" | "Mul" | "Pow" | "And" | "Or" | "Xor" | "Equal" | "Greater" | "Less" => {
            old_broadcast(seen)
        }
        "Div" => old_broadcast(seen).or_else(|| divisor(seen)),
        "Mod" => divisor(seen),
        "PRelu" => old_slope(seen),
        "Celu" | "Swish" => {
            let alpha = seen.float("alpha", 1.0);
            (alpha != 1.0).then(|| format!("with alpha = {alpha}"))
        }
        "SpaceToDepth" => {
            let mode = seen.text("mode", "DCR");
            (mode != "DCR").then(|| format!("with mode = {mode}"))
        }
        // tract takes the mean where the standard has the sum, and bins of the mel scale in other places.
        "GlobalLpPool" | "MelWeightMatrix" => Some(String::new()),
        "BatchNormalization" | "Dropout" => training(seen),
        "RNN" | "GRU" | "LSTM" => recurrent(seen),
        "Attention" => attention(seen),
        "Pad" => pad(seen),
        "Squeeze" => squeeze(seen),
        "Range" => range(seen),
        "BitShift" => bit_shift(seen),
        "DFT" => fourier(seen),
        "NonMaxSuppression" => boxes(seen),
        "QuantizeLinear" | "DequantizeLinear" => quantised(seen),
        "Einsum" => einsum(seen).or_else(|| (seen.node.input.len() == 2).then(|| product(seen))?),
        "MatMul" | "Gemm" => product(seen),
        "ReduceLogSumExp" => {
            let whole = seen.kind(0).is_some_and(|kind| bits(kind).is_some());
            whole.then(|| "of whole numbers".into())
        }
        "ReduceMax" | "ReduceMin" => {
            let nothing = seen.shape(0).is_some_and(|shape| shape.contains(&Extent::Fixed(0)));
            nothing.then(|| "of nothing".into())
        }
        "Conv" | "ConvInteger" | "QLinearConv" | "MaxPool" | "AveragePool" => window(seen),
        "ConvTranspose" => window(seen).or_else(|| transposed(seen)),
        "Resize" => resize(seen),
        "GridSample" => {
            let cubic = ["cubic", "bicubic"].contains(&&*seen.text("mode", "linear"));
            let border = seen.text("padding_mode", "zeros") == "border";
            (cubic && border).then(|| "with mode = cubic and padding_mode = border".into())
        }
        "GatherND" | "ScatterND" => indices(seen),
        "OneHot" => one_hot(seen),
        "Scan" => (seen.opset < 9).then(|| "of operator set 8".into()),
        _ => None,
    }
}

/// Before operator set 7, the second operand stood along an axis that an attribute named.
fn old_broadcast(seen: Seen) -> Option<String> {
    let old = seen.opset < 7 && seen.int("broadcast", 0) != 0;
    old.then(|| "with broadcast = 1, as before operator set 7,".into())
}

/// Before operator set 7, one slope a channel was a list, which is now one a place of the last axis.
fn old_slope(seen: Seen) -> Option<String> {
    let apart = !matches!(seen.shape(1), Some([] | [Extent::Fixed(1)] | [_, _, ..]));
    (seen.opset < 7 && apart).then(|| "with a slope a channel, as before operator set 7,".into())
}

fn divisor(seen: Seen) -> Option<String> {
    seen.whole(1).filter(|values| values.contains(&0)).map(|_| "by zero".into())
}

fn training(seen: Seen) -> Option<String> {
    if seen.op() == "BatchNormalization" && seen.int("training_mode", 0) != 0 {
        return Some("with training_mode = 1".into());
    }
    let trains = seen.opset < 7 && seen.int("is_test", 0) == 0;
    trains.then(|| "with is_test = 0".into())
}

fn recurrent(seen: Seen) -> Option<String> {
    let usual: &[&str] = match seen.op() {
        "RNN" => &["tanh"],
        "GRU" => &["sigmoid", "tanh"],
        _ => &["sigmoid", "tanh", "tanh"],
    };
    if seen.text("direction", "forward") == "reverse" {
        return Some("with direction = reverse".into());
    }
    let clip = seen.float("clip", 0.0);
    if clip > 0.0 {
        return Some(format!("with clip = {clip}"));
    }
    let given = seen.attribute("activations").into_iter().flat_map(|attribute| &attribute.strings);
    let given: Vec<String> =
        given.map(|name| String::from_utf8_lossy(name).to_lowercase()).collect();
    let others = given
        .chunks(usual.len())
        .any(|one| one.iter().map(String::as_str).ne(usual.iter().copied()));
    if others {
        return Some(format!("with activations = {}", given.join(", ")));
    }
    if seen.int("input_forget", 0) != 0 {
        return Some("with input_forget = 1".into());
    }
    // tract makes the state itself, of a size that it must know.
    let stateless = seen.input(5).is_none() || (seen.op() == "LSTM" && seen.input(6).is_none());
    let batch = usize::from(seen.int("layout", 0) == 0);
    let sequences = seen.shape(0).and_then(|shape| shape.get(batch));
    let open = !matches!(sequences, Some(Extent::Fixed(_)));
    (stateless && open).then(|| "without an initial state, of any number of sequences,".into())
}

fn attention(seen: Seen) -> Option<String> {
    for side in ["left_window_size", "right_window_size"] {
        let size = seen.int(side, -1);
        if size >= 0 {
            return Some(format!("with {side} = {size}"));
        }
    }
    if seen.int("is_causal", 0) == 0 {
        return None;
    }
    if seen.input(4).is_some() {
        return Some("with is_causal = 1 and keys of the past".into());
    }
    let length = |ix: usize| seen.shape(ix).and_then(|shape| shape.iter().rev().nth(1)).copied();
    match (length(0), length(1)) {
        (Some(Extent::Fixed(_)), Some(Extent::Fixed(_))) | (None, _) | (_, None) => None,
        (queries, keys) if queries == keys && queries != Some(Extent::Open) => None,
        _ => Some("with is_causal = 1 and as many keys as one likes".into()),
    }
}

fn pad(seen: Seen) -> Option<String> {
    let mode = seen.text("mode", "constant");
    if seen.opset >= 11 && mode != "constant" && seen.input(2).is_some() {
        return Some(format!("with mode = {mode} and a value"));
    }
    let pads = match seen.opset {
        ..11 => seen.ints("pads").to_vec(),
        _ => seen.whole(1)?,
    };
    if pads.iter().any(|&pad| pad < 0) {
        return Some("with negative pads".into());
    }
    let (axes, shape) = (seen.axes(3, pads.len() / 2)?, seen.shape(0)?);
    let too_wide = |(at, &axis): (usize, &i64)| {
        let axis = if axis < 0 { axis + shape.len() as i64 } else { axis };
        let most = pads.get(at).max(pads.get(at + axes.len()));
        match (shape.get(axis as usize), most) {
            (Some(Extent::Fixed(size)), Some(most)) => most >= size,
            _ => false,
        }
    };
    let wide = mode == "reflect" && axes.iter().enumerate().any(too_wide);
    wide.then(|| "with mode = reflect and pads as wide as the tensor".into())
}

fn squeeze(seen: Seen) -> Option<String> {
    let axes = if seen.opset < 13 { seen.ints("axes").to_vec() } else { seen.whole(1)? };
    let mixed = axes.windows(2).any(|pair| pair[0] < 0 && pair[1] >= 0);
    mixed.then(|| "with axes counted from the end before others".into())
}

fn range(seen: Seen) -> Option<String> {
    let number = |ix: usize| seen.constant(ix).and_then(float_numbers)?.first().copied();
    let numbers = [number(0)?, number(1)?, number(2)?];
    numbers.iter().any(|number| number.fract() != 0.0).then(|| "of numbers with a fraction".into())
}

fn bit_shift(seen: Seen) -> Option<String> {
    let Some(shifts) = seen.whole(1) else {
        // With a known type it is mended.
        let unknown = seen.opset >= 28 && seen.kind(0).is_none();
        return unknown.then(|| "of a type that the file does not tell".into());
    };
    let all = seen.kind(1).and_then(bits)?;
    shifts.iter().any(|shift| !(0..all).contains(shift)).then(|| "by all bits or more".into())
}

fn fourier(seen: Seen) -> Option<String> {
    let three = seen.shape(0).is_some_and(|shape| shape.len() == 3);
    if seen.opset >= 20 && seen.input(2).is_none() && !three {
        return Some("without an axis".into());
    }
    let computed = seen.input(1).is_some() && seen.constant(1).is_none();
    computed.then(|| "with a dft_length that is computed".into())
}

fn boxes(seen: Seen) -> Option<String> {
    let most = if seen.input(2).is_some() { seen.whole(2)? } else { vec![] };
    let none = most.first().is_none_or(|&most| most <= 0);
    none.then(|| "with max_output_boxes_per_class = 0".into())
}

fn quantised(seen: Seen) -> Option<String> {
    let given = seen.int("output_dtype", 0) as i32;
    let usual = match seen.op() {
        "QuantizeLinear" if seen.input(2).is_some() => return None,
        "QuantizeLinear" => DataType::Uint8,
        _ => DataType::Float,
    };
    let other = given != 0 && given != usual as i32;
    other.then(|| format!("with output_dtype = {given}"))
}

fn einsum(seen: Seen) -> Option<String> {
    let equation: String = seen.text("equation", "").split_whitespace().collect();
    let shown = || Some(format!("with equation = {equation}"));
    let operands: Vec<&str> = equation.split("->").next().unwrap_or_default().split(',').collect();
    let repeats = |operand: &&str| {
        let mut letters: Vec<char> = operand.chars().filter(|&letter| letter != '.').collect();
        letters.sort_unstable();
        letters.windows(2).any(|pair| pair[0] == pair[1])
    };
    match operands.len() {
        1 if equation.ends_with("->") => shown(),
        1 => None,
        _ => operands.iter().any(repeats).then(shown)?,
    }
}

/// A product of whole numbers for which tract has no kernel.
fn product(seen: Seen) -> Option<String> {
    let lacking =
        [DataType::Int16, DataType::Uint16, DataType::Uint32, DataType::Int64, DataType::Uint64];
    let mut kinds = (0..seen.node.input.len()).filter_map(|ix| seen.kind(ix));
    let kind = kinds.find(|kind| lacking.contains(kind))?;
    Some(format!("of {}", kind.as_str_name().to_lowercase()))
}

/// Convolutions and pools.
fn window(seen: Seen) -> Option<String> {
    let auto = seen.text("auto_pad", "NOTSET");
    let pads = seen.ints("pads");
    let same = auto.starts_with("SAME");
    let either = !["", "NOTSET"].contains(&&*auto) && !pads.is_empty();
    if either && (same || pads.iter().any(|&pad| pad != 0)) {
        return Some(format!("with auto_pad = {auto} and pads"));
    }
    let bias = if seen.op() == "QLinearConv" { 8 } else { 2 };
    let empty = seen.op() != "MaxPool"
        && seen.op() != "AveragePool"
        && seen.node.input.get(bias).is_some_and(String::is_empty);
    empty.then(|| "with an empty name in the place of its bias".into())
}

fn transposed(seen: Seen) -> Option<String> {
    let same = seen.text("auto_pad", "NOTSET").starts_with("SAME");
    let more = seen.ints("output_padding");
    if same && more.iter().any(|&more| more != 0) {
        return Some("with auto_pad and output_padding".into());
    }
    let wanted = seen.ints("output_shape");
    if wanted.is_empty() {
        return None;
    }
    // tract adds to what comes out by itself; it cannot take anything away.
    let fixed = |ix: usize, axis: usize| match seen.shape(ix).and_then(|shape| shape.get(axis)) {
        Some(Extent::Fixed(size)) => Some(*size),
        _ => None,
    };
    let of = |list: &[i64], at: usize, usual: i64| list.get(at).copied().unwrap_or(usual);
    let (strides, dilations) = (seen.ints("strides"), seen.ints("dilations"));
    let reached = |(at, &wanted): (usize, &i64)| {
        let (size, kernel) = (fixed(0, at + 2)?, fixed(1, at + 2)?);
        let spread = (kernel - 1) * of(dilations, at, 1) + 1;
        Some(of(strides, at, 1) * (size - 1) + of(more, at, 0) + spread <= wanted)
    };
    let spatial = seen.shape(1).is_some_and(|shape| shape.len() == wanted.len() + 2);
    let all = wanted.iter().enumerate().all(|one| reached(one) == Some(true));
    (same || !spatial || !all).then(|| format!("with output_shape = {wanted:?}"))
}

fn resize(seen: Seen) -> Option<String> {
    if seen.opset == 10 && seen.text("mode", "nearest") == "nearest" {
        let scales = seen.constant(1).and_then(float_numbers);
        let grows = scales.is_some_and(|scales| scales.iter().all(|&scale| scale >= 1.0));
        let floor = seen.attribute("nearest_mode").is_some();
        return (!grows || !floor).then(|| "with mode = nearest, as in operator set 10,".into());
    }
    let lacks = (11..13).contains(&seen.opset) && seen.input(1).is_none();
    lacks.then(|| "with an empty name in the place of its roi".into())
}

fn indices(seen: Seen) -> Option<String> {
    let adds = seen.op() == "GatherND" || seen.text("reduction", "none") != "none";
    let negative = seen.whole(1)?.iter().any(|&index| index < 0);
    (adds && negative).then(|| "with negative indices".into())
}

fn one_hot(seen: Seen) -> Option<String> {
    let depth = *seen.whole(1)?.first()?;
    let outside = seen.whole(0)?.iter().any(|index| !(-depth..depth).contains(index));
    outside.then(|| "with indices outside of its depth".into())
}

#[cfg(test)]
mod tests {
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
}
