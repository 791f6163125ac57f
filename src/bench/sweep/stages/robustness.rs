//! What disturbed samples do to the full and to the routed model.

use perforate_base::Result;

use crate::clock::Clock;
use crate::robustness::Disturbance;
use crate::slice::TimeSlice;
use crate::sweep::outcome::Outcome;
use crate::sweep::setup::Setup;

/// Runs both models on the samples as they are and on each disturbed variant.
#[derive(Debug)]
pub struct JudgeDisturbed {
    pub disturbance: Disturbance,
}

impl JudgeDisturbed {
    pub fn step(&mut self, clock: &impl Clock, setup: &Setup) -> Result<Outcome> {
        let slice = TimeSlice::begin(clock, setup.options.slice);
        while self.disturbance.step(&setup.subject)? {
            if slice.is_over(clock) {
                return Ok(Outcome::more(false));
            }
        }
        Ok(Outcome::finished(true))
    }
}
