//! Operators that move numbers to other places: one-hot, pads, windows, sizes of pictures, quantised numbers, spectra.

use tract_onnx::pb::tensor_proto::DataType;

use super::draft::{Draft, FAR, text_attribute, to};
use crate::attributes::int_attribute;
use crate::known::{Extent, Seen, float_numbers, whole_numbers};
use crate::tensors::float_tensor;

/// tract breaks at an index outside of the depth, which the standard leaves without a mark.
pub(super) fn one_hot<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
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
pub(super) fn pad<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
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

/// tract takes another axis than the standard if none is named; and in f32 its zeros are not small enough.
pub(super) fn fourier<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
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

/// tract reads the type of a quantised tensor off its zero point alone.
pub(super) fn quantised<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
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
pub(super) fn restored<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
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
pub(super) fn resize<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
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
pub(super) fn window<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
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

/// tract has no pool of a norm: `(Σ|x|ᵖ)^(1/p)` is an average of powers, times how many they are.
pub(super) fn norm_pool<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let (x, kernel, p) = (seen.input(0)?, seen.ints("kernel_shape"), seen.int("p", 2));
    // Rounded up, the last windows of an average are smaller ones.
    if kernel.is_empty() || p < 1 || seen.opset < 18 || seen.int("ceil_mode", 0) != 0 {
        return None;
    }
    let places: f32 = kernel.iter().map(|&size| size as f32).product();
    let mut draft = Draft::of(seen);
    let size = draft.op("Abs", &[x], vec![]);
    let [power, root] = [p as f32, 1.0 / p as f32].map(|value| draft.like(value, x));
    let powers = draft.op("Pow", &[&size, &power], vec![]);
    let mut attributes = seen.node.attribute.clone();
    attributes.retain(|attribute| attribute.name != "p");
    attributes.push(int_attribute("count_include_pad", 1));
    let mean = draft.op("AveragePool", &[&powers], attributes);
    let places = draft.like(places, x);
    let sum = draft.op("Mul", &[&mean, &places], vec![]);
    draft.last("Pow", &[&sum, &root], vec![])
}
