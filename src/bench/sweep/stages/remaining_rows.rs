//! The rows that no stage before had time to record.

use perforate_base::Result;

use crate::clock::Clock;
use crate::sweep::certificate::refine_grid;
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
            // What is timed now can still be the setting at which the guarantee just holds.
            if setup.options.headline.is_some() {
                refine_grid(setup, found);
            }
            return Ok(Outcome::finished(true));
        }
        found.answers.record_pending(clock, setup)?;
        Ok(Outcome::more(false))
    }
}
