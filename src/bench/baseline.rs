//! A reference beside the routed model: what it answers, row by row.

use std::sync::Arc;

use perforate_base::Result;
use perforate_data::Samples;
use perforate_engine::{Knobs, Program, Session};

use super::costs::Costs;
use super::recorded::{ModelAnswers, is_alike};

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

    /// Takes the first `rows` answers from those recorded before.
    pub fn restore(&mut self, recorded: &ModelAnswers, rows: usize) {
        let rows = rows.min(recorded.outputs.len());
        self.outputs = recorded.outputs[..rows].to_vec();
        if let Costs::Each(known) = &mut self.costs
            && known.is_empty()
        {
            *known = recorded.work[..rows].to_vec();
        }
    }

    /// What is recorded of it.
    pub fn recorded(&self) -> ModelAnswers {
        let work = (0..self.outputs.len()).map(|row| self.costs.row(row)).collect();
        ModelAnswers { outputs: self.outputs.clone(), work, kept: vec![] }
    }

    /// Whether a sample comes out as recorded when it is run again.
    pub fn is_row_alike(&mut self, samples: &Samples, row: usize) -> Result<bool> {
        let outcome = self.session.run(&samples.row(row)?, &Knobs::new())?;
        let output: Vec<f32> = outcome.first()?.iter().copied().collect();
        Ok(is_alike((&self.outputs[row], &[]), (&output, &[])))
    }

    /// Forgets its answers.
    pub fn forget(&mut self) {
        self.outputs.clear();
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
