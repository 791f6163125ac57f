//! Functions of each number or row that tract computes otherwise: activations, softmax in logarithms, bits, remainders.

use std::collections::HashSet;

use tract_onnx::pb::AttributeProto;
use tract_onnx::pb::tensor_proto::DataType;

use super::draft::{Draft, float_attribute, to};
use crate::attributes::int_attribute;
use crate::known::{Seen, bits, float_numbers};

/// tract leaves out a factor: `alpha · elu(x / alpha)`.
pub(super) fn celu<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
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

pub(super) fn swish<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
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
pub(super) fn softplus<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
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
pub(super) fn log_softmax<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let x = seen.input(0)?;
    if seen.opset < 13 {
        return None;
    }
    let mut draft = Draft::of(seen);
    let (below, sum) = log_shares(&mut draft, x, seen.int("axis", -1));
    draft.last("Sub", &[&below, &sum], vec![])
}

/// What lies below the largest along an axis, and the logarithm of the sum of its exponentials.
pub(super) fn log_shares(draft: &mut Draft, x: &str, axis: i64) -> (String, String) {
    let top = draft.reduced("ReduceMax", x, axis);
    let below = draft.op("Sub", &[x, &top], vec![]);
    let powers = draft.op("Exp", &[&below], vec![]);
    let sum = draft.reduced("ReduceSum", &powers, axis);
    let sum = draft.op("Log", &[&sum], vec![]);
    (below, sum)
}

/// tract's exponential runs over from 89 on: the largest is taken off first.
pub(super) fn log_sum_exp<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
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
pub(super) fn bit_shift<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
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

/// Whether the largest of a row is −∞: tract's largest of such a row is the lowest finite number. All of it is −∞ instead.
pub(super) fn equal<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
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
pub(super) fn modulo<'k, 'a>(seen: Seen<'k, 'a>, cast: &HashSet<&str>) -> Option<Draft<'k, 'a>> {
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
