//! Attention in parts, as the standard defines it, where tract has none: with a cap on its scores, with their product as an
//! output, with keys that are padding, or with a mask of booleans over three axes.

use tract_onnx::pb::AttributeProto;
use tract_onnx::pb::tensor_proto::DataType;

use super::draft::{Draft, to};
use crate::attributes::{int_attribute, ints_attribute};
use crate::known::{Extent, Seen};

/// What the operator's inputs are, as far as the file tells.
#[derive(Clone, Copy)]
struct Heads {
    /// Heads of queries, and of keys and values.
    queries: i64,
    keys: i64,
    /// Sizes of a head of keys, and of values.
    size: i64,
    value_size: i64,
    /// Whether heads lie side by side in the last of three axes.
    joined: bool,
}

impl Heads {
    fn of(seen: Seen) -> Option<Heads> {
        let fixed = |ix: usize, from_end: usize| match seen.shape(ix)?.iter().rev().nth(from_end)? {
            Extent::Fixed(size) => Some(*size),
            _ => None,
        };
        if seen.shape(0)?.len() == 4 {
            let [queries, keys] = [fixed(0, 2)?, fixed(1, 2)?];
            let (size, value_size) = (fixed(0, 0)?, fixed(2, 0)?);
            return Some(Heads { queries, keys, size, value_size, joined: false });
        }
        let [queries, keys] = ["q_num_heads", "kv_num_heads"].map(|name| seen.int(name, 0));
        if queries < 1 || keys < 1 {
            return None;
        }
        let (size, value_size) = (fixed(0, 0)? / queries, fixed(2, 0)? / keys);
        let fits = [(0, queries * size), (1, keys * size), (2, keys * value_size)]
            .into_iter()
            .all(|(ix, width)| fixed(ix, 0) == Some(width));
        fits.then_some(Heads { queries, keys, size, value_size, joined: true })
    }
}

/// Whether the operator asks for what tract's does not have.
pub(super) fn needs_parts(seen: Seen) -> bool {
    let four = seen.shape(0).is_some_and(|shape| shape.len() == 4);
    let truths = seen.input(3).is_some() && seen.kind(3) == Some(DataType::Bool);
    seen.input(6).is_some()
        || seen.float("softcap", 0.0) != 0.0
        || seen.int("qk_matmul_output_mode", 0) != 0
        || seen.node.output.get(3).is_some_and(|output| !output.is_empty())
        || (truths && !four)
}

