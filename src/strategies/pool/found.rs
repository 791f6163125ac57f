//! A pool found among the user's models.

use std::sync::Arc;

use perforate_base::{Error, ErrorKind, Result};
use perforate_data::Samples;
use perforate_onnx::Component;
use perforate_routing::search::{Found, Options, PoolSearch};

use super::{EXPLANATION, GLYPH, NAME};
use crate::companion::Companion;
use crate::search::tried;
use crate::strategy::{Ingredients, Models, RoutingSearch, Strategy};

/// Models, and what weighs their answers, found on a part of the inputs.
#[derive(Debug)]
pub struct FoundPool;

impl Strategy for FoundPool {
    fn name(&self) -> &'static str {
        NAME
    }

    fn explanation(&self) -> &'static str {
        EXPLANATION
    }

    fn glyph(&self) -> &'static str {
        GLYPH
    }

    fn recipe(&self, _input: Ingredients<'_>) -> Result<Models> {
        let text = "its parts are found by a search, so there is no recipe for them";
        Err(Error::new(ErrorKind::Internal, text).at(self.name()))
    }

    fn search(
        &self,
        models: Vec<Component>,
        fitting: Samples,
        options: Options,
    ) -> Option<Result<Box<dyn RoutingSearch>>> {
        let search = PoolSearch::new(models, fitting, options);
        Some(search.map(|search| Box::new(search) as Box<dyn RoutingSearch>))
    }
}

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
