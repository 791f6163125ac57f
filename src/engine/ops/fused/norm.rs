//! Layer normalisation.

use tract_onnx::tract_hir::internal::*;

use perforate_kernels::isa::Isa;
use perforate_kernels::norm::layer_norm;

use super::{filled, numbers};
use crate::ops::Shared;

/// `x [.., width]` → `y [.., width]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct LayerNorm(pub Shared<Parameters>);

/// What it knows before it runs.
#[derive(Debug)]
pub(crate) struct Parameters {
    pub epsilon: f32,
    /// `[width]`, as below.
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

impl Op for LayerNorm {
    fn name(&self) -> StaticName {
        "LayerNorm".into()
    }

    op_as_typed_op!();
}

impl EvalOp for LayerNorm {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let Parameters { epsilon, scale, shift } = &*self.0;
        filled(inputs[0].shape(), |y| {
            layer_norm(Isa::detect(), numbers(&inputs[0])?, *epsilon, scale, shift, y);
            Ok(())
        })
    }
}

impl TypedOp for LayerNorm {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(inputs[0].without_value()))
    }
}
