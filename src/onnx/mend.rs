//! Writes nodes that tract's reader takes for something else in a form that it gets right, before anything is compiled.
//!
//! Each rewrite has the same meaning by the standard, so that a mended file says what it said. What is left of such nodes
//! is refused by [`refuse_unsupported`](crate::refuse_unsupported).

use std::collections::HashSet;

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

use super::attributes::{int_attribute, ints_attribute};
use super::known::{
    Extent, Known, Seen, bits, float_numbers, is_standard, standard_opset, whole_numbers,
};
use super::tensors::float_tensor;

/// So far that no axis reaches it.
const FAR: i64 = 1 << 62;

/// Mends the nodes of a model, in inner graphs too; returns how many it has written anew.
pub fn mend(model: &mut ModelProto) -> usize {
    let Some(opset) = standard_opset(&model.opset_import) else { return 0 };
    let Some(graph) = &mut model.graph else { return 0 };
    let mut count = 0;
    let nodes = mended(graph, opset, &Known::default(), &mut count);
    if count > 0 {
        graph.node = nodes;
    }
    count
}

fn mended<'a>(
    graph: &'a GraphProto,
    opset: i64,
    outside: &Known<'a>,
    count: &mut usize,
) -> Vec<NodeProto> {
    let known = outside.inside(graph);
    let cast = cast_to_whole(graph);
    let mut nodes = vec![];
    for node in &graph.node {
        let seen = Seen { node, opset, known: &known };
        let draft = is_standard(&node.domain).then(|| rewritten(seen, &cast)).flatten();
        if let Some(draft) = draft {
            *count += 1;
            nodes.extend(draft.nodes);
            continue;
        }
        let mut own = node.clone();
        for (attribute, read) in own.attribute.iter_mut().zip(&node.attribute) {
            if let (Some(inner), Some(read)) = (&mut attribute.g, &read.g) {
                inner.node = mended(read, opset, &known, count);
            }
        }
        nodes.push(own);
    }
    nodes
}

/// Tensors that derive from a cast to int64. tract computes on these as on sizes, which are never negative.
fn cast_to_whole(graph: &GraphProto) -> HashSet<&str> {
    let mut derived: HashSet<&str> = HashSet::new();
    for node in &graph.node {
        let to = node.attribute.iter().find(|attribute| attribute.name == "to");
        let cast = node.op_type == "Cast" && to.is_some_and(|to| to.i == DataType::Int64 as i64);
        let kept = [
            "Add",
            "Sub",
            "Mul",
            "Div",
            "Mod",
            "Neg",
            "Abs",
            "Max",
            "Min",
            "Clip",
            "Where",
            "Identity",
            "Reshape",
            "Squeeze",
            "Unsqueeze",
            "Flatten",
            "Transpose",
            "Concat",
            "Gather",
            "Slice",
            "Split",
            "Expand",
            "Tile",
        ];
        let from = node.input.iter().any(|input| derived.contains(input.as_str()));
        if cast || (from && kept.contains(&node.op_type.as_str())) {
            derived.extend(node.output.iter().map(String::as_str));
        }
    }
    derived
}

/// The nodes that take the place of one.
struct Draft<'k, 'a> {
    seen: Seen<'k, 'a>,
    nodes: Vec<NodeProto>,
}

impl<'k, 'a> Draft<'k, 'a> {
    fn of(seen: Seen<'k, 'a>) -> Self {
        Draft { seen, nodes: vec![] }
    }

    /// A name that nothing else in the file has.
    fn fresh(&self) -> String {
        let first = self.seen.node.output.iter().find(|output| !output.is_empty());
        let base = first.unwrap_or(&self.seen.node.name);
        format!("{base}/mended/{}", self.nodes.len())
    }

