//! Exits found for a model that has none: nothing is trained, and no labels are needed. The search is [`perforate_routing::search`].

#[cfg(feature = "commands")]
mod commands;
mod section;

use std::sync::Arc;

use perforate_base::{Error, ErrorKind, Result};
use perforate_data::Samples;
use perforate_onnx::Component;
use perforate_report::Section;
use perforate_routing::score;
use perforate_routing::search::{Exit, Found, Options, Search};

#[cfg(feature = "commands")]
pub use commands::{arguments, compose};
#[cfg(feature = "commands")]
pub(crate) use commands::{given, say};

use crate::companion::{Companion, Measured};
use crate::early_exit;
use crate::strategy::{Ingredients, Models, RoutingSearch, Strategy};

/// Exits found for one model.
#[derive(Debug)]
pub struct FoundExits;

impl Strategy for FoundExits {
    fn name(&self) -> &'static str {
        early_exit::NAME
    }

    fn explanation(&self) -> &'static str {
        "The model is cut at several depths, where few numbers pass on. At each, a linear head is fitted in closed form to the model’s own answers on a part of the inputs, and the exits that save most together are kept. After each exit, the rest of the network is skipped if the best class is more probable than the threshold, or if a gate that was fitted to the exit’s errors says so. A lost answer differs from the whole model’s, or from the label where there are labels. For a model that answers with numbers, an answer is lost if it is off by more than a tenth of their standard deviation."
    }

    fn glyph(&self) -> &'static str {
        early_exit::EarlyExit.glyph()
    }

    fn scores(&self) -> &'static [score::Kind] {
        &[score::Kind::MaxProbability, score::Kind::Gate]
    }

    fn recipe(&self, _input: Ingredients<'_>) -> Result<Models> {
        Err(only_found(self.name()))
    }

    fn search(
        &self,
        mut models: Vec<Component>,
        fitting: Samples,
        options: Options,
    ) -> Option<Result<Box<dyn RoutingSearch>>> {
        let model = models.swap_remove(0);
        let search = Search::new(model.clone(), fitting, options);
        Some(search.map(|search| Box::new(ExitSearch { search, model }) as Box<dyn RoutingSearch>))
    }
}

fn only_found(name: &str) -> Error {
    let text = "its parts are found by a search, so there is no recipe for them";
    Error::new(ErrorKind::Internal, text).at(name)
}

/// A search for exits, and the model that they are for.
#[derive(Debug)]
struct ExitSearch {
    search: Search,
    model: Component,
}

impl RoutingSearch for ExitSearch {
    fn step(&mut self) -> Result<()> {
        self.search.step()
    }

    fn progress(&self) -> (String, f64) {
        self.search.progress()
    }

    fn is_done(&self) -> bool {
        self.search.is_done()
    }

    fn width(&self) -> usize {
        self.search.width()
    }

    fn finish(self: Box<Self>) -> Result<(Component, Found)> {
        Ok((self.model, self.search.found()?))
    }

    fn companion(&self) -> fn(&Found) -> Arc<dyn Companion> {
        tried
    }
}

/// What reports say of a search.
pub(crate) fn tried(found: &Found) -> Arc<dyn Companion> {
    Arc::new(Tried(found.exits.clone()))
}

/// The exits or models that were tried.
#[derive(Debug)]
struct Tried(Vec<Exit>);

impl Companion for Tried {
    fn sections(&self, measured: &Measured<'_>) -> Vec<Section> {
        let chosen = &measured.report.operating_point;
        section::section(&self.0, chosen, measured.subject.tolerance).into_iter().collect()
    }
}
