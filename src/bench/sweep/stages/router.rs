//! What the router costs by itself.

use perforate_base::Result;

use crate::clock::Clock;
use crate::sweep::outcome::Outcome;
use crate::sweep::timer::Timer;

/// Times the routed model with all computation active against the full and the light model.
#[derive(Debug)]
pub struct TimeRouter {
    pub timer: Timer,
}

impl TimeRouter {
    pub fn step(&mut self, clock: &impl Clock) -> Result<Outcome> {
        self.timer.step(clock)?;
        let done = self.timer.is_done();
        Ok(Outcome { finished: done, changed: done })
    }
}
