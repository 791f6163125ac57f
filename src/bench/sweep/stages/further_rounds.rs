//! The rounds that nobody had to wait for.

use perforate_base::Result;

use crate::clock::Clock;
use crate::sweep::findings::Findings;
use crate::sweep::outcome::Outcome;

/// Finishes what was timed only in part before the verdict: the curve, then the router by itself.
#[derive(Debug, Default)]
pub struct TimeFurtherRounds;

impl TimeFurtherRounds {
    pub fn step(&mut self, clock: &impl Clock, found: &mut Findings) -> Result<Outcome> {
        let timers = [found.batch1.as_mut(), found.router.as_mut()];
        match timers.into_iter().flatten().find(|timer| !timer.is_done()) {
            Some(timer) => Ok(Outcome::more(timer.step(clock)?)),
            None => Ok(Outcome::finished(false)),
        }
    }
}
