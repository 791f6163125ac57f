//! Dropping tokens, as an operator of tract.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use crate::onnx::functions::KEEP_TOKENS;

/// Parses a node: see [`KEEP_TOKENS`].
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
        KEEP_TOKENS.into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(3)
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 4)?;
        check_output_arity(outputs, 3)?;
        for tensor in inputs.iter().chain(outputs) {
            s.equals(&tensor.datum_type, f32::datum_type())?;
        }
        for (tensor, rank) in inputs.iter().zip([3, 2, 2]).chain(outputs.iter().zip([3, 2, 2])) {
            s.equals(&tensor.rank, rank)?;
        }
        for tensor in &inputs[1..3] {
            s.equals(&tensor.shape[0], &inputs[0].shape[0])?;
            s.equals(&tensor.shape[1], &inputs[0].shape[1])?;
        }
        // How many tokens are left is not known here.
        for output in outputs {
            s.equals(&output.shape[0], &inputs[0].shape[0])?;
        }
        s.equals(&outputs[0].shape[2], &inputs[0].shape[2])?;
        s.equals(&outputs[2].shape[1], 1.to_dim())
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let left = model.symbols.new_with_prefix("left");
        model.wire_node(prefix, KeepTokens { left }, inputs)
    }
}

/// `h [N, n, D]`, `mask [N, n]`, `importance [N, n]`, `threshold` → `kept [N, m, D]`, `kept_mask [N, m]` with m ≤ n,
/// `count [N, 1]`.
///
/// How many tokens stay depends on their values: nobody knows it before a run, neither tract's plans nor their costs, so
/// the engine cuts the graph behind this operator.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeepTokens {
    /// Stands for m.
    left: Symbol,
}

impl Op for KeepTokens {
    fn name(&self) -> StaticName {
        KEEP_TOKENS.into()
    }

    op_as_typed_op!();
}

impl EvalOp for KeepTokens {
    op_out_of_plan!();

    fn eval(&self, _context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let [h, mask, importance, threshold] = &inputs[..] else {
            bail!("four inputs are wanted, {} given", inputs.len());
        };
        let &[rows, n, width] = h.shape() else { bail!("hidden states have three axes") };
        let all = [rows, n];
        ensure!(
            mask.shape() == all && importance.shape() == all,
            "mask and importance must be {all:?}"
        );
        let threshold = threshold.to_plain_array_view::<f32>()?;
        let Some(threshold) = threshold.broadcast(&all[..]) else {
            bail!("the threshold must broadcast to {all:?}");
        };
        let (mask, importance) =
            (mask.to_plain_array_view::<f32>()?, importance.to_plain_array_view::<f32>()?);
        let values = mask.iter().zip(&importance).zip(&threshold);
        let stays: Vec<bool> = values
            .enumerate()
            .map(|(ix, ((&mask, importance), threshold))| {
                mask > 0.0 && (ix % n == 0 || importance >= threshold)
            })
            .collect();
        let count = |row: &[bool]| row.iter().filter(|stays| **stays).count();
        let counts: Vec<usize> = stays.chunks_exact(n.max(1)).map(count).collect();
        let most = counts.iter().copied().max().unwrap_or(0);
        let mut kept = Tensor::zero::<f32>(&[rows, most, width])?;
        let mut kept_mask = Tensor::zero::<f32>(&[rows, most])?;
        let h = h.to_plain_array_view::<f32>()?;
        let Some(h) = h.as_slice() else { bail!("hidden states must be contiguous") };
        if most > 0 && width > 0 {
            let (mut kept, mut kept_mask) =
                (kept.try_as_plain_ram_mut()?, kept_mask.try_as_plain_ram_mut()?);
            let own = kept.as_slice_mut::<f32>()?.chunks_exact_mut(most * width);
            let masks = kept_mask.as_slice_mut::<f32>()?.chunks_exact_mut(most);
            let given = h.chunks_exact(n * width).zip(stays.chunks_exact(n));
            for ((own, mask), (h, stays)) in own.zip(masks).zip(given) {
                let tokens = h.chunks_exact(width).zip(stays).filter(|(_, stays)| **stays);
                for (((token, _), own), mask) in tokens.zip(own.chunks_exact_mut(width)).zip(mask) {
                    own.copy_from_slice(token);
                    *mask = 1.0;
                }
            }
        }
        let counts: Vec<f32> = counts.iter().map(|&count| count as f32).collect();
        let counts = Tensor::from_shape(&[counts.len(), 1], &counts)?;
        Ok(tvec!(kept.into_tvalue(), kept_mask.into_tvalue(), counts.into_tvalue()))
    }
}

impl TypedOp for KeepTokens {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [rows, _, width] = &inputs[0].shape[..] else { bail!("hidden states have three axes") };
        let of = |sizes: &[&TDim]| f32::fact(sizes.iter().map(|&s| s.clone()).collect::<Vec<_>>());
        let left = TDim::from(self.left.clone());
        Ok(tvec!(of(&[rows, &left, width]), of(&[rows, &left]), of(&[rows, &1.to_dim()])))
    }
}
