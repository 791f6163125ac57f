//! The clock of a page, a worker or Node.

use wasm_bindgen::prelude::*;

use perforate_base::units::Seconds;

#[wasm_bindgen]
extern "C" {
    /// Milliseconds since the page or process began; all engines that load this module have it.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn milliseconds() -> f64;
}

/// The time since the page or process began.
pub fn now() -> Seconds {
    Seconds(milliseconds() * 1e-3)
}
