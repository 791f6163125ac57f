//! Normalisations whose axis is held against the rank of their input before tract uses it: counted from the end of a tensor
//! with fewer axes, it would be as large as a number can be, and tract loops up to it.

use std::sync::OnceLock;

use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

/// The operators that are wrapped.
pub(super) const RANKED: [&str; 2] = ["LayerNormalization", "RMSNormalization"];

/// tract's operator, and the axis that it is told.
#[derive(Debug, Clone)]
struct Ranked {
    own: Box<dyn InferenceOp>,
    axis: i64,
}

/// Reads the node as tract does, and wraps what it makes of it.
pub(super) fn parse(
    context: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    static TRACT: OnceLock<Onnx> = OnceLock::new();
    let register = &TRACT.get_or_init(tract_onnx::onnx).op_register.0;
    let build = register.get(&node.op_type).context("an operator of tract")?;
    let (own, closures) = build(context, node)?;
    let axis = node.get_attr_opt("axis")?.unwrap_or(-1);
    Ok((Box::new(Ranked { own, axis }), closures))
}

// As tract's own operators of this stage: none is the same as another.
impl PartialEq for Ranked {
    fn eq(&self, _other: &Self) -> bool {
        false
    }
}

impl Eq for Ranked {}

impl EvalOp for Ranked {
    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.own.eval(context, inputs)
    }

    fn eval_out_of_plan(&self, inputs: TVec<TValue>) -> TractResult<Option<TVec<TValue>>> {
        self.own.eval_out_of_plan(inputs)
    }
}

impl Op for Ranked {
    fn name(&self) -> StaticName {
        self.own.name()
    }

    not_a_typed_op!();
}

impl Ranked {
    fn check(&self, fact: &InferenceFact) -> TractResult<()> {
        let Some(rank) = fact.shape.rank().concretize() else { return Ok(()) };
        ensure!(
            (-rank..rank).contains(&self.axis),
            "its axis is {}, and its input has {rank} axes",
            self.axis
        );
        Ok(())
    }
}

impl InferenceOp for Ranked {
    fn infer(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        // Input and output are of one shape.
        inputs.first().into_iter().chain(outputs.first()).try_for_each(|fact| self.check(fact))?;
        self.own.infer(inputs, outputs, observed)
    }

    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        self.own.infer_facts(inputs, outputs, observed)
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.own.nboutputs()
    }

    fn to_typed(
        &self,
        source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        self.own.to_typed(source, node, target, mapping)
    }

    as_op!();
}