    fn push(
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
    fn op(&mut self, op: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> String {
        let output = self.fresh();
        self.push(op, inputs, vec![output.clone()], attribute);
        output
    }

    /// The operator that gives what the node gave.
    fn last(mut self, op: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> Option<Self> {
        let output = self.seen.node.output.first()?.clone();
        self.push(op, inputs, vec![output], attribute);
        Some(self)
    }

    /// The node itself with other inputs, outputs and attributes.
    fn again(
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

    fn stored(&mut self, tensor: TensorProto) -> String {
        let value = AttributeProto {
            name: "value".into(),
            r#type: AttributeType::Tensor as i32,
            t: Some(tensor),
            ..AttributeProto::default()
        };
        self.op("Constant", &[], vec![value])
    }

    /// A list of int64.
    fn list(&mut self, values: &[i64]) -> String {
        let (dims, int64_data) = (vec![values.len() as i64], values.to_vec());
        let data_type = DataType::Int64 as i32;
        self.stored(TensorProto { dims, data_type, int64_data, ..TensorProto::default() })
    }

    /// A whole number of a type.
    fn whole(&mut self, kind: DataType, value: i64) -> String {
        let bytes = bits(kind).unwrap_or(64) as usize / 8;
        let raw_data = value.to_le_bytes()[..bytes].to_vec();
        self.stored(TensorProto { data_type: kind as i32, raw_data, ..TensorProto::default() })
    }

    /// A number of the type that a tensor has.
    fn like(&mut self, value: f32, tensor: &str) -> String {
        let number = self.stored(float_tensor("", &[], &[value]));
        if self.seen.opset < 15 { number } else { self.op("CastLike", &[&number, tensor], vec![]) }
    }

    fn reduced(&mut self, op: &str, input: &str, axis: i64) -> String {
        let keep = int_attribute("keepdims", 1);
        if self.seen.opset < 18 && (op != "ReduceSum" || self.seen.opset < 13) {
            return self.op(op, &[input], vec![ints_attribute("axes", &[axis]), keep]);
        }
        let axes = self.list(&[axis]);
        self.op(op, &[input, &axes], vec![keep])
    }

    fn unsqueezed(&mut self, input: &str, axis: i64) -> String {
        let axes = self.list(&[axis]);
        self.op("Unsqueeze", &[input, &axes], vec![])
    }

    /// The four lists that cut an axis.
    fn cut(&mut self, start: i64, end: i64, axis: i64, step: i64) -> [String; 4] {
        [start, end, axis, step].map(|value| self.list(&[value]))
    }

    /// The size of an axis, as a number.
    fn size(&mut self, tensor: &str, axis: i64) -> String {
        let (axis, first) = (self.list(&[axis]), self.list(&[0]));
        let shape = self.op("Shape", &[tensor], vec![]);
        let size = self.op("Gather", &[&shape, &axis], vec![int_attribute("axis", 0)]);
        self.op("Squeeze", &[&size, &first], vec![])
    }
}

fn to(kind: DataType) -> Vec<AttributeProto> {
    vec![int_attribute("to", kind as i64)]
}

fn float_attribute(name: &str, value: f32) -> AttributeProto {
    let r#type = AttributeType::Float as i32;
    AttributeProto { name: name.into(), r#type, f: value, ..AttributeProto::default() }
}

fn text_attribute(name: &str, value: &str) -> AttributeProto {
    let r#type = AttributeType::String as i32;
    AttributeProto { name: name.into(), r#type, s: value.into(), ..AttributeProto::default() }
}

fn rewritten<'k, 'a>(seen: Seen<'k, 'a>, cast: &HashSet<&str>) -> Option<Draft<'k, 'a>> {
    match seen.op() {
        "Celu" => celu(seen),
        "Swish" => swish(seen),
        "Softplus" => softplus(seen),
        "LogSoftmax" => log_softmax(seen),
        "ReduceLogSumExp" => log_sum_exp(seen),
        "BitShift" => bit_shift(seen),
        "OneHot" => one_hot(seen),
        "Pad" => pad(seen),
        "RNN" | "GRU" | "LSTM" => recurrent(seen),
        "Attention" => attention(seen),
        "DFT" => fourier(seen),
        "Equal" => equal(seen),
        "Mod" => modulo(seen, cast),
        "QuantizeLinear" => quantised(seen),
        "DequantizeLinear" => restored(seen),
        "Resize" => resize(seen),
        "Conv" | "ConvInteger" | "QLinearConv" | "ConvTranspose" | "MaxPool" | "AveragePool" => {
            window(seen)
        }
        _ => None,
    }
}

/// tract leaves out a factor: `alpha · elu(x / alpha)`.
fn celu<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let (x, alpha) = (seen.input(0)?, seen.float("alpha", 1.0));
    if alpha == 1.0 || alpha <= 0.0 {
        return None;
    }
    let mut draft = Draft::of(seen);
    let alpha = draft.like(alpha, x);
    let share = draft.op("Div", &[x, &alpha], vec![]);
    let elu = draft.op("Elu", &[&share], vec![float_attribute("alpha", 1.0)]);
    draft.last("Mul", &[&elu, &alpha], vec![])
}

fn swish<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let (x, alpha) = (seen.input(0)?, seen.float("alpha", 1.0));
    if alpha == 1.0 {
        return None;
    }
    let mut draft = Draft::of(seen);
    let alpha = draft.like(alpha, x);
    let inner = draft.op("Mul", &[x, &alpha], vec![]);
    let share = draft.op("Sigmoid", &[&inner], vec![]);
    draft.last("Mul", &[x, &share], vec![])
}

/// tract's exponential runs over from 89 on: `relu(x) + ln(1 + exp(−|x|))`.
fn softplus<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let x = seen.input(0)?;
    let mut draft = Draft::of(seen);
    let one = draft.like(1.0, x);
    let size = draft.op("Abs", &[x], vec![]);
    let below = draft.op("Neg", &[&size], vec![]);
    let power = draft.op("Exp", &[&below], vec![]);
    let sum = draft.op("Add", &[&power, &one], vec![]);
    let rest = draft.op("Log", &[&sum], vec![]);
    let above = draft.op("Relu", &[x], vec![]);
    draft.last("Add", &[&above, &rest], vec![])
}

/// tract takes the logarithm of a share, which is nothing where logits lie far apart.
fn log_softmax<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let x = seen.input(0)?;
    if seen.opset < 13 {
        return None;
    }
    let axis = seen.int("axis", -1);
    let mut draft = Draft::of(seen);
    let top = draft.reduced("ReduceMax", x, axis);
    let below = draft.op("Sub", &[x, &top], vec![]);
    let powers = draft.op("Exp", &[&below], vec![]);
    let sum = draft.reduced("ReduceSum", &powers, axis);
    let sum = draft.op("Log", &[&sum], vec![]);
    draft.last("Sub", &[&below, &sum], vec![])
}

/// tract's exponential runs over from 89 on: the largest is taken off first.
fn log_sum_exp<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let x = seen.input(0)?;
    let floats = [DataType::Float, DataType::Float16, DataType::Double];
    let known = seen.kind(0).is_none_or(|kind| floats.contains(&kind));
    if !known || seen.int("noop_with_empty_axes", 0) != 0 {
        return None;
    }
    let mut draft = Draft::of(seen);
    let given = seen.node.attribute.clone();
    let mut kept: Vec<AttributeProto> =
        given.iter().filter(|one| one.name != "keepdims").cloned().collect();
    kept.push(int_attribute("keepdims", 1));
    // The axes of a sum are an input from operator set 13 on, of the others from 18 on.
    let axes = match (seen.opset, seen.ints("axes")) {
        (18.., _) => seen.input(1).map(str::to_string),
        (13..18, axes) if !axes.is_empty() => Some(draft.list(axes)),
        _ => None,
    };
    let reducing = |draft: &mut Draft, op: &str, input: &str, attributes: &[AttributeProto]| {
        let as_input = seen.opset >= 18 || (op == "ReduceSum" && seen.opset >= 13);
        let mut inputs = vec![input];
        inputs.extend(axes.as_deref().filter(|_| as_input));
        let own = attributes.iter().filter(|one| !as_input || one.name != "axes").cloned();
        draft.op(op, &inputs, own.collect())
    };
    let top = reducing(&mut draft, "ReduceMax", x, &kept);
    let below = draft.op("Sub", &[x, &top], vec![]);
    let powers = draft.op("Exp", &[&below], vec![]);
    let sum = reducing(&mut draft, "ReduceSum", &powers, &given);
    let sum = draft.op("Log", &[&sum], vec![]);
    let top = reducing(&mut draft, "ReduceMax", x, &given);
    draft.last("Add", &[&sum, &top], vec![])
}

/// tract shifts by the remainder of so many bits; by all of them or more, nothing is left but the sign.
fn bit_shift<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let (x, shift, kind) = (seen.input(0)?, seen.input(1)?, seen.kind(0)?);
    let all = bits(kind)?;
    let near = |shifts: Vec<i64>| shifts.iter().all(|shift| (0..all).contains(shift));
    if seen.whole(1).is_some_and(near) {
        return None;
    }
    let whole = [DataType::Int8, DataType::Int16, DataType::Int32, DataType::Int64];
    let signed = whole.contains(&kind);
    let mut draft = Draft::of(seen);
    let (zero, last) = (draft.whole(kind, 0), draft.whole(kind, all - 1));
    let mut far = draft.op("Greater", &[shift, &last], vec![]);
    if signed {
        let negative = draft.op("Less", &[shift, &zero], vec![]);
        far = draft.op("Or", &[&far, &negative], vec![]);
    }
    let near = draft.op("Where", &[&far, &last, shift], vec![]);
    let shifted = draft.fresh();
    draft.again(&[x.to_string(), near], std::slice::from_ref(&shifted), |_| ());
    if signed && seen.text("direction", "LEFT") == "RIGHT" {
        return draft.last("Identity", &[&shifted], vec![]);
    }
    draft.last("Where", &[&far, &zero, &shifted], vec![])
}

