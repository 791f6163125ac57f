//! The trait that every strategy implements, and what passes through it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::clock::Clock;
use perforate_bench::sweep::{Active, LightRole};
use perforate_data::Samples;
use perforate_engine::PlanCache;
use perforate_onnx::{Component, KnobRange};
use perforate_report::Section;
use perforate_routing::score;
use perforate_routing::search::{Found, Options};

#[cfg(feature = "commands")]
use crate::command::{Argument, Command, Host};
use crate::companion::Companion;
use crate::fitting::Fitting;
use crate::glyph;

/// A way to route: how its file is composed from parts, what its gates ask, what it adds to a report.
pub trait Strategy: fmt::Debug + Send + Sync {
    /// Its name in metadata and reports, lower case with underscores.
    fn name(&self) -> &'static str;

    /// How it works, in a few sentences.
    fn explanation(&self) -> &'static str;

    /// A small picture of it, as SVG: boxes are models, a diamond is a gate.
    fn glyph(&self) -> &'static str {
        glyph::GATE
    }

    /// The confidence scores that its gates can use; empty where they ask something else.
    fn scores(&self) -> &'static [score::Kind] {
        &[]
    }

    /// The models to measure, from the parts in the strategy's order.
    ///
    /// # Errors
    /// `Config`, `Model` or `Data` where the parts do not fit.
    fn recipe(&self, input: Ingredients<'_>) -> Result<Models>;

    /// Parts and `n` unlabelled samples made from a seed, for a scenario that reads no file.
    ///
    /// # Errors
    /// `Config` where the strategy has none.
    fn synthetic(&self, _seed: u64, _n: usize) -> Result<(Vec<Component>, Samples)> {
        let text = "the strategy has no synthetic parts; give model files";
        Err(Error::new(ErrorKind::Config, text).at(self.name()))
    }

    /// A search for a routed model in models that were not made for it; none where the strategy wants made parts.
    ///
    /// # Errors
    /// `Model`, `Data` or `Config` where models or samples do not fit.
    fn search(
        &self,
        _models: Vec<Component>,
        _fitting: Samples,
        _options: Options,
    ) -> Option<Result<Box<dyn RoutingSearch>>> {
        None
    }

    /// What `perforate route` calls it and what it takes there; none where files are not composed by hand.
    #[cfg(feature = "commands")]
    fn route(&self) -> Option<Route> {
        None
    }

    /// Composes the routed model from what the command line was given.
    ///
    /// # Errors
    /// `Config` where the strategy has no [`Strategy::route`]; else as for [`Strategy::recipe`].
    #[cfg(feature = "commands")]
    fn compose(&self, _host: &dyn Host) -> Result<ModelProto> {
        Err(Error::new(ErrorKind::Config, "it is not composed by hand").at(self.name()))
    }

    /// Studies of its own that the command line offers as subcommands.
    #[cfg(feature = "commands")]
    fn commands(&self) -> Vec<Command> {
        vec![]
    }

    /// A study that the page offers under this strategy's scenarios.
    fn study(&self) -> Option<Study> {
        None
    }
}

/// A subcommand of `perforate route`.
#[cfg(feature = "commands")]
#[derive(Debug, Clone)]
pub struct Route {
    /// Its name, lower case with hyphens.
    pub name: &'static str,
    /// What it composes, in a sentence.
    pub about: &'static str,
    /// What it takes.
    pub arguments: Vec<Argument>,
}

/// What a recipe is given.
#[derive(Debug)]
pub struct Ingredients<'a> {
    /// The parts, in the strategy's order.
    pub parts: Vec<Component>,
    /// Labelled samples for temperatures, which nothing else is chosen or reported on.
    pub scaling: Option<&'a Fitting<'a>>,
    /// What gates ask of an answer.
    pub confidence: ConfidenceSpec,
    /// What is compiled on the way stays here.
    pub library: &'a PlanCache,
}

/// A confidence score, and how many classes an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConfidenceSpec {
    /// The score.
    pub kind: score::Kind,
    /// Number of classes, which the entropy needs.
    pub classes: usize,
}

/// What a strategy makes of its parts.
#[derive(Debug)]
pub struct Models {
    /// The model to be replaced.
    pub full: ModelProto,
    /// The cheapest path alone.
    pub light: ModelProto,
    /// The routed model.
    pub routed: ModelProto,
    /// Its knob.
    pub knob: &'static str,
    /// Ends of the knob.
    pub range: KnobRange,
    /// What "active" means.
    pub active: Active,
    /// What the light model is to the router.
    pub light_role: LightRole,
    /// What the strategy keeps beside its models.
    pub companion: Arc<dyn Companion>,
}

/// A search for a routed model, a little at a time.
pub trait RoutingSearch: fmt::Debug {
    /// Does a little of it.
    fn step(&mut self) -> Result<()>;
    /// What is being done, and how much of it is done.
    fn progress(&self) -> (String, f64);
    /// Whether [`RoutingSearch::finish`] can be asked.
    fn is_done(&self) -> bool;
    /// Numbers in an answer.
    fn width(&self) -> usize;
    /// The model to be replaced, and what was found.
    fn finish(self: Box<Self>) -> Result<(Component, Found)>;
    /// Makes what reports say of it.
    fn companion(&self) -> fn(&Found) -> Arc<dyn Companion>;
}

/// Begins a study from the contents of its files, by name; the flag says whether it is to be quick.
pub type BeginStudy = fn(&BTreeMap<String, Vec<u8>>, bool) -> Result<Box<dyn StudyRun>>;

/// A study that the page offers.
#[derive(Debug, Clone, Copy)]
pub struct Study {
    /// Id of its section.
    pub section: &'static str,
    /// Title of its section.
    pub title: &'static str,
    /// What it is about.
    pub text: &'static str,
    /// The button that starts it.
    pub button: &'static str,
    /// What it takes.
    pub note: &'static str,
    /// Names of the files that it needs.
    pub files: fn() -> Vec<String>,
    /// Begins it; the flag says whether it is to be quick.
    pub begin: BeginStudy,
}

/// A study under way, one piece of work a call.
pub trait StudyRun: fmt::Debug {
    /// Does the next piece; returns whether something new was found.
    fn step(&mut self, clock: &dyn Clock) -> Result<bool>;
    /// What is being done, and the share that is done.
    fn progress(&self) -> (String, f64);
    /// Whether all is measured.
    fn is_done(&self) -> bool;
    /// What is found so far.
    fn section(&self) -> Section;
}
