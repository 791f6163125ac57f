//! A product in whole numbers, with bias, residual sum and activation.

use tract_onnx::tract_hir::internal::*;

use perforate_kernels::product::{Activation, Finish};

use super::{filled, numbers};
use crate::ops::Shared;
use crate::ops::integer::{IntegerMatMul, Weights};

/// `x [.., k]`, and the residual `[.., n]` → `y [.., n]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FusedInteger {
    pub weights: Shared<Weights>,
    pub follows: Shared<Follows>,
}

/// What follows the product, as far as it is known before it runs.
#[derive(Debug)]
pub(crate) struct Follows {
    pub bias: Option<Vec<f32>>,
    pub activation: Activation,
}

impl Op for FusedInteger {
    fn name(&self) -> StaticName {
        "FusedInteger".into()
    }

    op_as_typed_op!();
}

impl EvalOp for FusedInteger {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let shape = self.weights.shape(inputs[0].shape())?;
        let finish = Finish {
            bias: self.follows.bias.as_deref(),
            residual: inputs.get(1).map(|other| numbers(other)).transpose()?,
            activation: self.follows.activation,
        };
        filled(&shape, |y| {
            self.weights.product(numbers(&inputs[0])?, finish, y);
            Ok(())
        })
    }
}

impl TypedOp for FusedInteger {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        IntegerMatMul(self.weights.clone()).output_facts(inputs)
    }
}
