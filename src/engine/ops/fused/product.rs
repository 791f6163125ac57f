//! A product with a matrix that is known, with bias, residual sum and activation.

use tract_onnx::tract_hir::internal::*;

use perforate_kernels::product::{Activation, Finish, Packed, dense};

use super::{filled, numbers};
use crate::ops::Shared;

/// `x [.., k…]`, and the residual `[.., n…]` → `y [.., n…]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FusedProduct {
    pub weights: Shared<Weights>,
    /// Axes of `k…`.
    pub inner: usize,
    /// `n…`.
    pub outputs: TVec<usize>,
}

/// What a product knows before it runs.
#[derive(Debug)]
pub(crate) struct Weights {
    pub packed: Packed,
    pub bias: Option<Vec<f32>>,
    pub activation: Activation,
}

impl FusedProduct {
    fn result<D: DimLike>(&self, shape: &[D]) -> TVec<D> {
        let outer = &shape[..shape.len() - self.inner];
        outer.iter().cloned().chain(self.outputs.iter().map(|&size| D::from(size))).collect()
    }
}

impl Op for FusedProduct {
    fn name(&self) -> StaticName {
        "FusedProduct".into()
    }

    op_as_typed_op!();
}

impl EvalOp for FusedProduct {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let given = inputs[0].shape();
        let width: usize = given[given.len() - self.inner..].iter().product();
        let wanted = self.weights.packed.k();
        ensure!(width == wanted, "rows of {width} numbers meet a matrix that takes {wanted}");
        let shape = self.result(given);
        let finish = Finish {
            bias: self.weights.bias.as_deref(),
            residual: inputs.get(1).map(|other| numbers(other)).transpose()?,
            activation: self.weights.activation,
        };
        filled(&shape, |y| {
            dense(numbers(&inputs[0])?, &self.weights.packed, finish, y);
            Ok(())
        })
    }
}

impl TypedOp for FusedProduct {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(f32::fact(self.result(&inputs[0].shape))))
    }
}
