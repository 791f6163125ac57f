//! What a segment computes: a decluttered graph, its cost, and the plans made from it when first needed.

use std::collections::HashMap;
use std::sync::OnceLock;

use tract_onnx::prelude::*;

use super::apart::stay_apart;
use super::cost::SegmentCost;
use super::lower::lower;
use super::work::Work;

pub(crate) type Plan = Arc<TypedSimplePlan>;
pub(crate) type PlanState = TypedSimpleState;

/// What a segment computes; equal segments of several programs share it.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub cost: SegmentCost,
    /// What a run for one row does, where that depends on nothing else: known now, since counting it at every run would
    /// take longer than a small segment.
    pub work: Option<Work>,
    /// Of the outputs.
    pub facts: Vec<TypedFact>,
    /// Decluttered, not lowered: both plans are made from it when first needed.
    pub model: TypedModel,
    pub rows: Option<Symbol>,
    /// Whether what a row answers depends on no other row.
    pub rows_stay_apart: bool,
    /// With operators of our own.
    lowered: OnceLock<TypedModel>,
    single: OnceLock<Plan>,
    batch: OnceLock<Plan>,
}

impl Compiled {
    /// Takes a decluttered model; `rows` is the symbol of its row axis.
    pub fn new(model: TypedModel, rows: Option<Symbol>) -> TractResult<Compiled> {
        let facts = (0..model.outputs.len())
            .map(|ix| model.output_fact(ix).map(|fact| fact.without_value()))
            .collect::<TractResult<_>>()?;
        let cost = SegmentCost::of(&model)?;
        let rows_stay_apart = match &rows {
            Some(rows) => stay_apart(&model, rows)?,
            None => true,
        };
        Ok(Compiled {
            work: cost.per_row(rows.as_ref()),
            cost,
            facts,
            model,
            rows,
            rows_stay_apart,
            lowered: OnceLock::new(),
            single: OnceLock::new(),
            batch: OnceLock::new(),
        })
    }

    /// The plan for one row, made at the first call.
    pub fn single(&self) -> TractResult<&Plan> {
        self.plan(&self.single, true)
    }

    /// The plan for any number of rows, made at the first call.
    pub fn batch(&self) -> TractResult<&Plan> {
        self.plan(&self.batch, false)
    }

    fn plan<'a>(&'a self, cell: &'a OnceLock<Plan>, single: bool) -> TractResult<&'a Plan> {
        if let Some(plan) = cell.get() {
            return Ok(plan);
        }
        // Both plans read the same prepared weights.
        let lowered = match self.lowered.get() {
            Some(lowered) => lowered,
            None => {
                let own = lower(&self.model)?;
                self.lowered.get_or_init(|| own)
            }
        };
        let mut model = match &self.rows {
            Some(rows) if single => {
                let mut model =
                    lowered.set_symbols(&HashMap::from([(rows.clone(), TDim::Val(1))]))?;
                model.declutter()?;
                model
            }
            _ => lowered.clone(),
        };
        model.optimize()?;
        let plan = TypedSimplePlan::new(model)?;
        Ok(cell.get_or_init(|| plan))
    }
}