/// tract breaks at an index outside of the depth, which the standard leaves without a mark.
fn one_hot<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let (indices, values, kind) = (seen.input(0)?, seen.input(2)?, seen.kind(0)?);
    if ![DataType::Int32, DataType::Int64].contains(&kind) || seen.opset < 11 {
        return None;
    }
    let stored = seen.constant(1)?;
    let depth = match whole_numbers(stored) {
        Some(depth) => *depth.first()?,
        None => *float_numbers(stored)?.first()? as i64,
    };
    let mut draft = Draft::of(seen);
    let [low, zero, high] = [-depth, 0, depth].map(|value| draft.whole(kind, value));
    let under = draft.op("Less", &[indices, &low], vec![]);
    let within = draft.op("Less", &[indices, &high], vec![]);
    let over = draft.op("Not", &[&within], vec![]);
    let outside = draft.op("Or", &[&under, &over], vec![]);
    let negative = draft.op("Less", &[indices, &zero], vec![]);
    let turned = draft.op("Add", &[indices, &high], vec![]);
    let inside = draft.op("Where", &[&negative, &turned, indices], vec![]);
    let places = draft.op("Where", &[&outside, &high, &inside], vec![]);
    // One place more, for those outside, which is cut off again.
    let wider = draft.whole(DataType::Int64, depth + 1);
    let wide = draft.fresh();
    draft.again(&[places, wider, values.to_string()], std::slice::from_ref(&wide), |_| ());
    let [start, end, axis, step] = draft.cut(0, depth, seen.int("axis", -1), 1);
    draft.last("Slice", &[&wide, &start, &end, &axis, &step], vec![])
}

