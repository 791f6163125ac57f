//! Convolutions.

use std::collections::HashSet;

use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat};
use tract_onnx::tract_hir::internal::*;

use perforate_kernels::convolution::{Convolution, Geometry};
use perforate_kernels::isa::Isa;

use super::follow::Following;
use super::forms::Forms;
use super::{Emit, Found, constant};
use crate::ops::fused::{FusedConvolution, Shared};

/// A convolution and what follows it.
struct Own {
    x: OutletId,
    residual: Option<OutletId>,
    kernel: Shared<Convolution>,
    /// Whether the file has channels last.
    last: bool,
}

/// The convolution that begins at a node.
pub(super) fn find(
    model: &TypedModel,
    id: usize,
    claimed: &HashSet<usize>,
) -> TractResult<Option<Found>> {
    let node = model.node(id);
    let Some(op) = node.op_as::<Conv>() else { return Ok(None) };
    let &[x, kernel, bias] = &node.inputs[..] else { return Ok(None) };
    let fact = model.outlet_fact(x)?;
    let (Some(weights), Some(bias)) = (constant(model, kernel)?, constant(model, bias)?) else {
        return Ok(None);
    };
    let format = op.pool_spec.data_format;
    if op.q_params.is_some() || fact.datum_type != f32::datum_type() || !format.has_n() {
        return Ok(None);
    }
    let shape = format.shape(fact.shape.to_tvec())?;
    let sizes: Option<Vec<usize>> =
        shape.hw_dims().iter().map(|size| size.to_usize().ok()).collect();
    let Some(sizes) = sizes else { return Ok(None) };
    let (Some(geometry), Some(weights)) = (geometry(op, &sizes), ordered(op, &weights)?) else {
        return Ok(None);
    };
    let outputs = op.output_channels();
    let bias = match bias.try_as_plain_ram()?.as_slice::<f32>()? {
        [one] => vec![*one; outputs],
        all if all.len() == outputs => all.to_vec(),
        _ => return Ok(None),
    };
    let last = format.c_is_last();
    let axis = if last { fact.rank() - 1 } else { 1 };
    let following = Following::find(model, id.into(), axis..axis + 1, Some(bias), claimed)?;
    let Following { bias, residual, activation, nodes, end } = following;
    let kernel = Convolution::new(Isa::detect(), geometry, weights, bias, activation);
    let nodes = std::iter::once(id).chain(nodes).collect();
    let emit = Box::new(Own { x, residual, kernel: Shared::new(kernel), last });
    Ok(Some(Found { nodes, end, emit }))
}

/// Sizes, those of signals as of images of one line; none for more axes than two.
fn geometry(op: &Conv, sizes: &[usize]) -> Option<Geometry> {
    let spec = &op.pool_spec;
    let padding = spec.computed_padding(sizes);
    let of = |one: &dyn Fn(usize) -> usize, missing: usize| match sizes.len() {
        1 => Some([missing, one(0)]),
        2 => Some([one(0), one(1)]),
        _ => None,
    };
    Some(Geometry {
        inputs: op.input_channels(),
        outputs: op.output_channels(),
        kernel: of(&|axis| spec.kernel_shape[axis], 1)?,
        strides: of(&|axis| spec.stride(axis), 1)?,
        dilations: of(&|axis| spec.dilation(axis), 1)?,
        before: of(&|axis| padding[axis].pad_before, 0)?,
        after: of(&|axis| padding[axis].pad_after, 0)?,
        groups: op.group,
    })
}

/// The weights as `[outputs, inputs / groups, …]`.
fn ordered(op: &Conv, weights: &Arc<Tensor>) -> TractResult<Option<Vec<f32>>> {
    let tensor = match op.kernel_fmt {
        KernelFormat::OIHW => weights.clone(),
        _ if op.group != 1 => return Ok(None),
        KernelFormat::OHWI => {
            weights.clone().into_tensor().move_axis(weights.rank() - 1, 1)?.into_arc_tensor()
        }
        KernelFormat::HWIO => {
            let rank = weights.rank();
            let moved = weights.clone().into_tensor().move_axis(rank - 1, 0)?;
            moved.move_axis(rank - 1, 1)?.into_arc_tensor()
        }
    };
    Ok(Some(tensor.try_as_plain_ram()?.as_slice::<f32>()?.to_vec()))
}

impl Emit for Own {
    fn emit(&self, name: &str, end: OutletId, forms: &mut Forms<'_>) -> TractResult<()> {
        let (x, channels_first) = match (self.last, forms.known_last(self.x)) {
            (true, _) => (forms.own(self.x)?, false),
            (false, Some(last)) => (last, false),
            (false, None) => (forms.own(self.x)?, true),
        };
        let mut inputs = vec![x];
        if let Some(residual) = self.residual {
            inputs.push(if self.last { forms.own(residual)? } else { forms.last(residual)? });
        }
        let op = FusedConvolution { kernel: self.kernel.clone(), channels_first };
        forms.write(name, op, &inputs, end, !self.last)
    }
}
