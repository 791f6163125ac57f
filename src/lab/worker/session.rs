//! The measuring session: which of its states a scenario is in, and what each of them holds.

use std::sync::Arc;

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::clock::Clock;
use perforate_bench::sweep::Sweep;
use perforate_data::sentences::Tokenizer;
use perforate_kernels::isa::Isa;
use perforate_report::{Host, Report};
use perforate_strategies::{Companion, Live, Study, StudyRun, scenario_report};

use crate::catalogue::find;
use crate::experiment::Experiment;
use crate::inside::{HUNDRED, Inspector};
use crate::opened::Opened;
use crate::own::Preparation;

use super::files::Files;

/// What a session does.
#[derive(Debug)]
pub enum Session<C: Clock> {
    /// Nothing is open.
    Idle,
    /// An experiment waits for its files.
    Waiting(Box<Experiment>),
    /// Parts of a routed model are looked for.
    Searching(Box<Experiment>, Box<Preparation>),
    /// A model is measured, or was.
    Measuring(Box<Measuring<C>>),
}

/// A study that was asked for.
#[derive(Debug)]
pub enum StudyState {
    /// Its files are on their way; the flag says whether it is to be quick.
    Waiting(Study, bool),
    /// It is measured.
    Running(Box<dyn StudyRun>),
}

/// A model that is measured.
#[derive(Debug)]
pub struct Measuring<C: Clock> {
    /// What was asked for.
    pub experiment: Experiment,
    /// The measurement.
    pub sweep: Sweep<C>,
    /// What the strategy keeps beside the models.
    pub companion: Arc<dyn Companion>,
    /// Takes single inputs through the model.
    pub live: Option<Box<dyn Live>>,
    /// Reads sentences, where the samples are some.
    pub tokenizer: Option<Tokenizer>,
    /// The routed model, to take away.
    pub routed: ModelProto,
    /// How many samples there were when the look inside was sent.
    looked_at: usize,
}

impl<C: Clock> Session<C> {
    /// The model that is measured, if one is.
    pub fn measuring(&self) -> Option<&Measuring<C>> {
        match self {
            Session::Measuring(measuring) => Some(measuring),
            _ => None,
        }
    }

    /// The same, to go on with.
    pub fn measuring_mut(&mut self) -> Option<&mut Measuring<C>> {
        match self {
            Session::Measuring(measuring) => Some(measuring),
            _ => None,
        }
    }
}

impl<C: Clock> Measuring<C> {
    /// Begins to measure.
    pub fn new(experiment: Experiment, opened: Opened, clock: C) -> Result<Measuring<C>> {
        let Opened { subject, companion, tokenizer, routed, .. } = opened;
        let live = companion.live(&subject);
        let sweep = Sweep::new(subject, experiment.options()?, clock)?;
        Ok(Measuring { experiment, sweep, companion, live, tokenizer, routed, looked_at: 0 })
    }

    /// A look inside the model: the first time that there is something to see, and once more when there are enough samples.
    pub fn look_inside(&mut self) -> Option<Inspector> {
        if self.sweep.grid().is_empty() {
            return None;
        }
        let recorded = self.sweep.test_recording().len();
        let wanted = HUNDRED.min(self.sweep.subject().test.0.len());
        let news = self.looked_at == 0 || (self.looked_at < wanted && recorded >= wanted);
        if !news {
            return None;
        }
        self.looked_at = recorded.max(1);
        Inspector::of(&self.sweep, &*self.companion)
    }

    /// The results so far, if there are any.
    pub fn report(&self, files: &Files) -> Result<Option<Report>> {
        let Some(results) = self.sweep.results() else { return Ok(None) };
        let experiment = &self.experiment;
        let mut report = Report::new(experiment.seed, experiment.quick, host(results.tick.0));
        let context = experiment.context(files)?;
        let sections = find(&experiment.scenario)?.sections;
        let subject = self.sweep.subject();
        let scenario = scenario_report(&context, subject, &results, &*self.companion, sections);
        report.scenarios.push(scenario);
        Ok(Some(report))
    }

    /// The measurement, once its settings are known.
    pub fn with_settings(&self, what: &str) -> Result<&Sweep<C>> {
        match self.sweep.grid().is_empty() {
            false => Ok(&self.sweep),
            true => {
                let text = "the thresholds are not known yet: try again in a moment";
                Err(Error::new(ErrorKind::Input, text).at(what))
            }
        }
    }
}

fn host(tick: f64) -> Host {
    Host {
        target: format!("{} in a browser", std::env::consts::ARCH),
        cpu: None,
        threads: 1,
        simd: Isa::detect().name().into(),
        clock_tick_s: tick,
    }
}
