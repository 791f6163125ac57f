//! Operators on sequences: recurrent ones and attention.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, TensorProto};

use super::draft::{Draft, FAR, text_attribute, to};
use crate::attributes::int_attribute;
use crate::known::{Extent, Seen};

/// tract runs `reverse` forwards, and makes no initial state for a number of sequences that is left open.
pub(super) fn recurrent<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
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
pub(super) fn attention<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let (q, k, mask, past) = (seen.input(0)?, seen.input(1)?, seen.input(3), seen.input(4));
    let causal = seen.int("is_causal", 0) != 0;
    let [left, right] = ["left_window_size", "right_window_size"].map(|name| seen.int(name, -1));
    let truths = mask.is_some() && seen.kind(3) == Some(DataType::Bool);
    let needed = left >= 0 || right >= 0 || (causal && past.is_some()) || truths;
    if !needed {
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