/// tract pads with a value, if there is one, whatever the mode is; and it cannot take anything away.
fn pad<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let x = seen.input(0)?;
    if seen.opset < 11 {
        return None;
    }
    let mut inputs = seen.node.input.clone();
    let mut draft = Draft::of(seen);
    if seen.text("mode", "constant") != "constant" && seen.input(2).is_some() {
        inputs[2].clear();
        draft.again(&inputs, &seen.node.output, |_| ());
        return Some(draft);
    }
    let pads = seen.whole(1)?;
    if pads.iter().all(|&pad| pad >= 0) {
        return None;
    }
    let (before, after) = pads.split_at(pads.len() / 2);
    let axes = match seen.input(3) {
        Some(_) => seen.whole(3)?,
        None => (0..before.len() as i64).collect(),
    };
    let starts: Vec<i64> = before.iter().map(|&pad| (-pad).max(0)).collect();
    let ends: Vec<i64> = after.iter().map(|&pad| if pad < 0 { pad } else { FAR }).collect();
    let more: Vec<i64> = pads.iter().map(|&pad| pad.max(0)).collect();
    let [starts, ends, axes, more] = [starts, ends, axes, more].map(|values| draft.list(&values));
    inputs[0] = draft.op("Slice", &[x, &starts, &ends, &axes], vec![]);
    inputs[1] = more;
    draft.again(&inputs, &seen.node.output, |_| ());
    Some(draft)
}

