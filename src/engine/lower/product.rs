//! Products with a matrix that is known.

use std::collections::HashSet;

use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::internal::*;

use perforate_kernels::isa::Isa;
use perforate_kernels::product::Packed;

use super::follow::{Following, Product};
use super::{Found, known_factor};
use crate::ops::Shared;
use crate::ops::fused::{FusedProduct, Weights};

/// The product that begins at a node.
pub(super) fn find(
    model: &TypedModel,
    id: usize,
    claimed: &HashSet<usize>,
) -> TractResult<Option<Found>> {
    let node = model.node(id);
    let Some(op) = node.op_as::<EinSum>() else { return Ok(None) };
    let Some((slot, tensor)) = known_factor(model, node, op)? else { return Ok(None) };
    let x = node.inputs[slot];
    let Some(axes) = Axes::of(&op.axes, slot, &model.outlet_fact(x)?.shape) else {
        return Ok(None);
    };
    // Along its other axes it may be as long as one likes.
    if tensor.len() == 0 {
        return Ok(None);
    }
    let [inner, outer] = [&axes.inner, &axes.outputs].map(|own| places(&tensor, own));
    let numbers = tensor.try_as_plain_ram()?.as_slice::<f32>()?;
    let packed =
        Packed::new(Isa::detect(), inner.len(), outer.len(), |k, n| numbers[inner[k] + outer[n]]);
    let outputs: TVec<usize> = axes.outputs.iter().map(|&axis| tensor.shape()[axis]).collect();
    let rank = node.outputs[0].fact.rank();
    let channels = rank - outputs.len()..rank;
    let following = Following::find(model, id.into(), channels, None, claimed)?;
    let Following { bias, residual, activation, nodes, end } = following;
    let weights = Shared::new(Weights { packed, bias, activation });
    let op = FusedProduct { weights, inner: axes.trailing, outputs };
    let nodes = std::iter::once(id).chain(nodes).collect();
    Ok(Some(Found { nodes, end, emit: Box::new(Product { x, residual, op }) }))
}

/// The axes of the matrix, in the order in which the other factor and the result have them.
struct Axes {
    /// Those that are summed over.
    inner: Vec<usize>,
    /// Those that the result has.
    outputs: Vec<usize>,
    /// How many of the other factor's axes, its last, hold a row.
    trailing: usize,
}

impl Axes {
    /// None if a row of the factor is not one stretch of numbers, or one of the result.
    fn of(axes: &AxesMapping, slot: usize, shape: &[TDim]) -> Option<Axes> {
        let mut rows = vec![];
        let (mut inner, mut outputs, mut alone) = (vec![], vec![], vec![]);
        for axis in axes.iter_all_axes() {
            match (&axis.inputs[slot][..], &axis.inputs[1 - slot][..], &axis.outputs[0][..]) {
                (&[x], &[], &[y]) => rows.push((x, y)),
                (&[x], &[w], &[]) => inner.push((x, w)),
                (&[], &[w], &[y]) => outputs.push((y, w)),
                // An axis of one, as pooling leaves them.
                (&[x], &[], &[]) if shape[x] == 1.to_dim() => alone.push(x),
                _ => return None,
            }
        }
        inner.sort_unstable();
        outputs.sort_unstable();
        let in_order = rows.iter().all(|(x, y)| x == y && *x < rows.len())
            && alone.iter().all(|x| *x >= rows.len());
        let trailing = shape.len() - rows.len();
        let second = |all: Vec<(usize, usize)>| all.into_iter().map(|(_, axis)| axis).collect();
        in_order.then(|| Axes { inner: second(inner), outputs: second(outputs), trailing })
    }
}

/// Where each combination of these axes' indices lies in a tensor, the last axis fastest.
fn places(tensor: &Tensor, axes: &[usize]) -> Vec<usize> {
    let mut all = vec![0];
    for &axis in axes {
        let stride: usize = tensor.shape()[axis + 1..].iter().product();
        let size = tensor.shape()[axis];
        all = all.iter().flat_map(|from| (0..size).map(move |ix| from + ix * stride)).collect();
    }
    all
}
