//! The product as an operator of tract.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::Cost;
use tract_onnx::tract_hir::internal::*;

use super::Packed;

/// Parses a node: `x [.., k]` f32, `weights [k, n]` int8 and `scales [n]` f32, both constant → `y [.., n]` f32.
pub fn parse(
    _context: &ParsingContext,
    _node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    Ok((expand(Untyped), vec![]))
}

/// Before types and shapes are known.
#[derive(Debug, Clone)]
struct Untyped;

impl Expansion for Untyped {
    fn name(&self) -> StaticName {
        super::NAME.into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 3)?;
        check_output_arity(outputs, 1)?;
        s.equals(&inputs[0].datum_type, f32::datum_type())?;
        s.equals(&inputs[1].datum_type, i8::datum_type())?;
        s.equals(&inputs[2].datum_type, f32::datum_type())?;
        s.equals(&outputs[0].datum_type, f32::datum_type())?;
        s.equals(&inputs[1].rank, 2)?;
        s.equals(&inputs[2].rank, 1)?;
        s.equals(&inputs[0].rank, &outputs[0].rank)?;
        s.equals(&inputs[1].shape[1], &inputs[2].shape[0])?;
        s.given(&inputs[0].rank, move |s, rank| {
            ensure!(rank > 0, "a scalar cannot be multiplied by a matrix");
            let last = rank as usize - 1;
            for axis in 0..last {
                s.equals(&inputs[0].shape[axis], &outputs[0].shape[axis])?;
            }
            s.equals(&inputs[0].shape[last], &inputs[1].shape[0])?;
            s.equals(&outputs[0].shape[last], &inputs[1].shape[1])
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let constant = |ix: usize| -> TractResult<Arc<Tensor>> {
            let fact = model.outlet_fact(inputs[ix])?;
            fact.konst.clone().context("weights and scales must be constant")
        };
        let (weights, scales) = (constant(1)?, constant(2)?);
        let (k, n) = (weights.shape()[0], weights.shape()[1]);
        ensure!(k > 0 && n > 0, "weights of no size");
        let (weights, scales) = (weights.try_as_plain_ram()?, scales.try_as_plain_ram()?);
        let packed = Packed::new(k, n, weights.as_slice::<i8>()?, scales.as_slice::<f32>()?);
        model.wire_node(prefix, Int8MatMul(Arc::new(packed)), &inputs[..1])
    }
}

/// `x [.., k]` → `y [.., n]`, with the weights inside.
#[derive(Debug, Clone)]
pub struct Int8MatMul(pub Arc<Packed>);

// Equal only to itself: weights are not compared.
impl PartialEq for Int8MatMul {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Int8MatMul {}

impl Hash for Int8MatMul {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

impl Op for Int8MatMul {
    fn name(&self) -> StaticName {
        super::NAME.into()
    }

    op_as_typed_op!();
}

impl EvalOp for Int8MatMul {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let x = &inputs[0];
        let mut shape: TVec<usize> = x.shape().into();
        *shape.last_mut().context("a scalar has no last axis")? = self.0.n();
        let mut y = Tensor::zero::<f32>(&shape)?;
        let own = x.try_as_plain_ram()?;
        self.0.product(own.as_slice::<f32>()?, y.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?);
        Ok(tvec!(y.into_tvalue()))
    }
}

impl TypedOp for Int8MatMul {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape = inputs[0].shape.to_tvec();
        *shape.last_mut().context("a scalar has no last axis")? = self.0.n().to_dim();
        Ok(tvec!(f32::fact(&*shape)))
    }

    fn cost(&self, inputs: &[&TypedFact]) -> TractResult<TVec<(Cost, TDim)>> {
        let numbers: TDim = inputs[0].shape.iter().product();
        Ok(tvec!((Cost::FMA(i8::datum_type()), numbers * self.0.n())))
    }
}
