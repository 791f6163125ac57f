//! What follows a convolution or a product and can be done with its sums at hand.

use std::collections::HashSet;
use std::ops::Range;

use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::nn::{GeluExact, HardSwish, LeakyRelu};
use tract_onnx::tract_hir::internal::*;

use perforate_kernels::product::Activation;

use super::forms::Forms;
use super::{Emit, binary, constant, only_reader, scalar};

/// Bias, residual sum, activation; each may be missing.
pub(super) struct Following {
    pub bias: Option<Vec<f32>>,
    pub residual: Option<OutletId>,
    pub activation: Activation,
    /// The nodes that these were.
    pub nodes: Vec<usize>,
    /// The tensor behind the last.
    pub end: OutletId,
}

/// A matched product: the operator that replaces it, and the operators after it that are fused into it.
pub(super) struct Product<O> {
    pub x: OutletId,
    pub residual: Option<OutletId>,
    pub op: O,
}

impl<O: TypedOp + Clone> Emit for Product<O> {
    fn emit(&self, name: &str, end: OutletId, forms: &mut Forms<'_>) -> TractResult<()> {
        let mut inputs = vec![forms.own(self.x)?];
        if let Some(residual) = self.residual {
            inputs.push(forms.own(residual)?);
        }
        forms.write(name, self.op.clone(), &inputs, end, false)
    }
}

impl Following {
    /// What follows `from`, whose channels are the `axes`, of these sizes.
    pub fn find(
        model: &TypedModel,
        from: OutletId,
        axes: Range<usize>,
        bias: Option<Vec<f32>>,
        claimed: &HashSet<usize>,
    ) -> TractResult<Following> {
        let activation = Activation::None;
        let mut own = Following { bias, residual: None, activation, nodes: vec![], end: from };
        let rank = model.outlet_fact(from)?.rank();
        let sizes: Vec<usize> = model.outlet_fact(from)?.shape[axes.clone()]
            .iter()
            .map(|size| Ok(size.to_usize()?))
            .collect::<TractResult<_>>()?;
        while let Some(node) = only_reader(model, own.end) {
            if claimed.contains(&node.id) || !own.take(model, node, &axes, &sizes, rank)? {
                break;
            }
            own.nodes.push(node.id);
            own.end = node.id.into();
        }
        Ok(own)
    }

    /// Takes one node, if it is what may come next.
    fn take(
        &mut self,
        model: &TypedModel,
        node: &TypedNode,
        axes: &Range<usize>,
        sizes: &[usize],
        rank: usize,
    ) -> TractResult<bool> {
        if node.outputs[0].fact.datum_type != f32::datum_type() {
            return Ok(false);
        }
        if let Some(op) = node.op_as::<ElementWiseOp>() {
            let known = if op.0.is::<GeluExact>() {
                Some(Activation::Gelu)
            } else if op.0.is::<HardSwish>() {
                Some(Activation::HardSwish)
            } else {
                op.0.downcast_ref::<LeakyRelu>().map(|own| Activation::LeakyRelu(own.alpha))
            };
            return Ok(self.activate(known));
        }
        let Some((name, other)) = binary(node, self.end) else { return Ok(false) };
        match name {
            "Add" if self.activation == Activation::None => {
                if let Some(tensor) = constant(model, other)? {
                    let more = if self.residual.is_none() {
                        per_channel(&tensor, axes, sizes, rank)?
                    } else {
                        None
                    };
                    return Ok(self.shift(more));
                }
                let same = model.outlet_fact(other)?.shape == model.outlet_fact(self.end)?.shape;
                if self.residual.is_some() || !same {
                    return Ok(false);
                }
                self.residual = Some(other);
                Ok(true)
            }
            "Max" | "Min" => {
                let Some(limit) = scalar(model, other)? else { return Ok(false) };
                let known = self.limited(name == "Max", limit);
                let open = self.activation == Activation::None;
                if let (false, Some(known)) = (open, known) {
                    self.activation = known;
                    return Ok(true);
                }
                Ok(self.activate(known))
            }
            _ => Ok(false),
        }
    }

    fn activate(&mut self, known: Option<Activation>) -> bool {
        match known {
            Some(known) if self.activation == Activation::None => {
                self.activation = known;
                true
            }
            _ => false,
        }
    }

    fn shift(&mut self, more: Option<Vec<f32>>) -> bool {
        let Some(more) = more else { return false };
        match &mut self.bias {
            Some(bias) => bias.iter_mut().zip(&more).for_each(|(b, m)| *b += m),
            None => self.bias = Some(more),
        }
        true
    }

    /// The activation with a limit from below or above.
    fn limited(&self, below: bool, limit: f32) -> Option<Activation> {
        let (low, high) = match self.activation {
            Activation::None => (f32::NEG_INFINITY, f32::INFINITY),
            Activation::Relu => (0.0, f32::INFINITY),
            Activation::Clip(low, high) => (low, high),
            _ => return None,
        };
        let (low, high) = if below { (low.max(limit), high) } else { (low, high.min(limit)) };
        let relu = low == 0.0 && high == f32::INFINITY;
        (low <= high).then_some(if relu { Activation::Relu } else { Activation::Clip(low, high) })
    }
}

/// The numbers of a constant that has one for each channel, or one for all.
fn per_channel(
    tensor: &Tensor,
    axes: &Range<usize>,
    sizes: &[usize],
    rank: usize,
) -> TractResult<Option<Vec<f32>>> {
    let count = sizes.iter().product();
    let numbers = tensor.try_as_plain_ram()?.as_slice::<f32>()?;
    if let [one] = numbers {
        return Ok(Some(vec![*one; count]));
    }
    let shape = tensor.shape();
    let fits = shape.len() == rank
        && shape.iter().enumerate().all(|(axis, &size)| {
            if axes.contains(&axis) { size == sizes[axis - axes.start] } else { size == 1 }
        });
    Ok(fits.then(|| numbers.to_vec()))
}
