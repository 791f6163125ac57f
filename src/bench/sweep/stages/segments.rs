//! The routed model's segments, each by itself.

use perforate_base::Result;

use crate::clock::Clock;
use crate::sweep::outcome::Outcome;
use crate::sweep::timer::SegmentTimer;

/// Times each segment.
#[derive(Debug)]
pub struct TimeSegments {
    pub timer: SegmentTimer,
}

impl TimeSegments {
    pub fn step(&mut self, clock: &impl Clock) -> Result<Outcome> {
        self.timer.step(clock)?;
        let done = self.timer.is_done();
        Ok(Outcome { finished: done, changed: done })
    }
}
