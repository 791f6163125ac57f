//! Where time comes from: the native clock, and a fake one for tests; a page brings the browser's.
//!
//! Only [`crate::timing`] reads a clock; everything else is given durations.

use std::cell::Cell;
use std::rc::Rc;

use perforate_base::units::Seconds;

/// A monotonic clock.
pub trait Clock {
    /// Time since an arbitrary start.
    fn now(&self) -> Seconds;
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now(&self) -> Seconds {
        (**self).now()
    }
}

/// The native clock, `std::time::Instant`. A page has its own, since there is none in WebAssembly.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug, Clone)]
pub struct SystemClock {
    start: std::time::Instant,
}

#[cfg(not(target_arch = "wasm32"))]
impl Default for SystemClock {
    fn default() -> Self {
        SystemClock { start: std::time::Instant::now() }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl Clock for SystemClock {
    fn now(&self) -> Seconds {
        Seconds(self.start.elapsed().as_secs_f64())
    }
}

/// A clock for tests, which moves only when it is told to, or by a fixed step at every reading.
///
/// Clones share the time, so that a fake workload can spend it.
#[derive(Debug, Clone, Default)]
pub struct FakeClock {
    time: Rc<Cell<f64>>,
    tick: f64,
    per_reading: f64,
}

impl FakeClock {
    /// A clock whose readings are rounded down to multiples of `tick` and which moves by
    /// `per_reading` at every reading.
    pub fn new(tick: Seconds, per_reading: Seconds) -> Self {
        FakeClock { time: Rc::default(), tick: tick.0, per_reading: per_reading.0 }
    }

    /// Moves the time on.
    pub fn advance(&self, by: Seconds) {
        self.time.set(self.time.get() + by.0);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Seconds {
        let time = self.time.get() + self.per_reading;
        self.time.set(time);
        if self.tick > 0.0 {
            Seconds((time / self.tick).floor() * self.tick)
        } else {
            Seconds(time)
        }
    }
}