/// tract runs `reverse` forwards, and makes no initial state for a number of sequences that is left open.
fn recurrent<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let x = seen.input(0)?;
    let direction = seen.text("direction", "forward");
    let back = direction == "reverse";
    let states: &[usize] = if seen.op() == "LSTM" { &[5, 6] } else { &[5] };
    let missing: Vec<usize> =
        states.iter().copied().filter(|&ix| seen.input(ix).is_none()).collect();
    if (!back && missing.is_empty()) || (back && (seen.input(4).is_some() || seen.opset < 10)) {
        return None;
    }
    let (sequence, batch) = if seen.int("layout", 0) != 0 { (1, 0) } else { (0, 1) };
    let mut draft = Draft::of(seen);
    let mut inputs = seen.node.input.clone();
    inputs.resize(8, String::new());
    if !missing.is_empty() {
        let hidden = match seen.shape(2) {
            Some([_, _, Extent::Fixed(hidden)]) => *hidden,
            _ => seen.int("hidden_size", 0),
        };
        if hidden <= 0 {
            return None;
        }
        let directions = draft.list(&[if direction == "bidirectional" { 2 } else { 1 }]);
        let (hidden, axis) = (draft.list(&[hidden]), draft.list(&[batch]));
        let shape = draft.op("Shape", &[x], vec![]);
        let rows = draft.op("Gather", &[&shape, &axis], vec![int_attribute("axis", 0)]);
        let sizes: [&str; 3] =
            if batch == 0 { [&rows, &directions, &hidden] } else { [&directions, &rows, &hidden] };
        let shape = draft.op("Concat", &sizes, vec![int_attribute("axis", 0)]);
        let kind = seen.kind(0).or(seen.kind(2)).unwrap_or(DataType::Float);
        let bytes = match kind {
            DataType::Float16 => 2,
            DataType::Double => 8,
            _ => 4,
        };
        let zero = AttributeProto {
            name: "value".into(),
            r#type: AttributeType::Tensor as i32,
            t: Some(TensorProto {
                dims: vec![1],
                data_type: kind as i32,
                raw_data: vec![0; bytes],
                ..TensorProto::default()
            }),
            ..AttributeProto::default()
        };
        let state = draft.op("ConstantOfShape", &[&shape], vec![zero]);
        missing.iter().for_each(|&ix| inputs[ix].clone_from(&state));
    }
    let mut outputs = seen.node.output.clone();
    if !back {
        draft.again(&inputs, &outputs, |_| ());
        return Some(draft);
    }
    let [start, end, axis, step] = draft.cut(-1, -FAR, sequence, -1);
    inputs[0] = draft.op("Slice", &[x, &start, &end, &axis, &step], vec![]);
    let turned = draft.fresh();
    let all = outputs.first_mut().filter(|output| !output.is_empty());
    let all = all.map(|output| std::mem::replace(output, turned.clone()));
    draft.again(&inputs, &outputs, |attributes| {
        attributes.retain(|attribute| attribute.name != "direction");
        attributes.push(text_attribute("direction", "forward"));
    });
    match all {
        Some(_) => draft.last("Slice", &[&turned, &start, &end, &axis, &step], vec![]),
        None => Some(draft),
    }
}

