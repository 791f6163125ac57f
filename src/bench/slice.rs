//! Readings of a clock: its tick, slices of time, and the time of a call.

use perforate_base::Result;
use perforate_base::units::Seconds;

use super::clock::Clock;

/// Fewest ticks of the clock that whatever is timed must span.
pub const MIN_TICKS: f64 = 100.0;

/// The smallest step that the clock is seen to make.
pub fn measure_tick(clock: &impl Clock) -> Seconds {
    let mut smallest = f64::INFINITY;
    let mut last = clock.now();
    // Coarse clocks need many readings for one step; the bound only ends a clock that stands still.
    let (mut steps, mut readings) = (0, 0);
    while steps < 20 && readings < 5_000_000 {
        let now = clock.now();
        readings += 1;
        if now.0 > last.0 {
            smallest = smallest.min(now.0 - last.0);
            steps += 1;
            last = now;
        }
    }
    Seconds(if smallest.is_finite() { smallest } else { 0.0 })
}

/// A stretch of time that begins now: work is cut into such slices, so that the outside world gets its turn.
#[derive(Debug, Clone, Copy)]
pub struct TimeSlice {
    start: Seconds,
    length: Seconds,
}

impl TimeSlice {
    /// Begins now.
    pub fn begin(clock: &impl Clock, length: Seconds) -> TimeSlice {
        TimeSlice { start: clock.now(), length }
    }

    /// How long it has lasted so far.
    pub fn lasted(&self, clock: &impl Clock) -> Seconds {
        clock.now() - self.start
    }

    /// Whether its length has passed.
    pub fn is_over(&self, clock: &impl Clock) -> bool {
        (clock.now() - self.start).0 >= self.length.0
    }
}

/// Seconds of one call of `work`, which is repeated until the clock can tell, at most `most` times.
pub fn time_call(
    clock: &impl Clock,
    tick: Seconds,
    most: usize,
    mut work: impl FnMut() -> Result<()>,
) -> Result<Seconds> {
    let start = clock.now();
    let mut calls = 0;
    loop {
        work()?;
        calls += 1;
        let elapsed = clock.now() - start;
        if elapsed.0 >= tick.0 * MIN_TICKS || calls >= most {
            return Ok(elapsed / calls as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::FakeClock;

    #[test]
    fn the_tick_is_seen() {
        let clock = FakeClock::new(Seconds(1e-4), Seconds(3e-6));
        assert!((measure_tick(&clock).0 - 1e-4).abs() < 1e-9);
    }

    #[test]
    fn a_clock_that_stands_still_ends() {
        let clock = FakeClock::new(Seconds(0.0), Seconds(0.0));
        assert_eq!(measure_tick(&clock), Seconds(0.0));
    }
}
