//! The products as operators of tract.

use std::sync::Arc;

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::Cost;
use tract_onnx::tract_hir::internal::*;

use crate::ops::Shared;
use perforate_kernels::integer::{PackedInt4, PackedInt8};
use perforate_kernels::product::Finish;
use perforate_onnx::functions::{BLOCK, DYNAMIC_INT4_MATMUL, DYNAMIC_INT8_MATMUL};

/// How many bits a weight has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bits {
    Eight,
    Four,
}

/// Parses a node: `x [.., k]` f32, `weights [k, n]` int8 and `scales [n]` f32, both constant → `y [.., n]` f32.
pub fn parse_int8(
    _context: &ParsingContext,
    _node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    Ok((expand(Untyped(Bits::Eight)), vec![]))
}

/// Parses a node: `x [.., k]` f32, `weights [k / 2, n]` uint8 and `scales [k / 32, n]` float16, both constant →
/// `y [.., n]` f32.
pub fn parse_int4(
    _context: &ParsingContext,
    _node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    Ok((expand(Untyped(Bits::Four)), vec![]))
}

/// Before types and shapes are known.
#[derive(Debug, Clone)]
struct Untyped(Bits);

impl Expansion for Untyped {
    fn name(&self) -> StaticName {
        match self.0 {
            Bits::Eight => DYNAMIC_INT8_MATMUL.into(),
            Bits::Four => DYNAMIC_INT4_MATMUL.into(),
        }
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 3)?;
        check_output_arity(outputs, 1)?;
        let (weights, scales, rank, a_byte) = match self.0 {
            Bits::Eight => (i8::datum_type(), f32::datum_type(), 1, 1),
            Bits::Four => (u8::datum_type(), f16::datum_type(), 2, 2),
        };
        s.equals(&inputs[0].datum_type, f32::datum_type())?;
        s.equals(&inputs[1].datum_type, weights)?;
        s.equals(&inputs[2].datum_type, scales)?;
        s.equals(&outputs[0].datum_type, f32::datum_type())?;
        s.equals(&inputs[1].rank, 2)?;
        s.equals(&inputs[2].rank, rank)?;
        s.equals(&inputs[0].rank, &outputs[0].rank)?;
        s.equals(&inputs[1].shape[1], &inputs[2].shape[rank as usize - 1])?;
        s.given(&inputs[0].rank, move |s, rank| {
            ensure!(rank > 0, "a scalar cannot be multiplied by a matrix");
            let last = rank as usize - 1;
            for axis in 0..last {
                s.equals(&inputs[0].shape[axis], &outputs[0].shape[axis])?;
            }
            s.equals(&inputs[0].shape[last], a_byte * inputs[1].shape[0].bex())?;
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
        let (lines, n) = (weights.shape()[0], weights.shape()[1]);
        ensure!(lines > 0 && n > 0, "weights of no size");
        let (weights, of_scales) = (weights.try_as_plain_ram()?, scales.try_as_plain_ram()?);
        let weights = match self.0 {
            Bits::Eight => {
                let (weights, scales) = (weights.as_slice::<i8>()?, of_scales.as_slice::<f32>()?);
                Weights::Int8(PackedInt8::new(lines, n, weights, scales))
            }
            Bits::Four => {
                let k = 2 * lines;
                ensure!(
                    k.is_multiple_of(BLOCK) && scales.shape()[0] == k / BLOCK,
                    "{k} inputs and {} scales a column: there must be one for each {BLOCK}",
                    scales.shape()[0]
                );
                let bytes = weights.as_slice::<u8>()?;
                // Inputs 2i and 2i + 1 share a byte.
                let mut single = vec![0i8; k * n];
                for (at, byte) in bytes.iter().enumerate() {
                    let (line, column) = (at / n, at % n);
                    single[2 * line * n + column] = (byte & 15) as i8 - 8;
                    single[(2 * line + 1) * n + column] = (byte >> 4) as i8 - 8;
                }
                let scales: Vec<u16> =
                    of_scales.as_slice::<f16>()?.iter().map(|scale| scale.to_bits()).collect();
                ensure!(scales.iter().all(|&bits| bits < 0x7c00), "scales must not be negative");
                Weights::Int4(PackedInt4::new(k, n, &single, &scales))
            }
        };
        model.wire_node(prefix, IntegerMatMul(Shared::new(weights)), &inputs[..1])
    }
}

/// Packed weights.
#[derive(Debug)]
pub enum Weights {
    /// In eight bits.
    Int8(PackedInt8),
    /// In four.
    Int4(PackedInt4),
}

impl Weights {
    /// Inputs and outputs.
    pub fn size(&self) -> [usize; 2] {
        match self {
            Weights::Int8(packed) => [packed.k(), packed.n()],
            Weights::Int4(packed) => [packed.k(), packed.n()],
        }
    }

    /// Numbers in weights and scales.
    pub fn parameters(&self) -> usize {
        let [k, n] = self.size();
        match self {
            Weights::Int8(_) => k * n + n,
            Weights::Int4(_) => k * n + k / BLOCK * n,
        }
    }

    /// Bytes of weights and scales.
    pub fn bytes(&self) -> usize {
        match self {
            Weights::Int8(packed) => packed.bytes(),
            Weights::Int4(packed) => packed.bytes(),
        }
    }

    /// `y [.., n]` for `x [.., k]`, finished.
    pub(crate) fn product(&self, x: &[f32], finish: Finish<'_>, y: &mut [f32]) {
        match self {
            Weights::Int8(packed) => packed.product(x, finish, y),
            Weights::Int4(packed) => packed.product(x, finish, y),
        }
    }

    /// The shape of `y` for that of `x`.
    pub(crate) fn shape<D: DimLike>(&self, x: &[D]) -> TractResult<TVec<D>> {
        let mut shape: TVec<D> = x.into();
        *shape.last_mut().context("a scalar has no last axis")? = D::from(self.size()[1]);
        Ok(shape)
    }
}

/// `x [.., k]` → `y [.., n]`, with the weights inside.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IntegerMatMul(pub Shared<Weights>);

impl Op for IntegerMatMul {
    fn name(&self) -> StaticName {
        match *self.0 {
            Weights::Int8(_) => DYNAMIC_INT8_MATMUL.into(),
            Weights::Int4(_) => DYNAMIC_INT4_MATMUL.into(),
        }
    }

    op_as_typed_op!();
}

impl EvalOp for IntegerMatMul {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let x = &inputs[0];
        let mut y = Tensor::zero::<f32>(&self.0.shape(x.shape())?)?;
        let own = x.try_as_plain_ram()?.as_slice::<f32>()?;
        self.0.product(own, Finish::default(), y.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?);
        Ok(tvec!(y.into_tvalue()))
    }
}

impl TypedOp for IntegerMatMul {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(f32::fact(self.0.shape(&inputs[0].shape)?)))
    }

    /// Weights of four bits are multiplied in eight: they save bytes, not operations.
    fn cost(&self, inputs: &[&TypedFact]) -> TractResult<TVec<(Cost, TDim)>> {
        let numbers: TDim = inputs[0].shape.iter().product();
        Ok(tvec!((Cost::FMA(i8::datum_type()), numbers * self.0.size()[1])))
    }
}