/// What a query may look at, as a mask of its own: tract knows no windows, counts from the first key even if keys of the
/// past stand before it, and takes no mask of booleans.
fn attention<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let (q, k, mask, past) = (seen.input(0)?, seen.input(1)?, seen.input(3), seen.input(4));
    let causal = seen.int("is_causal", 0) != 0;
    let [left, right] = ["left_window_size", "right_window_size"].map(|name| seen.int(name, -1));
    let truths = mask.is_some() && seen.kind(3) == Some(DataType::Bool);
    let needed = left >= 0 || right >= 0 || (causal && past.is_some()) || truths;
    let more = seen.input(6).is_some()
        || seen.float("softcap", 0.0) != 0.0
        || seen.int("qk_matmul_output_mode", 0) != 0
        || seen.node.output.get(3).is_some_and(|output| !output.is_empty());
    let four = seen.shape(0).is_some_and(|shape| shape.len() == 4);
    if !needed || more || (truths && !four) {
        return None;
    }
    let mut draft = Draft::of(seen);
    let [zero, one] = [0, 1].map(|value| draft.whole(DataType::Int64, value));
    let (queries, mut keys) = (draft.size(q, -2), draft.size(k, -2));
    let rows = draft.op("Range", &[&zero, &queries, &one], vec![]);
    let mut rows = draft.unsqueezed(&rows, 1);
    if let Some(past) = past {
        let before = draft.size(past, -2);
        keys = draft.op("Add", &[&keys, &before], vec![]);
        rows = draft.op("Add", &[&rows, &before], vec![]);
    }
    let columns = draft.op("Range", &[&zero, &keys, &one], vec![]);
    let columns = draft.unsqueezed(&columns, 0);
    let mut allowed: Vec<String> = vec![];
    if causal {
        allowed.push(draft.op("LessOrEqual", &[&columns, &rows], vec![]));
    }
    if left >= 0 {
        let size = draft.whole(DataType::Int64, left);
        let first = draft.op("Sub", &[&rows, &size], vec![]);
        allowed.push(draft.op("GreaterOrEqual", &[&columns, &first], vec![]));
    }
    if right >= 0 {
        let size = draft.whole(DataType::Int64, right);
        let last = draft.op("Add", &[&rows, &size], vec![]);
        allowed.push(draft.op("LessOrEqual", &[&columns, &last], vec![]));
    }
    allowed.extend(mask.filter(|_| truths).map(str::to_string));
    let (nothing, never) = (draft.like(0.0, q), draft.like(f32::NEG_INFINITY, q));
    let all = allowed.into_iter().reduce(|a, b| draft.op("And", &[&a, &b], vec![]))?;
    let mut bias = draft.op("Where", &[&all, &nothing, &never], vec![]);
    // A mask may have one row for all queries, which tract does not repeat.
    let (queries, keys) = (draft.unsqueezed(&queries, 0), draft.unsqueezed(&keys, 0));
    let sizes = draft.op("Concat", &[&queries, &keys], vec![int_attribute("axis", 0)]);
    let blank = draft.op("Expand", &[&nothing, &sizes], vec![]);
    bias = draft.op("Add", &[&blank, &bias], vec![]);
    if let Some(mask) = mask.filter(|_| !truths) {
        bias = draft.op("Add", &[&bias, mask], vec![]);
    }
    let mut inputs = seen.node.input.clone();
    inputs.resize(inputs.len().max(4), String::new());
    inputs[3] = bias;
    let plain = |attributes: &mut Vec<AttributeProto>| {
        let gone = ["is_causal", "left_window_size", "right_window_size"];
        attributes.retain(|attribute| !gone.contains(&&*attribute.name));
    };
    if !truths {
        draft.again(&inputs, &seen.node.output, plain);
        return Some(draft);
    }
    // A query that may look at nothing answers with zeros.
    let mut outputs = seen.node.output.clone();
    let answers = draft.fresh();
    outputs.first_mut()?.clone_from(&answers);
    draft.again(&inputs, &outputs, plain);
    let numbers = draft.op("Cast", &[&all], to(DataType::Float));
    let some = draft.reduced("ReduceMax", &numbers, -1);
    let some = draft.op("Cast", &[&some], to(DataType::Bool));
    draft.last("Where", &[&some, &answers, &nothing], vec![])
}

