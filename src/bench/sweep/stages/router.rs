//! What the router costs by itself.

use perforate_base::Result;

use crate::clock::Clock;
use crate::sweep::outcome::Outcome;
use crate::sweep::timer::Timer;

use super::part::Part;

/// Times the routed model with all computation active against the full and the light model.
#[derive(Debug)]
pub struct TimeRouter {
    pub timer: Timer,
    /// What comes before the verdict; everything where there is none to wait for.
    pub part: Option<Part>,
}

impl TimeRouter {
    pub fn step(&mut self, clock: &impl Clock) -> Result<Outcome> {
        let enough = self.part.as_mut().is_some_and(|part| part.is_over(clock, &self.timer));
        let round = self.timer.step(clock)?;
        let done = self.timer.is_done() || (round && enough);
        Ok(Outcome { finished: done, changed: done })
    }
}
