//! Products in whole numbers: what follows them is done with their results at hand.

use std::collections::HashSet;

use tract_onnx::tract_hir::internal::*;

use super::follow::Following;
use super::forms::Forms;
use super::{Emit, Found};
use crate::ops::Shared;
use crate::ops::fused::{Follows, FusedInteger};
use crate::ops::integer::IntegerMatMul;

/// A product and what follows it.
struct Own {
    x: OutletId,
    residual: Option<OutletId>,
    op: FusedInteger,
}

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
    Ok(Some(Found { nodes, end, emit: Box::new(Own { x: node.inputs[0], residual, op }) }))
}

impl Emit for Own {
    fn emit(&self, name: &str, end: OutletId, forms: &mut Forms<'_>) -> TractResult<()> {
        let mut inputs = vec![forms.own(self.x)?];
        if let Some(residual) = self.residual {
            inputs.push(forms.own(residual)?);
        }
        forms.write(name, self.op.clone(), &inputs, end, false)
    }
}