/// tract takes another axis than the standard if none is named; and in f32 its zeros are not small enough.
fn fourier<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let x = seen.input(0)?;
    let wide = seen.kind(0) == Some(DataType::Float) && seen.int("inverse", 0) == 0;
    let unnamed = seen.opset >= 20 && seen.input(2).is_none();
    if !wide && !unnamed {
        return None;
    }
    let mut draft = Draft::of(seen);
    let mut inputs = seen.node.input.clone();
    if unnamed {
        inputs.resize(3, String::new());
        inputs[2] = draft.whole(DataType::Int64, -2);
    }
    if !wide {
        draft.again(&inputs, &seen.node.output, |_| ());
        return Some(draft);
    }
    inputs[0] = draft.op("Cast", &[x], to(DataType::Double));
    if seen.shape(0).and_then(|shape| shape.last()) == Some(&Extent::Fixed(1)) {
        // tract adds imaginary parts in f32.
        let zeros = draft.op("Sub", &[&inputs[0], &inputs[0]], vec![]);
        inputs[0] = draft.op("Concat", &[&inputs[0], &zeros], vec![int_attribute("axis", -1)]);
    }
    let spectrum = draft.fresh();
    draft.again(&inputs, std::slice::from_ref(&spectrum), |_| ());
    draft.last("Cast", &[&spectrum], to(DataType::Float))
}

/// Whether the largest of a row is −∞: tract's largest of such a row is the lowest finite number. All of it is −∞ instead.
fn equal<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let (a, b) = (seen.input(0)?, seen.input(1)?);
    let largest = |name| seen.known.maker(name).filter(|node| node.op_type == "ReduceMax");
    let (top, low) = match (largest(a), largest(b)) {
        (Some(top), _) => (top, b),
        (None, Some(top)) => (top, a),
        _ => return None,
    };
    let lowest = seen.known.constant_behind(low).and_then(float_numbers)?;
    if lowest[..] != [f64::NEG_INFINITY] {
        return None;
    }
    let mut draft = Draft::of(seen);
    let is_low = draft.op("Equal", &[top.input.first()?, low], vec![]);
    let is_low = draft.op("Cast", &[&is_low], to(DataType::Float));
    let mut inputs: Vec<&str> = top.input.iter().map(String::as_str).collect();
    inputs[0] = &is_low;
    let least = draft.op("ReduceMin", &inputs, top.attribute.clone());
    draft.last("Cast", &[&least], to(DataType::Bool))
}

/// tract computes on what was cast to int64 as on sizes, where the remainder has the sign of the first operand.
fn modulo<'k, 'a>(seen: Seen<'k, 'a>, cast: &HashSet<&str>) -> Option<Draft<'k, 'a>> {
    let (a, b) = (seen.input(0)?, seen.input(1)?);
    if seen.int("fmod", 0) != 0 || !(cast.contains(a) || cast.contains(b)) {
        return None;
    }
    let sign = || vec![int_attribute("fmod", 1)];
    let mut draft = Draft::of(seen);
    let rest = draft.op("Mod", &[a, b], sign());
    let above = draft.op("Add", &[&rest, b], vec![]);
    draft.last("Mod", &[&above, b], sign())
}

/// tract reads the type of a quantised tensor off its zero point alone.
fn quantised<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let kind = DataType::try_from(seen.int("output_dtype", 0) as i32).ok()?;
    let known = [DataType::Int8, DataType::Int16, DataType::Uint16].contains(&kind);
    if seen.input(2).is_some() || !known || seen.int("block_size", 0) != 0 {
        return None;
    }
    let mut draft = Draft::of(seen);
    let zero = draft.whole(kind, 0);
    let inputs = [seen.input(0)?.to_string(), seen.input(1)?.to_string(), zero];
    draft.again(&inputs, &seen.node.output, |attributes| {
        attributes.retain(|attribute| attribute.name != "output_dtype");
    });
    Some(draft)
}

/// tract restores to f32 alone.
fn restored<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let kind = DataType::try_from(seen.int("output_dtype", 0) as i32).ok()?;
    if ![DataType::Float16, DataType::Double].contains(&kind) {
        return None;
    }
    let mut draft = Draft::of(seen);
    let wide = draft.fresh();
    draft.again(&seen.node.input, std::slice::from_ref(&wide), |attributes| {
        attributes.retain(|attribute| attribute.name != "output_dtype");
    });
    draft.last("Cast", &[&wide], to(kind))
}

