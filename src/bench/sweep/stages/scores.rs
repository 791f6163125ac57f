//! First of all: the score of every sample, from the light path.

use perforate_base::Result;

use crate::clock::Clock;
use crate::sweep::findings::Findings;
use crate::sweep::outcome::Outcome;
use crate::sweep::setup::Setup;

/// Records what the light path answers, scores included, so that settings can be chosen by them.
#[derive(Debug, Default)]
pub struct RecordScores;

impl RecordScores {
    pub fn step(
        &mut self,
        clock: &impl Clock,
        setup: &Setup,
        found: &mut Findings,
    ) -> Result<Outcome> {
        // The settings of several gates are chosen from whole rows.
        if setup.subject.routed.gates().len() > 1 {
            return Ok(Outcome::finished(false));
        }
        let light = found.answers.light;
        found.answers.record(clock, setup, light)?;
        let complete = found.answers.is_complete(&setup.subject, light);
        Ok(if complete { Outcome::finished(false) } else { Outcome::more(false) })
    }
}
