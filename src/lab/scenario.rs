//! The scenarios: a name, the files it needs, and how these become a [`Subject`].

use std::collections::BTreeMap;
use std::sync::Arc;

use tract_onnx::pb::ModelProto;

use crate::bench::sweep::{Options, Subject};
use crate::data::{Samples, images, split};
use crate::engine::{Batch, Library, Program};
use crate::error::{Error, ErrorKind, Result};
use crate::fit::calibrate::{Loss, RiskTarget};
use crate::onnx::{Component, KnobRange, encode};
use crate::report::Names;
use crate::route::dendritic;
use crate::units::Seconds;

use super::mlp;

/// Seed of everything random, unless another is asked for.
pub const SEED: u64 = 42;

/// A scenario of the registry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    /// `strategy/task`.
    pub name: &'static str,
    /// The composer.
    pub strategy: &'static str,
    /// Title for people.
    pub title: &'static str,
    /// What it shows, in a sentence.
    pub text: &'static str,
    /// What the routed model is made of.
    pub model: &'static str,
    /// Name of the data.
    pub data: &'static str,
    /// Largest risk of the operating point that is looked for.
    pub epsilon: f64,
    /// Files that it needs, relative to the project's folder.
    pub files: &'static [&'static str],
}

const FASHION: [&str; 8] = [
    "models/fashion-full.onnx",
    "models/fashion-light.onnx",
    "models/fashion-gate.onnx",
    "models/data/fashion-mnist/t10k-images-idx3-ubyte.gz",
    "models/data/fashion-mnist/t10k-labels-idx1-ubyte.gz",
    "models/fashion-static-s.onnx",
    "models/fashion-static-m.onnx",
    "models/fashion-static-l.onnx",
];

/// All scenarios; the first is the one that a visitor sees.
pub const SCENARIOS: [Scenario; 2] = [
    Scenario {
        name: "dendritic/mlp",
        strategy: dendritic::STRATEGY,
        title: "Reference MLP",
        text: "An untrained MLP made from a seed, with a light arm and a gate fitted in closed form.",
        model: "built in memory from the seed",
        data: "synthetic, around 16 prototypes",
        epsilon: 0.02,
        files: &[],
    },
    Scenario {
        name: "dendritic/fashion",
        strategy: dendritic::STRATEGY,
        title: "Fashion-MNIST",
        text: "A residual CNN behind a learned gate, with a light CNN for the easy images.",
        model: "models/fashion-{full,light,gate}.onnx",
        data: "Fashion-MNIST, test images",
        epsilon: 0.005,
        files: &FASHION,
    },
];

/// The scenario of this name.
pub fn find(name: &str) -> Result<&'static Scenario> {
    SCENARIOS.iter().find(|scenario| scenario.name == name).ok_or_else(|| {
        let known: Vec<_> = SCENARIOS.iter().map(|s| s.name).collect();
        Error::new(
            ErrorKind::Config,
            format!("there is no such scenario; there are {}", known.join(", ")),
        )
        .at(format!("scenario `{name}`"))
    })
}

/// Most samples of each split, fewer in a page and in a quick run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Samplings {
    /// For choosing the operating point.
    pub calibration: usize,
    /// For reporting.
    pub test: usize,
}

impl Scenario {
    /// The names that the report uses.
    pub fn names(&self) -> Names {
        Names {
            scenario: self.name.into(),
            strategy: self.strategy.into(),
            model: self.model.into(),
            data: self.data.into(),
        }
    }

    /// Builds what is measured. `files` holds the content of each of [`Scenario::files`] by name.
    pub fn subject(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        samplings: Samplings,
        seed: u64,
    ) -> Result<Subject> {
        let (parts, samples) = match self.name {
            "dendritic/mlp" => {
                let reference = mlp::build(seed)?;
                let n = 2 * samplings.calibration.max(samplings.test);
                let samples = Samples::new(reference.samples(n), None)?;
                let mlp::ReferenceMlp { full, light, gate, .. } = reference;
                (dendritic::Parts { full, light, gate }, samples)
            }
            _ => {
                let file = |ix: usize| get(files, self.files[ix]);
                let component = |ix: usize| Component::decode(self.files[ix], file(ix)?);
                let parts = dendritic::Parts {
                    full: component(0)?,
                    light: component(1)?,
                    gate: component(2)?,
                };
                let images = images::read_images(self.files[3], file(3)?)?;
                let labels = images::read_labels(self.files[4], file(4)?)?;
                (parts, Samples::new(Batch::new().with("x", images), Some(labels))?)
            }
        };
        let (calibration, test) = split(&samples, samplings.calibration, samplings.test, seed)?;
        let routed = dendritic::compose(&parts, 0.5, provenance(&parts))?;
        // What is compared runs from the same weights.
        let library = Library::default();
        let program = |name: &str, model: &ModelProto| {
            Program::from_proto(&library, name, model, encode(model).len()).map(Arc::new)
        };
        let alone = |part: &Component| program(part.name(), part.model());
        // Files after the first five are static models.
        let statics = self
            .files
            .iter()
            .skip(5)
            .map(|file| Program::load_with(&library, file, get(files, file)?).map(Arc::new));
        Ok(Subject {
            statics: statics.collect::<Result<_>>()?,
            full: alone(&parts.full)?,
            light: alone(&parts.light)?,
            routed: program(self.name, &routed)?,
            knob: dendritic::KNOB.into(),
            range: KnobRange { default: 0.5, ..dendritic::RANGE },
            calibration,
            test,
        })
    }
}

fn provenance(parts: &dendritic::Parts) -> BTreeMap<String, String> {
    [("full", &parts.full), ("light", &parts.light), ("gate", &parts.gate)]
        .into_iter()
        .map(|(role, part)| (role.to_string(), part.name().to_string()))
        .collect()
}

fn get<'a>(files: &'a BTreeMap<String, Vec<u8>>, name: &str) -> Result<&'a [u8]> {
    files
        .get(name)
        .map(Vec::as_slice)
        .ok_or_else(|| Error::new(ErrorKind::Io, "the file is missing").at(name))
}

/// How much the command line measures.
pub fn usual_options(scenario: &Scenario, quick: bool) -> Result<(Options, Samplings)> {
    let options = Options {
        rounds: if quick { 7 } else { 25 },
        timed_rows: if quick { 64 } else { 128 },
        batch: 32,
        slice: Seconds(0.02),
        seed: SEED,
        target: RiskTarget::new(Loss::Error, scenario.epsilon, 0.1)?,
    };
    let n = if quick { 1000 } else { 5000 };
    Ok((options, Samplings { calibration: n, test: n }))
}
