//! Integer products, fused with bias, residual sum and activation.

use std::collections::HashSet;

use tract_onnx::tract_hir::internal::*;

use super::Found;
use super::follow::{Following, Product};
use crate::ops::Shared;
use crate::ops::fused::{Follows, FusedInteger};
use crate::ops::integer::IntegerMatMul;

/// The product that begins at a node; none where nothing follows that could be done with it.
pub(super) fn find(
    model: &TypedModel,
    id: usize,
    claimed: &HashSet<usize>,
) -> TractResult<Option<Found>> {
    let node = model.node(id);
    let Some(IntegerMatMul(weights)) = node.op_as::<IntegerMatMul>() else { return Ok(None) };
    let rank = node.outputs[0].fact.rank();
    let following = Following::find(model, id.into(), rank - 1..rank, None, claimed)?;
    let Following { bias, residual, activation, nodes, end } = following;
    if nodes.is_empty() {
        return Ok(None);
    }
    let follows = Shared::new(Follows { bias, activation });
    let op = FusedInteger { weights: weights.clone(), follows };
    let nodes = std::iter::once(id).chain(nodes).collect();
    Ok(Some(Found { nodes, end, emit: Box::new(Product { x: node.inputs[0], residual, op }) }))
}
