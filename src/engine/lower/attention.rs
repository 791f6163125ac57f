//! Attention, `softmax(q · kᵀ + bias) · v`, whose bias is one for each key.

use std::collections::HashSet;

use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::nn::{Softmax, SoftmaxKind};
use tract_onnx::tract_hir::internal::*;

use super::forms::Forms;
use super::{Emit, Found, binary, constant, only_reader, scalar};
use crate::ops::fused::{DenseAttention, Order};

/// Attention of all heads.
struct Own {
    /// Queries, keys, values.
    inputs: [OutletId; 3],
    bias: Option<OutletId>,
    op: DenseAttention,
}

/// The attention whose scores a node computes.
pub(super) fn find(
    model: &TypedModel,
    id: usize,
    _claimed: &HashSet<usize>,
) -> TractResult<Option<Found>> {
    let Some(op) = product_of_two(model, id)? else { return Ok(None) };
    let fact = model.outlet_fact(id.into())?;
    if fact.rank() != 4 || fact.shape[2] != fact.shape[3] {
        return Ok(None);
    }
    // Axes of the scores: rows, heads, queries, keys.
    let Some(rows_heads_queries_keys) = axes_of(&op.axes, InOut::Out(0)) else { return Ok(None) };
    let [.., queries, keys] = rows_heads_queries_keys;
    let slot = |axis: char| (0..2).find(|&slot| has(&op.axes, InOut::In(slot), axis));
    let (Some(of_queries), Some(of_keys)) = (slot(queries), slot(keys)) else { return Ok(None) };
    if of_queries == of_keys {
        return Ok(None);
    }
    let [row, head, ..] = rows_heads_queries_keys;
    let order = |slot: usize, token: char| order(&op.axes, InOut::In(slot), [row, head, token]);
    let (Some(query_order), Some(key_order)) = (order(of_queries, queries), order(of_keys, keys))
    else {
        return Ok(None);
    };
    let Some(chain) = Chain::find(model, id)? else { return Ok(None) };
    let Some(read) = Read::find(model, chain.weights)? else { return Ok(None) };
    let inputs = [model.node(id).inputs[of_queries], model.node(id).inputs[of_keys], read.values];
    let depth =
        |input: OutletId| -> TractResult<TDim> { Ok(model.outlet_fact(input)?.shape[3].clone()) };
    if depth(inputs[0])? != depth(inputs[2])? || depth(inputs[0])? != depth(inputs[1])? {
        return Ok(None);
    }
    let orders = [query_order, key_order, read.orders[0], read.orders[1]];
    let op = DenseAttention { orders, scale: chain.scale.to_bits() };
    let mut nodes = vec![id];
    nodes.extend(chain.nodes);
    nodes.push(read.node);
    let emit = Box::new(Own { inputs, bias: chain.bias, op });
    Ok(Some(Found { nodes, end: read.node.into(), emit }))
}

/// The product of two tensors of four axes that are computed.
fn product_of_two(model: &TypedModel, id: usize) -> TractResult<Option<&EinSum>> {
    let node = model.node(id);
    let Some(op) = node.op_as::<EinSum>() else { return Ok(None) };
    let plain = op.q_params.is_none() && op.operating_dt == f32::datum_type();
    if !plain || node.inputs.len() != 2 {
        return Ok(None);
    }
    for &input in &node.inputs {
        let fact = model.outlet_fact(input)?;
        if fact.rank() != 4 || fact.datum_type != f32::datum_type() || fact.konst.is_some() {
            return Ok(None);
        }
    }
    Ok(Some(op))
}

/// The names of a tensor's four axes.
fn axes_of(axes: &AxesMapping, io: InOut) -> Option<[char; 4]> {
    let mut names = [None; 4];
    for axis in axes.iter_all_axes() {
        let positions = match io {
            InOut::In(slot) => &axis.inputs[slot],
            InOut::Out(slot) => &axis.outputs[slot],
        };
        match positions[..] {
            [] => {}
            [one] => *names.get_mut(one)? = Some(axis.repr),
            _ => return None,
        }
    }
    let [a, b, c, d] = names;
    Some([a?, b?, c?, d?])
}