/// `softmax(cap(q · kᵀ) + bias) · v`; rows that may look at nothing answer with zeros.
pub(super) fn parts<'k, 'a>(seen: Seen<'k, 'a>) -> Option<Draft<'k, 'a>> {
    let heads =
        Heads::of(seen).filter(|heads| heads.size > 0 && heads.queries % heads.keys == 0)?;
    let mut draft = Draft::of(seen);
    let named = |ix: usize| seen.node.output.get(ix).filter(|output| !output.is_empty());
    let [q, k, v] = [(0, heads.queries), (1, heads.keys), (2, heads.keys)]
        .map(|(ix, count)| seen.input(ix).map(|name| apart(&mut draft, name, count, heads.joined)));
    let (q, mut k, mut v) = (q?, k?, v?);
    for (own, past, output) in [(&mut k, 4, 1), (&mut v, 5, 2)] {
        if let Some(past) = seen.input(past) {
            *own = draft.op("Concat", &[past, own], vec![int_attribute("axis", 2)]);
        }
        if let Some(output) = named(output) {
            draft.push("Identity", &[own], vec![output.clone()], vec![]);
        }
    }
    let allowed = allowed(&mut draft, &q, &k)?;
    let [k, v] = [(k, heads.size), (v, heads.value_size)]
        .map(|(own, size)| repeated(&mut draft, own, heads, size));
    // Both factors take a share of the scale, so that neither is large in half precision.
    let scale = seen.float("scale", 1.0 / (heads.size as f32).sqrt()).sqrt();
    let scale = draft.like(scale, &q);
    let turned = draft.op("Transpose", &[&k], vec![ints_attribute("perm", &[0, 1, 3, 2])]);
    let [q, turned] = [q, turned].map(|own| draft.op("Mul", &[&own, &scale], vec![]));
    let product = draft.op("MatMul", &[&q, &turned], vec![]);
    let mut capped = product.clone();
    let cap = seen.float("softcap", 0.0);
    if cap != 0.0 {
        let cap = draft.like(cap, &q);
        let share = draft.op("Div", &[&product, &cap], vec![]);
        let bent = draft.op("Tanh", &[&share], vec![]);
        capped = draft.op("Mul", &[&bent, &cap], vec![]);
    }
    let mut scores = capped.clone();
    if let Some(mask) = seen.input(3).filter(|_| seen.kind(3) != Some(DataType::Bool)) {
        scores = draft.op("Add", &[&scores, mask], vec![]);
    }
    if let Some(allowed) = &allowed {
        let never = draft.like(f32::NEG_INFINITY, &q);
        scores = draft.op("Where", &[allowed, &scores, &never], vec![]);
    }
    let shares = shares(&mut draft, &scores, &q, allowed.as_deref());
    if let Some(output) = named(3) {
        let shown = match seen.int("qk_matmul_output_mode", 0) {
            0 => &product,
            1 => &capped,
            2 => &scores,
            _ => &shares,
        };
        draft.push("Identity", &[shown], vec![output.clone()], vec![]);
    }
    if !heads.joined {
        return draft.last("MatMul", &[&shares, &v], vec![]);
    }
    let answers = draft.op("MatMul", &[&shares, &v], vec![]);
    let beside = draft.op("Transpose", &[&answers], vec![ints_attribute("perm", &[0, 2, 1, 3])]);
    let shape = draft.list(&[0, 0, heads.queries * heads.value_size]);
    draft.last("Reshape", &[&beside, &shape], vec![])
}

/// The heads of a tensor along an axis of their own, the second.
fn apart(draft: &mut Draft, name: &str, heads: i64, joined: bool) -> String {
    if !joined {
        return name.to_string();
    }
    let shape = draft.list(&[0, 0, heads, -1]);
    let shaped = draft.op("Reshape", &[name, &shape], vec![]);
    draft.op("Transpose", &[&shaped], vec![ints_attribute("perm", &[0, 2, 1, 3])])
}

/// Each head of keys or values as often as there are queries for it.
fn repeated(draft: &mut Draft, name: String, heads: Heads, size: i64) -> String {
    let times = heads.queries / heads.keys;
    if times == 1 {
        return name;
    }
    let apart = draft.unsqueezed(&name, 2);
    let times = draft.list(&[1, 1, times, 1, 1]);
    let all = draft.op("Tile", &[&apart, &times], vec![]);
    let shape = draft.list(&[0, heads.queries, -1, size]);
    draft.op("Reshape", &[&all, &shape], vec![])
}

