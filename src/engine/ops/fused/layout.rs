//! From channels last to channels first.

use tract_onnx::tract_hir::internal::*;

use perforate_kernels::convolution;

use super::{filled, numbers};

/// `[n, …, c]` → `[n, c, …]`, or the other way about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ChannelsFirst {
    /// The other way about.
    pub inverse: bool,
}

impl ChannelsFirst {
    fn moved<D: Clone>(&self, shape: &[D]) -> TVec<D> {
        let mut shape: TVec<D> = shape.into();
        match self.inverse {
            false => shape[1..].rotate_right(1),
            true => shape[1..].rotate_left(1),
        }
        shape
    }
}

impl Op for ChannelsFirst {
    fn name(&self) -> StaticName {
        if self.inverse { "ChannelsLast".into() } else { "ChannelsFirst".into() }
    }

    op_as_typed_op!();
}

impl EvalOp for ChannelsFirst {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let x = &inputs[0];
        let shape = self.moved(x.shape());
        let last = shape.len() - 1;
        filled(&shape, |y| {
            if y.is_empty() {
                return Ok(());
            }
            if self.inverse {
                let pixels = shape[1..last].iter().product();
                convolution::channels_last(numbers(x)?, shape[last], pixels, y);
            } else {
                let pixels = shape[2..].iter().product();
                convolution::channels_first(numbers(x)?, shape[1], pixels, y);
            }
            Ok(())
        })
    }
}

impl TypedOp for ChannelsFirst {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(f32::fact(self.moved(&inputs[0].shape))))
    }
}
