//! All contenders, in batches.

use perforate_base::Result;

use crate::clock::Clock;
use crate::sweep::outcome::Outcome;
use crate::sweep::timer::Timer;

/// Times all contenders in batches.
#[derive(Debug)]
pub struct TimeBatchN {
    pub timer: Timer,
}

impl TimeBatchN {
    pub fn step(&mut self, clock: &impl Clock) -> Result<Outcome> {
        let round = self.timer.step(clock)?;
        Ok(Outcome { finished: self.timer.is_done(), changed: round })
    }
}
