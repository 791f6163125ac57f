//! What the references answer.

use perforate_base::Result;

use crate::clock::Clock;
use crate::slice::TimeSlice;
use crate::sweep::findings::Findings;
use crate::sweep::outcome::Outcome;
use crate::sweep::setup::Setup;

/// Runs the references on all test samples, unless only times are wanted.
#[derive(Debug, Default)]
pub struct JudgeReferences;

impl JudgeReferences {
    pub fn step(
        &mut self,
        clock: &impl Clock,
        setup: &Setup,
        found: &mut Findings,
    ) -> Result<Outcome> {
        if setup.options.timing_only {
            return Ok(Outcome::finished(true));
        }
        let slice = TimeSlice::begin(clock, setup.options.slice);
        let samples = &setup.subject.test.0;
        for alone in &mut found.references {
            while alone.outputs.len() < samples.len() {
                alone.extend(samples)?;
                if slice.is_over(clock) {
                    return Ok(Outcome::more(false));
                }
            }
        }
        Ok(Outcome::finished(true))
    }
}