/// tract rounds in operator set 10, where places were cut off; and it counts inputs there and in 11 as if none were left out.
fn resize<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let mut draft = Draft::of(seen);
    if seen.opset == 10 && seen.text("mode", "nearest") == "nearest" {
        let scales = seen.constant(1).and_then(float_numbers)?;
        if scales.iter().any(|&scale| scale < 1.0) || seen.attribute("nearest_mode").is_some() {
            return None;
        }
        draft.again(&seen.node.input, &seen.node.output, |attributes| {
            attributes.push(text_attribute("nearest_mode", "floor"));
        });
        return Some(draft);
    }
    if !(11..13).contains(&seen.opset) || seen.input(1).is_some() || seen.node.input.len() < 3 {
        return None;
    }
    let mut inputs = seen.node.input.clone();
    inputs[1] = draft.stored(float_tensor("", &[0], &[]));
    draft.again(&inputs, &seen.node.output, |_| ());
    Some(draft)
}

/// With `auto_pad` the pads mean nothing; tract takes them all the same.
fn window<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let auto = seen.text("auto_pad", "NOTSET");
    if ["", "NOTSET"].contains(&&*auto) || seen.attribute("pads").is_none() {
        return None;
    }
    let mut draft = Draft::of(seen);
    draft.again(&seen.node.input, &seen.node.output, |attributes| {
        attributes.retain(|attribute| attribute.name != "pads");
    });
    Some(draft)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unsupported::refuse_unsupported;
    use crate::{GraphBuilder, Metadata, Size};

    fn model(opset: i64, op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> ModelProto {
        let mut graph = GraphBuilder::new("g", opset);
        let shape = [Size::Rows, Size::Fixed(3)];
        graph.input("x", &shape).unwrap();
        graph.integers("pads", &[0, -1, 0, 2]).unwrap();
        graph.node_with(op, "y", inputs, attributes).unwrap();
        graph.output("y", &shape).unwrap();
        graph.into_model(&Metadata::default()).unwrap()
    }

    fn operators(model: &ModelProto) -> Vec<&str> {
        let nodes = model.graph.iter().flat_map(|graph| &graph.node);
        nodes.map(|node| node.op_type.as_str()).filter(|op| *op != "Constant").collect()
    }

    #[test]
    fn what_would_be_refused_is_written_in_another_way() {
        let alpha = || vec![float_attribute("alpha", 2.0)];
        let mode = || vec![text_attribute("mode", "edge")];
        let back = || vec![text_attribute("direction", "reverse"), int_attribute("hidden_size", 2)];
        let cases = [
            (model(24, "Swish", &["x"], alpha()), vec!["CastLike", "Mul", "Sigmoid", "Mul"]),
            (model(12, "Celu", &["x"], alpha()), vec!["Div", "Elu", "Mul"]),
            (model(13, "Pad", &["x", "pads"], vec![]), vec!["Slice", "Pad"]),
            (model(13, "Pad", &["x", "p", "v"], mode()), vec!["Pad"]),
            (
                model(14, "GRU", &["x", "w", "r"], back()),
                vec!["Shape", "Gather", "Concat", "ConstantOfShape", "Slice", "GRU", "Slice"],
            ),
        ];
        for (mut model, expected) in cases {
            assert!(refuse_unsupported(&model).is_err(), "{expected:?}");
            assert_eq!(mend(&mut model), 1, "{expected:?}");
            assert_eq!(operators(&model), expected);
            refuse_unsupported(&model).unwrap();
            let last = model.graph.as_ref().and_then(|graph| graph.node.last()).unwrap();
            assert_eq!(last.output, ["y"], "the tensor keeps its name");
            assert_eq!(mend(&mut model), 0, "{expected:?}: once is enough");
        }
    }

    #[test]
    fn what_tract_reads_stays_as_it_is() {
        let untouched = [
            model(24, "Swish", &["x"], vec![]),
            model(13, "Relu", &["x"], vec![]),
            model(13, "Mod", &["x", "pads"], vec![]),
            model(13, "Equal", &["x", "pads"], vec![]),
        ];
        for mut model in untouched {
            let before = model.clone();
            assert_eq!(mend(&mut model), 0);
            assert_eq!(model, before);
        }
    }

    #[test]
    fn names_of_new_tensors_differ() {
        let mut model = model(17, "LogSoftmax", &["x"], vec![]);
        mend(&mut model);
        let graph = model.graph.unwrap();
        let mut names: Vec<&String> = graph.node.iter().flat_map(|node| &node.output).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
