//! A value of the knob that is swept.

use serde::{Deserialize, Serialize};

use perforate_engine::Knobs;

/// One value of the knob among those that a sweep measures.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Setting(pub f32);

impl Setting {
    /// The knob called `knob` at this value.
    pub fn knobs(self, knob: &str) -> Knobs {
        Knobs::new().with(knob, self.0)
    }
}
