//! All contenders, one row at a time.

use perforate_base::Result;

use crate::clock::Clock;
use crate::sweep::findings::Findings;
use crate::sweep::outcome::Outcome;
use crate::sweep::setup::Setup;
use crate::sweep::timer::Timer;

/// Times all contenders one row at a time; after each round, more rows are recorded.
#[derive(Debug)]
pub struct TimeBatch1 {
    pub timer: Timer,
}

impl TimeBatch1 {
    pub fn step(
        &mut self,
        clock: &impl Clock,
        setup: &Setup,
        found: &mut Findings,
    ) -> Result<Outcome> {
        let round = self.timer.step(clock)?;
        if round && !setup.options.timing_only {
            found.answers.record_pending(clock, setup)?;
        }
        Ok(Outcome { finished: self.timer.is_done(), changed: round })
    }
}
