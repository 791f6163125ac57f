//! Layer normalisation, as tract leaves it: `rms_norm(x − sum(x) · 1/n) · scale + shift`.

use std::collections::HashSet;

use tract_onnx::tract_core::ops::nn::{Reduce, Reducer, RmsNorm};
use tract_onnx::tract_hir::internal::*;

use super::forms::Forms;
use super::{Emit, Found, binary, constant, only_reader, scalar};
use crate::ops::Shared;
use crate::ops::fused::{LayerNorm, Parameters};

/// A normalisation.
struct Own {
    x: OutletId,
    op: LayerNorm,
}

/// The normalisation that begins at a node.
pub(super) fn find(
    model: &TypedModel,
    id: usize,
    _claimed: &HashSet<usize>,
) -> TractResult<Option<Found>> {
    let sum = model.node(id);
    let Some(reduce) = sum.op_as::<Reduce>() else { return Ok(None) };
    let x = sum.inputs[0];
    let fact = model.outlet_fact(x)?;
    let last = fact.rank().saturating_sub(1);
    let Some(width) = fact.shape.last().and_then(|size| size.to_usize().ok()) else {
        return Ok(None);
    };
    if reduce.reducer != Reducer::Sum || reduce.axes[..] != [last] || width == 0 {
        return Ok(None);
    }
    let Some((mean, centred)) = centred(model, id, x, width)? else { return Ok(None) };
    let Some(norm) = only_reader(model, centred.into()) else { return Ok(None) };
    let Some(op) = norm.op_as::<RmsNorm>() else { return Ok(None) };
    if op.axis != last || fact.datum_type != f32::datum_type() {
        return Ok(None);
    }
    let epsilon = op.eps.cast_to_scalar::<f32>()?;
    let mut nodes = vec![id, mean, centred, norm.id];
    let mut end = OutletId::from(norm.id);
    let scale = factor(model, "Mul", &mut end, width, &mut nodes)?;
    let shift = factor(model, "Add", &mut end, width, &mut nodes)?;
    let parameters = Parameters {
        epsilon,
        scale: scale.unwrap_or_else(|| vec![1.0; width]),
        shift: shift.unwrap_or_else(|| vec![0.0; width]),
    };
    let op = LayerNorm(Shared::new(parameters));
    Ok(Some(Found { nodes, end, emit: Box::new(Own { x, op }) }))
}

/// The nodes of the mean and of what is left without it.
fn centred(
    model: &TypedModel,
    sum: usize,
    x: OutletId,
    width: usize,
) -> TractResult<Option<(usize, usize)>> {
    let Some(mean) = only_reader(model, sum.into()) else { return Ok(None) };
    let Some(("Mul", other)) = binary(mean, sum.into()) else { return Ok(None) };
    let Some(share) = scalar(model, other)? else { return Ok(None) };
    if (share * width as f32 - 1.0).abs() > 1e-5 {
        return Ok(None);
    }
    let Some(centred) = only_reader(model, mean.id.into()) else { return Ok(None) };
    let is_difference = binary(centred, x).is_some_and(|(name, _)| name == "Sub");
    let in_order = centred.inputs[..] == [x, OutletId::from(mean.id)];
    Ok((is_difference && in_order).then_some((mean.id, centred.id)))
}

/// The numbers of the operation with one for each column that follows, if it does.
fn factor(
    model: &TypedModel,
    wanted: &str,
    end: &mut OutletId,
    width: usize,
    nodes: &mut Vec<usize>,
) -> TractResult<Option<Vec<f32>>> {
    let Some(node) = only_reader(model, *end) else { return Ok(None) };
    let Some((name, other)) = binary(node, *end) else { return Ok(None) };
    let Some(tensor) = constant(model, other)? else { return Ok(None) };
    let fits = tensor.shape().last() == Some(&width) && tensor.len() == width;
    if name != wanted || !fits {
        return Ok(None);
    }
    nodes.push(node.id);
    *end = node.id.into();
    Ok(Some(tensor.try_as_plain_ram()?.as_slice::<f32>()?.to_vec()))
}

impl Emit for Own {
    fn emit(&self, name: &str, end: OutletId, forms: &mut Forms<'_>) -> TractResult<()> {
        let x = forms.own(self.x)?;
        forms.write(name, self.op.clone(), &[x], end, false)
    }
}
