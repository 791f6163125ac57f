//! All contenders, one row at a time.

use perforate_base::Result;

use crate::clock::Clock;
use crate::sweep::findings::Findings;
use crate::sweep::outcome::Outcome;
use crate::sweep::setup::Setup;
use crate::sweep::timer::Timer;

use super::part::Part;

/// Times all contenders one row at a time; after each round, more rows are recorded.
#[derive(Debug)]
pub struct TimeBatch1 {
    pub timer: Timer,
    /// What comes before the verdict; everything where there is none to wait for.
    pub part: Option<Part>,
}

impl TimeBatch1 {
    pub fn step(
        &mut self,
        clock: &impl Clock,
        setup: &Setup,
        found: &mut Findings,
    ) -> Result<Outcome> {
        let enough = self.part.as_mut().is_some_and(|part| part.is_over(clock, &self.timer));
        let round = self.timer.step(clock)?;
        if round && !setup.options.timing_only {
            found.answers.record_pending(clock, setup)?;
        }
        Ok(Outcome { finished: self.timer.is_done() || (round && enough), changed: round })
    }
}
