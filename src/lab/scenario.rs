//! The scenarios: a name, the files it needs, and how these become a [`Subject`].

use std::collections::BTreeMap;
use std::sync::Arc;

use tract_onnx::pb::ModelProto;

use crate::bench::record;
use crate::bench::sweep::{Active, Subject};
use crate::data::{Samples, Scaling, images, split};
use crate::engine::{Batch, Knobs, Library, Program, Session};
use crate::error::{Error, ErrorKind, Result};
use crate::fit::temperature;
use crate::onnx::{Component, KnobRange, encode};
use crate::route::score::Score;
use crate::route::{dendritic, early_exit};

use super::experiment::Experiment;
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

const EXITS_MNIST: [&str; 5] = [
    "models/mnist-stage1.onnx",
    "models/mnist-stage2.onnx",
    "models/mnist-stage3.onnx",
    "models/data/mnist/t10k-images-idx3-ubyte.gz",
    "models/data/mnist/t10k-labels-idx1-ubyte.gz",
];

const EXITS_FASHION: [&str; 8] = [
    "models/fashion-stage1.onnx",
    "models/fashion-stage2.onnx",
    "models/fashion-stage3.onnx",
    FASHION[3],
    FASHION[4],
    FASHION[5],
    FASHION[6],
    FASHION[7],
];

/// All scenarios; the first is the one that a visitor sees.
pub const SCENARIOS: [Scenario; 4] = [
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
    Scenario {
        name: "early-exit/mnist",
        strategy: early_exit::STRATEGY,
        title: "Early exit: MNIST",
        text: "A small CNN with two exits on its way; the first that is sure answers.",
        model: "models/mnist-stage{1,2,3}.onnx",
        data: "MNIST, test images",
        epsilon: 0.005,
        files: &EXITS_MNIST,
    },
    Scenario {
        name: "early-exit/fashion",
        strategy: early_exit::STRATEGY,
        title: "Early exit: Fashion-MNIST",
        text: "A residual CNN with two exits on its way; the first that is sure answers.",
        model: "models/fashion-stage{1,2,3}.onnx",
        data: "Fashion-MNIST, test images",
        epsilon: 0.005,
        files: &EXITS_FASHION,
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

impl Scenario {
    /// Builds what is measured. `files` holds the content of each of [`Scenario::files`] by name.
    pub fn subject(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        experiment: &Experiment,
    ) -> Result<Subject> {
        let (sizes, seed) = (experiment.sizes(), experiment.seed);
        let (models, (scaling, calibration, test)) = match self.strategy {
            early_exit::STRATEGY => {
                let splits = split(&self.images(files)?, sizes, seed)?;
                (self.early_exit(files, splits.0.as_ref())?, splits)
            }
            _ if self.files.is_empty() => {
                let reference = mlp::build(seed)?;
                let n = 2 * sizes.calibration.max(sizes.test);
                let samples = Samples::new(reference.samples(n), None)?;
                let mlp::ReferenceMlp { full, light, gate, .. } = reference;
                let parts = dendritic::Parts { full, light, gate };
                (dendritic_models(&parts)?, split(&samples, sizes, seed)?)
            }
            _ => {
                let [full, light, gate] = self.components(files)?;
                let parts = dendritic::Parts { full, light, gate };
                (dendritic_models(&parts)?, split(&self.images(files)?, sizes, seed)?)
            }
        };
        // What is compared runs from the same weights.
        let library = Library::default();
        let program = |role: &str, model: &ModelProto| {
            let name = format!("{}, {role}", self.name);
            Program::from_proto(&library, &name, model, encode(model).len()).map(Arc::new)
        };
        let statics = self.files.iter().skip(STATICS);
        Ok(Subject {
            full: program("full", &models.full)?,
            light: program("light", &models.light)?,
            routed: program("routed", &models.routed)?,
            statics: statics
                .map(|file| Program::load_with(&library, file, get(files, file)?).map(Arc::new))
                .collect::<Result<_>>()?,
            active: models.active,
            light_always_runs: models.light_always_runs,
            knob: models.knob.into(),
            range: models.range,
            scaling,
            calibration,
            test,
        })
    }

    /// The first three files, as components.
    fn components(&self, files: &BTreeMap<String, Vec<u8>>) -> Result<[Component; 3]> {
        let component = |ix: usize| {
            let file = self.files[ix];
            Component::decode(file, get(files, file)?)
        };
        Ok([component(0)?, component(1)?, component(2)?])
    }

    /// The fourth and fifth file, as images and labels.
    fn images(&self, files: &BTreeMap<String, Vec<u8>>) -> Result<Samples> {
        let [images, labels] = [self.files[3], self.files[4]];
        let x = images::read_images(images, get(files, images)?)?;
        let labels = images::read_labels(labels, get(files, labels)?)?;
        Samples::new(Batch::new().with("x", x), Some(labels))
    }

    /// Temperatures are fitted first, so that one threshold means the same at every head.
    fn early_exit(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        scaling: Option<&Scaling>,
    ) -> Result<Models> {
        let stages = early_exit::Stages::new(self.components(files)?.into())?;
        let threshold = early_exit::RANGE.default;
        let score = Score::MaxProbability;
        let temperatures = scaling.map(|s| temperatures(&stages, &s.0)).transpose()?;
        let confidence =
            early_exit::Confidence { score, temperatures: temperatures.unwrap_or_default() };
        Ok(Models {
            full: stages.full()?,
            light: stages.up_to_head(0)?,
            routed: early_exit::compose(&stages, &confidence, threshold, BTreeMap::new())?,
            knob: early_exit::KNOB,
            range: early_exit::RANGE,
            active: Active::Operations,
            light_always_runs: false,
        })
    }
}

/// The temperature of each early head.
fn temperatures(stages: &early_exit::Stages, samples: &Samples) -> Result<Vec<f32>> {
    let labels = samples.labels().unwrap_or_default();
    (0..stages.heads())
        .map(|head| {
            let model = stages.up_to_head(head)?;
            let name = format!("head {}", head + 1);
            let program = Program::from_proto(&Library::default(), &name, &model, 0)?;
            let mut session = Session::new(Arc::new(program));
            let logits = record::answers(&mut session, samples, &Knobs::new())?;
            let rows: Vec<Vec<f32>> = logits.rows().into_iter().map(|row| row.to_vec()).collect();
            Ok(temperature::fit(&rows, labels) as f32)
        })
        .collect()
}

/// Files from here on are static models.
const STATICS: usize = 5;

/// What a composer makes of its components.
struct Models {
    full: ModelProto,
    light: ModelProto,
    routed: ModelProto,
    knob: &'static str,
    range: KnobRange,
    active: Active,
    light_always_runs: bool,
}

fn dendritic_models(parts: &dendritic::Parts) -> Result<Models> {
    Ok(Models {
        full: parts.full.model().clone(),
        light: parts.light.model().clone(),
        routed: dendritic::compose(parts, dendritic::RANGE.default, provenance(parts))?,
        knob: dendritic::KNOB,
        range: dendritic::RANGE,
        active: Active::FullPath,
        light_always_runs: true,
    })
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
