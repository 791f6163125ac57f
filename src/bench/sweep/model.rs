//! The models of a subject, and the contenders that they become once a timer runs them.

use std::sync::Arc;

use perforate_engine::{Knobs, Program};

use crate::setting::Setting;
use crate::subject::BenchTarget;

/// A model of the subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Model {
    Full,
    Light,
    Routed,
    /// One of the others, by its place in the subject's list.
    Other(usize),
}

impl Model {
    /// All models: full, light, routed, and the others.
    pub fn all(subject: &BenchTarget) -> impl DoubleEndedIterator<Item = Model> + use<> {
        let others = (0..subject.others.len()).map(Model::Other);
        [Model::Full, Model::Light, Model::Routed].into_iter().chain(others)
    }

    /// Its program.
    pub fn program(self, subject: &BenchTarget) -> &Arc<Program> {
        match self {
            Model::Full => &subject.full,
            Model::Light => &subject.light,
            Model::Routed => &subject.routed,
            Model::Other(ix) => &subject.others[ix],
        }
    }
}

/// Who is timed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Contender {
    Full,
    Light,
    /// The routed model at a setting of its knob.
    Routed(Setting),
    /// One of the others, by its place in the subject's list.
    Other(usize),
}

impl Contender {
    /// The model that runs.
    pub fn model(self) -> Model {
        match self {
            Contender::Full => Model::Full,
            Contender::Light => Model::Light,
            Contender::Routed(_) => Model::Routed,
            Contender::Other(ix) => Model::Other(ix),
        }
    }

    /// The knobs that it runs with.
    pub fn knobs(self, subject: &BenchTarget) -> Knobs {
        match self {
            Contender::Routed(setting) => setting.knobs(&subject.knob),
            _ => self.model().program(subject).neutral_knobs(),
        }
    }

    /// Its name, for people.
    pub fn name(self, subject: &BenchTarget) -> String {
        match self {
            Contender::Full => "full".into(),
            Contender::Light => "light".into(),
            Contender::Routed(Setting(knob)) if knob == subject.range.light => "never".into(),
            Contender::Routed(Setting(knob)) if knob == subject.range.full => "always".into(),
            Contender::Routed(Setting(knob)) => format!("{} = {knob}", subject.knob),
            Contender::Other(ix) => subject.others[ix].name().to_string(),
        }
    }
}
