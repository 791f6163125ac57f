//! How much of a measurement comes before the verdict; what is left comes after it.

use perforate_base::units::Seconds;

use crate::clock::Clock;
use crate::sweep::timer::Timer;

/// The part of a measurement's rounds that somebody waits for.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    least_rounds: usize,
    most: Seconds,
    /// When it began; none before its first step.
    began: Option<Seconds>,
}

impl Part {
    /// So many rounds at least, and as many more as take no longer than `most`.
    pub fn new(least_rounds: usize, most: Seconds) -> Part {
        Part { least_rounds, most, began: None }
    }

    /// Whether these rounds of a timer are enough for now.
    pub fn is_over(&mut self, clock: &impl Clock, timer: &Timer) -> bool {
        let now = clock.now();
        let began = *self.began.get_or_insert(now);
        timer.samples().rounds() >= self.least_rounds && (now - began).0 >= self.most.0
    }
}
