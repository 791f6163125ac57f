//! Where time comes from: the native clock, the browser's, and a fake one for tests.
//!
//! Only `bench::timing` reads a clock; everything else is given durations.

use std::cell::Cell;
use std::rc::Rc;

use crate::units::Seconds;

/// A monotonic clock.
pub trait Clock {
    /// Time since an arbitrary start.
    fn now(&self) -> Seconds;
}

/// The clock of this platform: `std::time::Instant` natively, `performance.now()` in a page or worker.
#[derive(Debug, Clone)]
pub struct SystemClock {
    #[cfg(not(target_arch = "wasm32"))]
    start: std::time::Instant,
    #[cfg(target_arch = "wasm32")]
    performance: Option<web_sys::Performance>,
}

impl Default for SystemClock {
    #[cfg(not(target_arch = "wasm32"))]
    fn default() -> Self {
        SystemClock { start: std::time::Instant::now() }
    }

    #[cfg(target_arch = "wasm32")]
    fn default() -> Self {
        use wasm_bindgen::JsCast;
        let global = js_sys::global();
        let performance = match global.dyn_ref::<web_sys::Window>() {
            Some(window) => window.performance(),
            None => global.dyn_ref::<web_sys::WorkerGlobalScope>().and_then(|s| s.performance()),
        };
        SystemClock { performance }
    }
}

impl Clock for SystemClock {
    #[cfg(not(target_arch = "wasm32"))]
    fn now(&self) -> Seconds {
        Seconds(self.start.elapsed().as_secs_f64())
    }

    #[cfg(target_arch = "wasm32")]
    fn now(&self) -> Seconds {
        // Without `performance` there is only the millisecond clock; the measured tick then says so.
        let milliseconds = match &self.performance {
            Some(performance) => performance.now(),
            None => js_sys::Date::now(),
        };
        Seconds(milliseconds * 1e-3)
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
