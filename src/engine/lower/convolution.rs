//! Convolutions.

use std::collections::HashSet;

use tract_onnx::tract_core::ops::cnn::{Conv, KernelFormat};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_hir::internal::*;

use perforate_kernels::convolution::{Convolution, Geometry};
use perforate_kernels::isa::Isa;

use super::follow::Following;
use super::forms::Forms;
use super::{Emit, Found, constant, known_factor};
use crate::ops::Shared;
use crate::ops::fused::FusedConvolution;

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
    if let Some(op) = node.op_as::<EinSum>() {
        return pointwise(model, node, op, claimed);
    }
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
    let own = Prepared { x, geometry, weights, bias: Some(bias), last: format.c_is_last() };
    own.found(model, node, claimed).map(Some)
}

/// A convolution before what follows it is known.
struct Prepared {
    x: OutletId,
    geometry: Geometry,
    weights: Vec<f32>,
    bias: Option<Vec<f32>>,
    last: bool,
}

impl Prepared {
    fn found(
        self,
        model: &TypedModel,
        node: &TypedNode,
        claimed: &HashSet<usize>,
    ) -> TractResult<Found> {
        let Prepared { x, geometry, weights, bias, last } = self;
        let axis = if last { model.outlet_fact(x)?.rank() - 1 } else { 1 };
        let following = Following::find(model, node.id.into(), axis..axis + 1, bias, claimed)?;
        let Following { bias, residual, activation, nodes, end } = following;
        let kernel = Convolution::new(Isa::detect(), geometry, weights, bias, activation);
        let nodes = std::iter::once(node.id).chain(nodes).collect();
        let emit = Box::new(Own { x, residual, kernel: Shared::new(kernel), last });
        Ok(Found { nodes, end, emit })
    }
}

/// A 1×1 convolution, which tract turns into an `EinSum`.
fn pointwise(
    model: &TypedModel,
    node: &TypedNode,
    op: &EinSum,
    claimed: &HashSet<usize>,
) -> TractResult<Option<Found>> {
    let Some((slot, tensor)) = known_factor(model, node, op)? else { return Ok(None) };
    let x = node.inputs[slot];
    let fact = model.outlet_fact(x)?;
    if !(3..=4).contains(&fact.rank()) {
        return Ok(None);
    }
    let (mut input, mut output) = (None, None);
    for axis in op.axes.iter_all_axes() {
        match (&axis.inputs[slot][..], &axis.inputs[1 - slot][..], &axis.outputs[0][..]) {
            (&[from], &[], &[to]) if from == to && from != 1 => {}
            (&[1], &[own], &[]) => input = Some(own),
            (&[], &[own], &[1]) => output = Some(own),
            (&[], &[own], &[]) if tensor.shape()[own] == 1 => {}
            _ => return Ok(None),
        }
    }
    let (Some(input), Some(output)) = (input, output) else { return Ok(None) };
    // Sizes of the image, which the operator must know.
    if fact.shape[2..].iter().any(|size| size.to_usize().is_err()) {
        return Ok(None);
    }
    let numbers = tensor.try_as_plain_ram()?.as_slice::<f32>()?;
    let stride = |axis: usize| tensor.shape()[axis + 1..].iter().product::<usize>();
    let (inputs, outputs) = (tensor.shape()[input], tensor.shape()[output]);
    let places = (0..outputs).flat_map(|o| (0..inputs).map(move |i| (o, i)));
    let weights = places.map(|(o, i)| numbers[o * stride(output) + i * stride(input)]).collect();
    let geometry = Geometry {
        inputs,
        outputs,
        kernel: [1, 1],
        strides: [1, 1],
        dilations: [1, 1],
        before: [0, 0],
        after: [0, 0],
        groups: 1,
    };
    let own = Prepared { x, geometry, weights, bias: None, last: false };
    own.found(model, node, claimed).map(Some)
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
