//! The rows that no stage before had time to record.

use perforate_base::Result;

use crate::clock::Clock;
use crate::sweep::findings::Findings;
use crate::sweep::outcome::Outcome;
use crate::sweep::setup::Setup;

/// Records what is left of the samples on every path, unless only times are wanted.
#[derive(Debug, Default)]
pub struct RecordRemainingRows;

impl RecordRemainingRows {
    pub fn step(
        &mut self,
        clock: &impl Clock,
        setup: &Setup,
        found: &mut Findings,
    ) -> Result<Outcome> {
        if setup.options.timing_only || found.answers.are_complete(&setup.subject) {
            return Ok(Outcome::finished(true));
        }
        found.answers.record_pending(clock, setup)?;
        Ok(Outcome::more(false))
    }
}
