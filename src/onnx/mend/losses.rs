//! Losses, which models that were exported with their training criterion end in: written as the standard defines them.

use tract_onnx::pb::tensor_proto::DataType;

use super::draft::Draft;
use super::numbers::log_shares;
use crate::attributes::int_attribute;
use crate::known::Seen;

/// `−x[target] · weight[target]`, nothing where the target is to be ignored.
pub(super) fn likelihood<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let log_shares = seen.input(0)?.to_string();
    loss(seen, Draft::of(seen), &log_shares)
}

/// The same of the logarithms of a softmax, which are the second output.
pub(super) fn cross_entropy<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let scores = seen.input(0)?;
    let mut draft = Draft::of(seen);
    let (below, sum) = log_shares(&mut draft, scores, 1);
    let shares = match seen.node.output.get(1).filter(|output| !output.is_empty()) {
        Some(output) => {
            draft.push("Sub", &[&below, &sum], vec![output.clone()], vec![]);
            output.clone()
        }
        None => draft.op("Sub", &[&below, &sum], vec![]),
    };
    loss(seen, draft, &shares)
}

fn loss<'k, 'a>(seen: Seen<'k, 'a>, mut draft: Draft<'k, 'a>, x: &str) -> Option<Draft<'k, 'a>> {
    let (target, kind) = (seen.input(1)?, seen.kind(1)?);
    // Before operator set 13, axes were attributes.
    if ![DataType::Int32, DataType::Int64].contains(&kind) || seen.opset < 13 {
        return None;
    }
    let ignored = seen.attribute("ignore_index").map(|attribute| {
        let index = draft.whole(kind, attribute.i);
        draft.op("Equal", &[target, &index], vec![])
    });
    let zero = draft.whole(kind, 0);
    let target = match &ignored {
        Some(ignored) => draft.op("Where", &[ignored, &zero, target], vec![]),
        None => target.to_string(),
    };
    let mut weights = seen
        .input(2)
        .map(|weights| draft.op("Gather", &[weights, &target], vec![int_attribute("axis", 0)]));
    if let Some(ignored) = &ignored {
        let [none, one] = [0.0, 1.0].map(|value| draft.like(value, x));
        let kept = weights.unwrap_or(one);
        weights = Some(draft.op("Where", &[ignored, &none, &kept], vec![]));
    }
    let places = draft.unsqueezed(&target, 1);
    let picked = draft.op("GatherElements", &[x, &places], vec![int_attribute("axis", 1)]);
    let axis = draft.list(&[1]);
    let picked = draft.op("Squeeze", &[&picked, &axis], vec![]);
    let mut loss = draft.op("Neg", &[&picked], vec![]);
    if let Some(weights) = &weights {
        loss = draft.op("Mul", &[&loss, weights], vec![]);
    }
    let one_number = || vec![int_attribute("keepdims", 0)];
    match (&*seen.text("reduction", "mean"), &weights) {
        ("none", _) => draft.last("Identity", &[&loss], vec![]),
        ("sum", _) => draft.last("ReduceSum", &[&loss], one_number()),
        ("mean", None) => draft.last("ReduceMean", &[&loss], one_number()),
        ("mean", Some(weights)) => {
            let sum = draft.op("ReduceSum", &[&loss], one_number());
            let weight = draft.op("ReduceSum", &[weights], one_number());
            draft.last("Div", &[&sum, &weight], vec![])
        }
        _ => None,
    }
}
