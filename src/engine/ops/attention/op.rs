//! Perforated attention as an operator of tract.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::ops::Cost;
use tract_onnx::tract_hir::internal::*;

use crate::ops::skipped_work;
use perforate_base::units::Macs;
use perforate_kernels::attention::{BLOCK, Head, Lines, Scratch, attend};
use perforate_kernels::isa::Isa;
use perforate_onnx::functions::{ATTENTION_BLOCK, PERFORATED_ATTENTION};

const _: () = assert!(BLOCK == ATTENTION_BLOCK, "the kernel and the function agree");

/// Parses a node: see [`PERFORATED_ATTENTION`].
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
        PERFORATED_ATTENTION.into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 6)?;
        check_output_arity(outputs, 1)?;
        for input in inputs {
            s.equals(&input.datum_type, f32::datum_type())?;
        }
        s.equals(&outputs[0].datum_type, f32::datum_type())?;
        for tensor in inputs[..4].iter().chain(outputs) {
            s.equals(&tensor.rank, 4)?;
        }
        s.equals(&inputs[5].rank, 2)?;
        for other in [&inputs[1], &inputs[2], &outputs[0]] {
            s.equals(&inputs[0].shape, &other.shape)?;
        }
        s.equals(&inputs[5].shape[0], &inputs[0].shape[0])?;
        s.equals(&inputs[5].shape[1], &inputs[0].shape[2])
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, PerforatedAttention, inputs)
    }
}

/// `q, k, v [N, H, n, d]`, `importance [N, H, b, b]`, `threshold`, `mask [N, n]` → `y [N, H, n, d]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PerforatedAttention;

impl Op for PerforatedAttention {
    fn name(&self) -> StaticName {
        PERFORATED_ATTENTION.into()
    }

    op_as_typed_op!();
}

impl EvalOp for PerforatedAttention {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let [q, k, v, importance, threshold, mask] = &inputs[..] else {
            bail!("six inputs are wanted, {} given", inputs.len());
        };
        let &[rows, heads, n, d] = q.shape() else { bail!("queries have four axes") };
        ensure!(
            k.shape() == q.shape() && v.shape() == q.shape(),
            "queries, keys and values differ"
        );
        ensure!(mask.shape() == [rows, n], "the mask is of {:?}, not [{rows}, {n}]", mask.shape());
        let blocks = n.div_ceil(BLOCK);
        let all = [rows, heads, blocks, blocks];
        let importance = importance.to_plain_array_view::<f32>()?;
        let threshold = threshold.to_plain_array_view::<f32>()?;
        let (Some(importance), Some(threshold)) =
            (importance.broadcast(&all[..]), threshold.broadcast(&all[..]))
        else {
            bail!("importance and threshold must broadcast to {all:?}");
        };
        let kept: Vec<bool> = importance.iter().zip(&threshold).map(|(i, t)| i >= t).collect();
        let mut y = Tensor::zero::<f32>(q.shape())?;
        let [q, k, v, mask] = [q, k, v, mask].map(|tensor| tensor.to_plain_array_view::<f32>());
        let (q, k, v, mask) = (q?, k?, v?, mask?);
        let [q, k, v, mask] = [&q, &k, &v, &mask].map(|view| view.as_slice());
        let (Some(q), Some(k), Some(v), Some(mask)) = (q, k, v, mask) else {
            bail!("tensors must be contiguous");
        };
        let excluded = |&mask: &f32| if mask == 0.0 { f32::NEG_INFINITY } else { 0.0 };
        let bias: Vec<f32> = mask.iter().map(excluded).collect();
        if n > 0 && d > 0 {
            let (isa, mut scratch) = (Isa::detect(), Scratch::default());
            let mut results = y.try_as_plain_ram_mut()?;
            let lines = results.as_slice_mut::<f32>()?.chunks_exact_mut(n * d);
            for (ix, out) in lines.enumerate() {
                let (row, own) = (ix / heads, ix * n * d..(ix + 1) * n * d);
                let kept = &kept[ix * blocks * blocks..(ix + 1) * blocks * blocks];
                let of = |numbers| Lines { numbers, stride: d };
                let head = Head {
                    queries: of(&q[own.clone()]),
                    keys: of(&k[own.clone()]),
                    values: of(&v[own]),
                    depth: d,
                    scale: 1.0,
                    bias: &bias[row * n..(row + 1) * n],
                    kept,
                };
                attend(isa, head, &mut scratch, out, d);
                skipped_work::record(row, Macs(2.0 * (d * left_out(kept, n)) as f64));
            }
        }
        Ok(tvec!(y.into_tvalue()))
    }
}

/// Pairs of a query and a key that are not computed.
fn left_out(kept: &[bool], n: usize) -> usize {
    let blocks = n.div_ceil(BLOCK);
    let size = |block: usize| BLOCK.min(n - block * BLOCK);
    let pairs = kept.iter().enumerate().filter(|(_, kept)| !**kept);
    pairs.map(|(ix, _)| size(ix / blocks) * size(ix % blocks)).sum()
}

impl TypedOp for PerforatedAttention {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(f32::fact(inputs[0].shape.to_tvec())))
    }

    /// With everything kept; what is left out is recorded in `skipped_work`.
    fn cost(&self, inputs: &[&TypedFact]) -> TractResult<TVec<(Cost, TDim)>> {
        let numbers: TDim = inputs[0].shape.iter().product();
        Ok(tvec!((Cost::FMA(f32::datum_type()), numbers * inputs[0].shape[2].clone() * 2)))
    }
}

#[cfg(test)]
mod tests {
    /// A mask that multiplies what softmax has made leaves weight on what was dropped: rows no longer sum up to one.
    #[test]
    fn exclusion_is_not_multiplication() {
        let scores = [1.0f64, 2.0, 3.0];
        let softmax = |kept: &[bool]| -> Vec<f64> {
            let powers = scores.iter().zip(kept).map(|(s, &k)| if k { s.exp() } else { 0.0 });
            let powers: Vec<f64> = powers.collect();
            let sum: f64 = powers.iter().sum();
            powers.iter().map(|p| p / sum).collect()
        };
        let kept = [true, true, false];
        let excluded = softmax(&kept);
        // As published: scores of what is dropped are multiplied by zero before softmax, and stay in its sum as e⁰.
        let zeroed: Vec<f64> =
            scores.iter().zip(kept).map(|(s, k)| if k { *s } else { 0.0 }).collect();
        let sum: f64 = zeroed.iter().map(|s| s.exp()).sum();
        let multiplied: Vec<f64> = zeroed.iter().map(|s| s.exp() / sum).collect();
        assert_eq!(excluded[2], 0.0);
        assert!(multiplied[2] > 0.08, "weight is left on what was dropped: {}", multiplied[2]);
        assert!((excluded[0] + excluded[1] - 1.0).abs() < 1e-12);
    }
}
