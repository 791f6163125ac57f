//! What a strategy keeps beside its models while they are measured, and what it makes of the results.

use std::any::Any;
use std::fmt;

use serde::{Deserialize, Serialize};

use perforate_base::Result;
use perforate_bench::energy::EnergyModel;
use perforate_bench::sweep::{BenchTarget, Results};
use perforate_bench::verdict::VerdictClass;
use perforate_data::Samples;
use perforate_report::{ScenarioReport, Section};

/// What a strategy keeps beside its models while they are measured.
pub trait Companion: Any + fmt::Debug + Send + Sync {
    /// What it adds to the report.
    fn sections(&self, _measured: &Measured<'_>) -> Vec<Section> {
        vec![]
    }

    /// The finding, where the usual one says nothing here.
    fn headline(&self, _measured: &Measured<'_>) -> Option<Headline> {
        None
    }

    /// What gates see of a row, in sentences.
    fn notes(&self, _samples: &Samples, _row: usize) -> Vec<String> {
        vec![]
    }

    /// What takes single inputs through the model while a person turns the knob.
    fn live(&self, _subject: &BenchTarget) -> Option<Box<dyn Live>> {
        None
    }
}

/// Of strategies that keep nothing.
impl Companion for () {}

/// What a companion looks at.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    /// What is measured.
    pub subject: &'a BenchTarget,
    /// What was measured.
    pub results: &'a Results,
    /// Constants of the estimates.
    pub energy: &'a EnergyModel,
    /// The core of the report.
    pub report: &'a ScenarioReport,
}

impl Measured<'_> {
    /// Whether all test samples are judged.
    pub fn is_complete(&self) -> bool {
        self.results.full.quality.n == self.subject.test.0.len()
    }
}

/// A finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Headline {
    /// In one sentence.
    pub summary: String,
    /// Against what is simpler.
    pub comparison: Option<String>,
    /// Whether routing pays.
    pub verdict: VerdictClass,
}

/// Takes inputs through a model one gate after the other, on a knob that may be turned in between.
pub trait Live: fmt::Debug {
    /// Takes the input on its way one gate further, or the next one through its first gate.
    fn advance(&mut self, samples: &Samples, knob: f32) -> Result<Moment>;
}

/// Where an input stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Which input it is.
    pub input: usize,
    /// The input, if it is text.
    pub text: Option<String>,
    /// What each stage did; nothing yet for those to come.
    pub stages: Vec<Option<String>>,
    /// What it has spent so far, in a sentence.
    pub told: String,
    /// The class that is answered, at the end.
    pub answer: Option<usize>,
    /// The right one, if that is known.
    pub truth: Option<usize>,
}