fn has(axes: &AxesMapping, io: InOut, name: char) -> bool {
    axes_of(axes, io).is_some_and(|all| all.contains(&name))
}

/// How rows, heads and tokens lie, depth being last.
fn order(axes: &AxesMapping, io: InOut, [row, head, token]: [char; 3]) -> Option<Order> {
    let [a, b, c, _] = axes_of(axes, io)?;
    match [a, b, c] {
        own if own == [row, head, token] => Some(Order::HeadsFirst),
        own if own == [row, token, head] => Some(Order::TokensFirst),
        _ => None,
    }
}

/// From scores to weights.
struct Chain {
    scale: f32,
    bias: Option<OutletId>,
    nodes: Vec<usize>,
    weights: usize,
}

impl Chain {
    fn find(model: &TypedModel, scores: usize) -> TractResult<Option<Chain>> {
        let mut own = Chain { scale: 1.0, bias: None, nodes: vec![], weights: scores };
        let mut end = OutletId::from(scores);
        loop {
            let Some(node) = only_reader(model, end) else { return Ok(None) };
            if let Some(op) = node.op_as::<Softmax>() {
                own.nodes.push(node.id);
                own.weights = node.id;
                let plain = op.axes[..] == [3]
                    && op.quant_output_dt.is_none()
                    && matches!(op.kind, SoftmaxKind::Softmax);
                return Ok(plain.then_some(own));
            }
            match binary(node, end) {
                Some(("Mul", other)) if own.bias.is_none() => match scalar(model, other)? {
                    Some(factor) => own.scale *= factor,
                    None => return Ok(None),
                },
                Some(("Add", other)) if own.bias.is_none() => {
                    let fact = model.outlet_fact(other)?;
                    let keys = &model.outlet_fact(end)?.shape[3];
                    let of_keys = fact.datum_type == f32::datum_type()
                        && fact.rank() == 4
                        && fact.shape[1] == 1.to_dim()
                        && fact.shape[2] == 1.to_dim()
                        && fact.shape[3] == *keys;
                    if !of_keys || constant(model, other)?.is_some() {
                        return Ok(None);
                    }
                    own.bias = Some(other);
                }
                _ => return Ok(None),
            }
            own.nodes.push(node.id);
            end = node.id.into();
        }
    }
}

/// What the weights read.
struct Read {
    node: usize,
    values: OutletId,
    /// Of values and results.
    orders: [Order; 2],
}

impl Read {
    fn find(model: &TypedModel, weights: usize) -> TractResult<Option<Read>> {
        let Some(node) = only_reader(model, weights.into()) else { return Ok(None) };
        let Some(op) = product_of_two(model, node.id)? else { return Ok(None) };
        let Some(slot) = (0..2).find(|&slot| node.inputs[slot].node == weights) else {
            return Ok(None);
        };
        let Some([row, head, query, key]) = axes_of(&op.axes, InOut::In(slot)) else {
            return Ok(None);
        };
        let of_values = order(&op.axes, InOut::In(1 - slot), [row, head, key]);
        let of_results = order(&op.axes, InOut::Out(0), [row, head, query]);
        Ok(of_values.zip(of_results).map(|(values, results)| Read {
            node: node.id,
            values: node.inputs[1 - slot],
            orders: [values, results],
        }))
    }
}

impl Emit for Own {
    fn emit(&self, name: &str, end: OutletId, forms: &mut Forms<'_>) -> TractResult<()> {
        let mut inputs = vec![];
        for &input in self.inputs.iter().chain(&self.bias) {
            inputs.push(forms.own(input)?);
        }
        forms.write(name, self.op.clone(), &inputs, end, false)
    }
}
