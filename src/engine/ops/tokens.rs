//! Dropping tokens, as an operator of tract.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use perforate_onnx::functions::KEEP_TOKENS;

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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ndarray::ArrayD;

    use crate::{Batch, Knobs, Order, Program, Session};
    use perforate_onnx::functions::keep_tokens;
    use perforate_onnx::{GraphBuilder, Metadata, OPSET, Size, encode};

    /// Tokens are as important as their first number; what stays is multiplied by a matrix and summed up.
    fn program() -> Arc<Program> {
        let mut graph = GraphBuilder::new("g", OPSET);
        graph.input("h", &[Size::Rows, Size::Fixed(4), Size::Fixed(2)]).unwrap();
        graph.input("mask", &[Size::Rows, Size::Fixed(4)]).unwrap();
        graph.knob("threshold", 0.0).unwrap();
        let zero = graph.constant("zero", &[2, 1], &[1.0, 0.0]).unwrap();
        let first = graph.node("MatMul", "first", &["h", &zero]).unwrap();
        let last = graph.integers("last", &[2]).unwrap();
        let importance = graph.node("Squeeze", "importance", &[&first, &last]).unwrap();
        let inputs = ["h", "mask", &importance, "threshold"];
        let kept = graph.call(keep_tokens(OPSET), "keep", &inputs).unwrap();
        let double = graph.constant("double", &[2, 2], &[2.0, 0.0, 0.0, 2.0]).unwrap();
        let twice = graph.node("MatMul", "twice", &[&kept[0], &double]).unwrap();
        let along = graph.integers("along", &[1]).unwrap();
        let sums = graph.node_with(
            "ReduceSum",
            "sums",
            &[&twice, &along],
            vec![perforate_onnx::int_attribute("keepdims", 0)],
        );
        graph.output(&sums.unwrap(), &[Size::Rows, Size::Fixed(2)]).unwrap();
        graph.output(&kept[2], &[Size::Rows, Size::Fixed(1)]).unwrap();
        let file = encode(&graph.into_model(&Metadata::default()).unwrap());
        Arc::new(Program::load("g", &file).unwrap())
    }

    #[test]
    fn rows_keep_what_is_important_and_are_charged_for_it() {
        let h = ArrayD::from_shape_vec(
            vec![2, 4, 2],
            vec![-9.0, 1.0, 5.0, 2.0, 1.0, 3.0, 6.0, 4.0, -9.0, 5.0, 0.0, 6.0, 8.0, 7.0, 9.0, 8.0],
        );
        // The last token of the second row is padding.
        let mask =
            ArrayD::from_shape_vec(vec![2, 4], vec![1.0f32, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]);
        let batch = Batch::new().with("h", h.unwrap()).with("mask", mask.unwrap());
        let program = program();
        for order in [Order::RowByRow, Order::Compacted] {
            let orders = vec![order; program.segments().len()];
            let mut session = Session::new(program.clone()).with_orders(&orders);
            for (threshold, sums, counts) in [
                (4.0, [4.0, 14.0, -2.0, 24.0], [3.0, 2.0]),
                (-10.0, [6.0, 20.0, -2.0, 36.0], [4.0, 3.0]),
                // The first token stays whatever happens.
                (10.0, [-18.0, 2.0, -18.0, 10.0], [1.0, 1.0]),
            ] {
                let knobs = Knobs::new().with("threshold", threshold);
                let outcome = session.run(&batch, &knobs).unwrap();
                let own: Vec<f32> = outcome.first().unwrap().into_iter().collect();
                assert_eq!(own, sums, "{threshold}, {order:?}");
                let kept: Vec<f32> = outcome.output("keep/count").unwrap().into_iter().collect();
                assert_eq!(kept, counts, "{threshold}");
                // One row by itself is charged for what it keeps: two multiplications for the importance of each of its
                // tokens; four, and two sums, for each that stays.
                let one = session.run(&batch.slice(0..1).unwrap(), &knobs).unwrap();
                let charged = 4.0 * 2.0 + counts[0] * (4.0 + 2.0);
                assert_eq!(one.trace.total().macs.0, f64::from(charged));
            }
        }
    }
}
