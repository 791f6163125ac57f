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
mod tests;
