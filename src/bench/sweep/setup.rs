//! What stays the same while a sweep runs.

use perforate_base::units::Seconds;
use perforate_engine::Work;

use crate::subject::{BenchTarget, Options};

/// What is measured, and how much.
#[derive(Debug)]
pub(super) struct Setup {
    pub subject: BenchTarget,
    pub options: Options,
    /// The clock's.
    pub tick: Seconds,
}

impl Setup {
    /// What work counts as where settings and paths are compared.
    pub fn weight(&self, work: Work) -> f64 {
        self.subject.active.weight(&self.options.energy, work)
    }
}
