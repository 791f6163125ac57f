//! A convolution, with residual sum and activation.

use std::cell::RefCell;

use tract_onnx::tract_hir::internal::*;

use perforate_kernels::convolution::{Convolution, Image, Scratch, Source};

use super::{filled, numbers};
use crate::ops::Shared;

thread_local! {
    /// Shared by all convolutions of a thread, so that it stays in the cache.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// `x [n, h, w, c]` or `[n, c, h, w]`, and the residual `[n, h', w', c']` → `y [n, h', w', c']`; of signals, all without `h`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FusedConvolution {
    pub kernel: Shared<Convolution>,
    /// Whether the input's channels come first.
    pub channels_first: bool,
}

impl FusedConvolution {
    /// Rows, and the image's sizes.
    fn image(&self, shape: &[usize]) -> TractResult<Image> {
        let inner = if self.channels_first { &shape[2..] } else { &shape[1..shape.len() - 1] };
        match *inner {
            [width] => Ok(Image { rows: shape[0], height: 1, width }),
            [height, width] => Ok(Image { rows: shape[0], height, width }),
            _ => bail!("a convolution of {} axes", shape.len()),
        }
    }

    fn result<D: DimLike>(&self, rows: D, image: Image, rank: usize) -> TVec<D> {
        let [height, width] = self.kernel.geometry().result(image);
        let outputs = self.kernel.geometry().outputs;
        let sizes = [height, width, outputs];
        let sizes = &sizes[if rank == 3 { 1 } else { 0 }..];
        std::iter::once(rows).chain(sizes.iter().map(|&size| D::from(size))).collect()
    }
}

impl Op for FusedConvolution {
    fn name(&self) -> StaticName {
        "FusedConvolution".into()
    }

    op_as_typed_op!();
}

impl EvalOp for FusedConvolution {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let image = self.image(inputs[0].shape())?;
        let source = Source {
            x: numbers(&inputs[0])?,
            image,
            channels_first: self.channels_first,
            residual: inputs.get(1).map(|other| numbers(other)).transpose()?,
        };
        let shape = self.result(image.rows, image, inputs[0].rank());
        filled(&shape, |y| {
            SCRATCH.with_borrow_mut(|scratch| self.kernel.run(source, scratch, y));
            Ok(())
        })
    }
}

impl TypedOp for FusedConvolution {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape: TVec<usize> = tvec!(1);
        for size in &inputs[0].shape[1..] {
            shape.push(size.to_usize()?);
        }
        let image = self.image(&shape)?;
        Ok(tvec!(f32::fact(self.result(inputs[0].shape[0].clone(), image, shape.len()))))
    }
}
