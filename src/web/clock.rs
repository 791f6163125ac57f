//! The browser's clock: `performance.now()` in a page or worker.

use perforate_base::units::Seconds;
use perforate_bench::clock::Clock;
use wasm_bindgen::JsCast;

/// The clock of a page or worker.
#[derive(Debug, Clone)]
pub struct BrowserClock {
    performance: Option<web_sys::Performance>,
}

impl Default for BrowserClock {
    fn default() -> Self {
        let global = js_sys::global();
        let performance = match global.dyn_ref::<web_sys::Window>() {
            Some(window) => window.performance(),
            None => global.dyn_ref::<web_sys::WorkerGlobalScope>().and_then(|s| s.performance()),
        };
        BrowserClock { performance }
    }
}

impl Clock for BrowserClock {
    fn now(&self) -> Seconds {
        // Without `performance` there is only the millisecond clock; the measured tick then says so.
        let milliseconds = match &self.performance {
            Some(performance) => performance.now(),
            None => js_sys::Date::now(),
        };
        Seconds(milliseconds * 1e-3)
    }
}
