//! A reference beside the routed model: what it answers, row by row.

use std::sync::Arc;

use perforate_base::Result;
use perforate_data::Samples;
use perforate_engine::{Knobs, Program, Session};

use super::costs::Costs;

/// Answers of one model, its knobs as they are in its file, for samples 0…n.
#[derive(Debug)]
pub struct BaselineRun {
    session: Session,
    /// Outputs by sample, as far as recorded.
    pub outputs: Vec<Vec<f32>>,
    /// Operations of each sample.
    pub costs: Costs,
}

impl BaselineRun {
    /// Nothing recorded yet of what `program` answers for `samples`.
    pub fn new(program: Arc<Program>, samples: &Samples) -> Result<BaselineRun> {
        let costs = Costs::of(&program, samples)?;
        Ok(BaselineRun { session: Session::new(program), outputs: vec![], costs })
    }

    /// Runs the next sample, if there is one.
    pub fn extend(&mut self, samples: &Samples) -> Result<()> {
        let row = self.outputs.len();
        if row < samples.len() {
            let outcome = self.session.run(&samples.row(row)?, &Knobs::new())?;
            self.outputs.push(outcome.first()?.iter().copied().collect());
            self.costs.note(row, outcome.trace.total());
        }
        Ok(())
    }
}
