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
    /// A reference, by its place in the subject's list.
    Reference(usize),
}

impl Model {
    /// All models: full, light, routed, and the references.
    pub fn all(subject: &BenchTarget) -> impl DoubleEndedIterator<Item = Model> + use<> {
        let references = (0..subject.references.len()).map(Model::Reference);
        [Model::Full, Model::Light, Model::Routed].into_iter().chain(references)
    }

    /// Its program.
    pub fn program(self, subject: &BenchTarget) -> &Arc<Program> {
        match self {
            Model::Full => &subject.full,
            Model::Light => &subject.light,
            Model::Routed => &subject.routed,
            Model::Reference(ix) => &subject.references[ix],
        }
    }
}

/// Who is timed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Contender {
    Full,
    /// The full model once more, to be held against itself.
    FullAgain,
    /// The full model with a part of its work repeated.
    FullSlowed,
    Light,
    /// The routed model at a setting of its knob.
    Routed(Setting),
    /// A reference, by its place in the subject's list.
    Reference(usize),
}

impl Contender {
    /// The model that runs.
    pub fn model(self) -> Model {
        match self {
            Contender::Full | Contender::FullAgain | Contender::FullSlowed => Model::Full,
            Contender::Light => Model::Light,
            Contender::Routed(_) => Model::Routed,
            Contender::Reference(ix) => Model::Reference(ix),
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
            Contender::FullAgain => "full, again".into(),
            Contender::FullSlowed => "full, slowed down".into(),
            Contender::Light => "light".into(),
            Contender::Routed(Setting(knob)) if knob == subject.range.light => {
                "routed, light path".into()
            }
            Contender::Routed(Setting(knob)) if knob == subject.range.full => {
                "routed, full path".into()
            }
            Contender::Routed(Setting(knob)) => format!("{} = {knob}", subject.knob),
            Contender::Reference(ix) => subject.references[ix].name().to_string(),
        }
    }
}
