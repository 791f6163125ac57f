//! Puts operators of our own in the place of tract's, before a plan is made: convolutions and products with what follows
//! them, layer normalisation, attention.
//!
//! The graph is walked once, in order. [`Found`] patterns stand for all of their nodes and are written where the last of
//! these was. Between convolutions images keep their channels last; whatever wants them first gets them so ([`Forms`]).

mod attention;
mod convolution;
mod follow;
mod forms;
mod integer;
mod norm;
mod product;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::internal::*;

use forms::Forms;

/// A pattern that was found.
struct Found {
    /// All its nodes.
    nodes: Vec<usize>,
    /// The tensor that it gives.
    end: OutletId,
    /// Writes its operator.
    emit: Box<dyn Emit>,
}

/// Writes an operator into the new graph.
trait Emit {
    /// Its output takes the place of `end`.
    fn emit(&self, name: &str, end: OutletId, forms: &mut Forms<'_>) -> TractResult<()>;
}

/// The same graph, with operators of our own where they serve.
pub(crate) fn lower(model: &TypedModel) -> TractResult<TypedModel> {
    let order = model.eval_order()?;
    let mut claimed = HashSet::new();
    let mut found: HashMap<usize, Found> = HashMap::new();
    for &id in &order {
        if claimed.contains(&id) {
            continue;
        }
        if let Some(own) = find(model, id, &claimed)? {
            claimed.extend(own.nodes.iter().copied());
            found.insert(own.end.node, own);
        }
    }
    let mut forms = Forms::new(model)?;
    for id in order {
        let node = model.node(id);
        if let Some(own) = found.get(&id) {
            own.emit.emit(&node.name, own.end, &mut forms)?;
        } else if !claimed.contains(&id) {
            forms.copy(node)?;
        }
    }
    forms.finish()
}

fn find(model: &TypedModel, id: usize, claimed: &HashSet<usize>) -> TractResult<Option<Found>> {
    for pattern in [attention::find, norm::find, convolution::find, product::find, integer::find] {
        if let Some(found) = pattern(model, id, claimed)?
            && found.nodes.iter().all(|node| !claimed.contains(node))
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The node that alone reads a tensor which is not an output.
fn only_reader(model: &TypedModel, outlet: OutletId) -> Option<&TypedNode> {
    let readers = &model.node(outlet.node).outputs[outlet.slot].successors;
    match &readers[..] {
        [one] if !model.outputs.contains(&outlet) => Some(model.node(one.node)),
        _ => None,
    }
}

/// The numbers of a constant.
fn constant(model: &TypedModel, outlet: OutletId) -> TractResult<Option<Arc<Tensor>>> {
    let fact = model.outlet_fact(outlet)?;
    Ok(fact
        .konst
        .clone()
        .filter(|tensor| tensor.datum_type() == f32::datum_type() && tensor.is_plain()))
}

/// The constant factor of an f32 product of two tensors, one of them computed, and the slot of the computed one.
fn known_factor(
    model: &TypedModel,
    node: &TypedNode,
    op: &EinSum,
) -> TractResult<Option<(usize, Arc<Tensor>)>> {
    let &[a, b] = &node.inputs[..] else { return Ok(None) };
    let (slot, tensor) = match (constant(model, a)?, constant(model, b)?) {
        (None, Some(tensor)) => (0, tensor),
        (Some(tensor), None) => (1, tensor),
        _ => return Ok(None),
    };
    let computed = model.outlet_fact(node.inputs[slot])?.datum_type;
    let plain = op.q_params.is_none() && [op.operating_dt, computed] == [f32::datum_type(); 2];
    Ok(plain.then_some((slot, tensor)))
}

/// A constant of one number.
fn scalar(model: &TypedModel, outlet: OutletId) -> TractResult<Option<f32>> {
    let Some(tensor) = constant(model, outlet)? else { return Ok(None) };
    let numbers = tensor.try_as_plain_ram()?.as_slice::<f32>()?;
    Ok(match numbers {
        [one] => Some(*one),
        _ => None,
    })
}

/// The operation of two tensors that a node is, and the input that is not `known`.
fn binary(node: &TypedNode, known: OutletId) -> Option<(&'static str, OutletId)> {
    let op = node.op_as::<tract_onnx::tract_core::ops::binary::TypedBinOp>()?;
    match node.inputs[..] {
        [a, b] if a == known && b != known => Some((op.0.name(), b)),
        [a, b] if b == known && a != known => Some((op.0.name(), a)),
        _ => None,
    }
}
