//! What finished stages have found, and what stages add to row by row.

use std::sync::Arc;

use perforate_base::Result;
use perforate_engine::{Order, Program};

use crate::baseline::BaselineRun;
use crate::costs::Costs;
use crate::recorded::AnswersCheck;
use crate::robustness::PerturbationRun;
use crate::setting::Setting;
use crate::subject::BenchTarget;

use super::answers::Answers;
use super::certificate::Tested;
use super::model::Model;
use super::timer::{SegmentTimer, Timer};

/// All of it.
#[derive(Debug)]
pub(super) struct Findings {
    /// What every path answers.
    pub answers: Answers,
    /// What the full model costs alone.
    pub full_costs: Costs,
    /// What the light model costs alone.
    pub light_costs: Costs,
    /// What the references answer, in the order of [`BenchTarget::references`].
    pub references: Vec<BaselineRun>,
    /// The settings that are measured, cheapest first; empty before the scores are known.
    pub grid: Vec<Setting>,
    /// All settings that are tested for the guarantee, in the same order; empty before all calibration samples are recorded.
    pub tested: Vec<Tested>,
    /// How each model runs its segments on a batch.
    pub orders: Vec<(Model, Vec<Order>)>,
    /// Times of all contenders, one row at a time.
    pub batch1: Option<Timer>,
    /// Times of the routed model's segments.
    pub segments: Option<SegmentTimer>,
    /// Times of the full, the routed and the light model by themselves.
    pub router: Option<Timer>,
    /// Times of the operating point and its rivals, one row at a time.
    pub headline: Option<Timer>,
    /// Times of all contenders in batches.
    pub batch_n: Option<Timer>,
    /// What running some rows again shows of answers recorded before; none without such, and before that.
    pub answers_check: Option<AnswersCheck>,
    /// Full and routed model on perturbed samples.
    pub robustness: Option<PerturbationRun>,
    /// Warnings about the models.
    pub warnings: Vec<String>,
}

impl Findings {
    /// Nothing found yet but `answers`' ends, and what is known before anything runs.
    pub fn new(subject: &BenchTarget, answers: Answers, warnings: Vec<String>) -> Result<Findings> {
        let samples = &subject.test.0;
        let alone = |program: &Arc<Program>| BaselineRun::new(program.clone(), samples);
        let mut references: Vec<BaselineRun> =
            subject.references.iter().map(alone).collect::<Result<_>>()?;
        let recorded = subject.recorded.iter().flat_map(|own| &own.references);
        references
            .iter_mut()
            .zip(recorded)
            .for_each(|(own, known)| own.restore(known, samples.len()));
        Ok(Findings {
            references,
            full_costs: Costs::of(&subject.full, samples)?,
            light_costs: Costs::of(&subject.light, samples)?,
            answers,
            grid: vec![],
            tested: vec![],
            orders: vec![],
            batch1: None,
            segments: None,
            router: None,
            headline: None,
            answers_check: None,
            batch_n: None,
            robustness: None,
            warnings,
        })
    }

    /// Drops the recorded answers, and everything that was chosen or timed because of them.
    pub fn begin_anew(&mut self) {
        self.answers.forget();
        self.references.iter_mut().for_each(BaselineRun::forget);
        self.grid.clear();
        self.tested.clear();
        (self.batch1, self.segments, self.router) = (None, None, None);
    }

    /// How a model runs its segments on a batch; empty before that is chosen.
    pub fn orders_of(&self, model: Model) -> &[Order] {
        self.orders.iter().find(|(own, _)| *own == model).map_or(&[], |(_, orders)| orders)
    }
}