/// Which keys a query may look at, if any rule says so: the mask, what comes before it, windows, what is no padding.
fn allowed(draft: &mut Draft, q: &str, k: &str) -> Option<Option<String>> {
    let seen = draft.seen;
    let [left, right] = ["left_window_size", "right_window_size"].map(|name| seen.int(name, -1));
    let causal = seen.int("is_causal", 0) != 0;
    let mut rules: Vec<String> = vec![];
    if causal || left >= 0 || right >= 0 || seen.input(6).is_some() {
        let [zero, one] = [0, 1].map(|value| draft.whole(DataType::Int64, value));
        let (queries, keys) = (draft.size(q, 2), draft.size(k, 2));
        let rows = draft.op("Range", &[&zero, &queries, &one], vec![]);
        let mut rows = draft.unsqueezed(&rows, 1);
        let columns = draft.op("Range", &[&zero, &keys, &one], vec![]);
        let columns = draft.unsqueezed(&columns, 0);
        if let Some(past) = seen.input(4) {
            let before = draft.size(past, 2);
            rows = draft.op("Add", &[&rows, &before], vec![]);
        } else if let Some(filled) = seen.input(6) {
            let shape = draft.list(&[-1, 1, 1, 1]);
            let filled = draft.op("Reshape", &[filled, &shape], vec![]);
            rules.push(draft.op("Less", &[&columns, &filled], vec![]));
            let before = draft.op("Sub", &[&filled, &queries], vec![]);
            rows = draft.op("Add", &[&rows, &before], vec![]);
        }
        if causal {
            rules.push(draft.op("LessOrEqual", &[&columns, &rows], vec![]));
        }
        if left >= 0 {
            let size = draft.whole(DataType::Int64, left);
            let first = draft.op("Sub", &[&rows, &size], vec![]);
            rules.push(draft.op("GreaterOrEqual", &[&columns, &first], vec![]));
        }
        if right >= 0 {
            let size = draft.whole(DataType::Int64, right);
            let last = draft.op("Add", &[&rows, &size], vec![]);
            rules.push(draft.op("LessOrEqual", &[&columns, &last], vec![]));
        }
    }
    match (seen.input(3), seen.kind(3)) {
        (None, _) => {}
        (Some(mask), Some(DataType::Bool)) => rules.push(mask.to_string()),
        (Some(mask), Some(_)) => {
            // What is added may be −∞ for all keys of a query.
            let mask = draft.op("Cast", &[mask], to(DataType::Float));
            let never = draft.op("IsInf", &[&mask], vec![int_attribute("detect_positive", 0)]);
            rules.push(draft.op("Not", &[&never], vec![]));
        }
        // Of a mask of unknown type nothing is known.
        (Some(_), None) => return None,
    }
    Some(rules.into_iter().reduce(|a, b| draft.op("And", &[&a, &b], vec![])))
}

/// The softmax of the scores in the precision that is asked for; zeros where nothing is allowed.
fn shares(draft: &mut Draft, scores: &str, q: &str, allowed: Option<&str>) -> String {
    let precision = draft.seen.int("softmax_precision", 0);
    let last = || -> Vec<AttributeProto> { vec![int_attribute("axis", -1)] };
    let mut shares = match DataType::try_from(precision as i32) {
        Ok(DataType::Undefined) | Err(_) => draft.op("Softmax", &[scores], last()),
        Ok(kind) => {
            let wide = draft.op("Cast", &[scores], to(kind));
            let shares = draft.op("Softmax", &[&wide], last());
            draft.op("CastLike", &[&shares, q], vec![])
        }
    };
    if let Some(allowed) = allowed {
        let numbers = draft.op("Cast", &[allowed], to(DataType::Float));
        let some = draft.reduced("ReduceMax", &numbers, -1);
        let some = draft.op("Cast", &[&some], to(DataType::Bool));
        let nothing = draft.like(0.0, q);
        shares = draft.op("Where", &[&some, &shares, &nothing], vec![]);
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::super::draft::float_attribute;
    use crate::attributes::int_attribute;
    use crate::{GraphBuilder, Metadata, Size, mend};

    #[test]
    fn a_capped_attention_is_written_in_parts_if_its_heads_fit() {
        let operators = |heads: i64| {
            let mut graph = GraphBuilder::new("g", 23);
            let shape = [Size::Rows, Size::Fixed(5), Size::Fixed(8)];
            let x = graph.input("x", &shape).unwrap();
            let attributes = vec![
                float_attribute("softcap", 2.0),
                int_attribute("q_num_heads", heads),
                int_attribute("kv_num_heads", heads),
            ];
            graph.node_with("Attention", "y", &[&x, &x, &x], attributes).unwrap();
            graph.output("y", &shape).unwrap();
            let mut model = graph.into_model(&Metadata::default()).unwrap();
            mend(&mut model);
            let nodes = model.graph.unwrap().node;
            nodes.into_iter().map(|node| node.op_type).collect::<Vec<_>>()
        };
        let parts = operators(2);
        assert!(parts.iter().any(|op| op == "Tanh") && parts.iter().all(|op| op != "Attention"));
        assert_eq!(parts.iter().filter(|op| *op == "MatMul").count(), 2);
        assert_eq!(operators(3), ["Attention"], "8 is no multiple of 3");
    }
}
