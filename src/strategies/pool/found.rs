//! The search of a pool, as the page takes its steps.

use std::sync::Arc;

use perforate_base::Result;
use perforate_onnx::Component;
use perforate_routing::search::{Found, PoolSearch};

use crate::companion::Companion;
use crate::search::tried;
use crate::strategy::RoutingSearch;

impl RoutingSearch for PoolSearch {
    fn step(&mut self) -> Result<()> {
        PoolSearch::step(self)
    }

    fn progress(&self) -> (String, f64) {
        self.asking().progress()
    }

    fn is_done(&self) -> bool {
        self.asking().is_done()
    }

    fn width(&self) -> usize {
        self.asking().width()
    }

    fn finish(self: Box<Self>) -> Result<(Component, Found)> {
        let full = self.asking().full().clone();
        Ok((full, self.found()?))
    }

    fn companion(&self) -> fn(&Found) -> Arc<dyn Companion> {
        tried
    }
}
