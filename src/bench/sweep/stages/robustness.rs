//! What perturbed samples do to the full and to the routed model.

use perforate_base::Result;

use crate::clock::Clock;
use crate::robustness::PerturbationRun;
use crate::slice::TimeSlice;
use crate::sweep::outcome::Outcome;
use crate::sweep::setup::Setup;

/// Runs both models on the samples as they are and on each perturbation.
#[derive(Debug)]
pub struct JudgePerturbed {
    pub run: PerturbationRun,
}

impl JudgePerturbed {
    pub fn step(&mut self, clock: &impl Clock, setup: &Setup) -> Result<Outcome> {
        let slice = TimeSlice::begin(clock, setup.options.slice);
        while self.run.step(&setup.subject)? {
            if slice.is_over(clock) {
                return Ok(Outcome::more(false));
            }
        }
        Ok(Outcome::finished(true))
    }
}
