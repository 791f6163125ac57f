//! A scenario: a name, the files it needs, and how these become a [`BenchTarget`].

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::sweep::BenchTarget;
use perforate_data::sentences::{self, Table, Tokenizer};
use perforate_data::{Samples, Scaling, Splits, images, perturb, split, split_by};
use perforate_engine::{Batch, PlanCache, Program};
use perforate_onnx::{Component, chain, encode, set_default};
use perforate_report::{ScenarioReport, Section};
use perforate_routing::fit::quantise;
use perforate_routing::score::Kind;
use perforate_strategies::{
    Companion, ConfidenceSpec, Ingredients, Models, Strategy, content as get,
};

use crate::experiment::Experiment;
use crate::own::Preparation;

/// Seed of everything random, unless another is asked for.
pub const SEED: u64 = 42;

/// Where the samples of a scenario come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Source {
    /// They are made from the seed.
    Seed,
    /// Files of images and labels.
    Images([&'static str; 2]),
    /// Files of labelled sentences and of the tokenizer.
    Sentences([&'static str; 2]),
    /// Model and inputs are the user's.
    Own,
}

impl Source {
    fn files(&self) -> &[&'static str] {
        match self {
            Source::Seed | Source::Own => &[],
            Source::Images(files) | Source::Sentences(files) => files,
        }
    }
}

/// A scenario, opened.
#[derive(Debug)]
pub struct Opened {
    /// What is measured.
    pub subject: BenchTarget,
    /// What the strategy keeps beside its models.
    pub companion: Arc<dyn Companion>,
    /// What reads the sentences, where the samples are some.
    pub tokenizer: Option<Tokenizer>,
    /// The routed model, to take away.
    pub routed: ModelProto,
}

/// A scenario, a row of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// `strategy/task`.
    pub name: &'static str,
    /// How its model is routed.
    pub strategy: &'static dyn Strategy,
    /// Title for people.
    pub title: &'static str,
    /// What it shows, in a sentence.
    pub text: &'static str,
    /// How it works, in a few sentences, where the strategy's explanation is not enough.
    pub how: Option<&'static str>,
    /// Names of the classes; empty where they have none.
    pub classes: &'static [&'static str],
    /// What the routed model is made of.
    pub model: &'static str,
    /// Name of the data.
    pub data: &'static str,
    /// Largest risk of the operating point that is looked for.
    pub epsilon: f64,
    /// Files of the parts that the composer is given, relative to the project's folder, in its order; in groups, so
    /// that scenarios can share one.
    pub parts: &'static [&'static [&'static str]],
    /// Where its samples come from.
    pub source: Source,
    /// Sections that it adds to its report.
    pub sections: &'static [fn(&ScenarioReport) -> Option<Section>],
    /// Models to compare with.
    pub references: &'static [Reference],
}

/// A model to compare with.
#[derive(Debug, Clone, Copy)]
pub enum Reference {
    /// The files that it consists of, in a row.
    Files(&'static [&'static str]),
    /// The same with its matrix products in eight bits, weights by column, activations as they come.
    EightBits(&'static [&'static str]),
    /// Another strategy at some settings of its knob; no static model, but judged like one.
    Routed {
        /// How it is routed.
        strategy: &'static dyn Strategy,
        /// Files of the parts that the composer is given, in groups.
        parts: &'static [&'static [&'static str]],
        /// Values of its knob.
        settings: &'static [f32],
    },
}

impl Reference {
    fn files(self) -> Vec<&'static str> {
        match self {
            Reference::Files(files) | Reference::EightBits(files) => files.to_vec(),
            Reference::Routed { parts, .. } => parts.concat(),
        }
    }
}

impl Scenario {
    /// Builds what is measured. `files` holds the content of each of [`Scenario::files`] by name.
    pub fn subject(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        experiment: &Experiment,
    ) -> Result<BenchTarget> {
        Ok(self.open(files, experiment)?.subject)
    }

    /// The same, with what shows people more of it.
    pub fn open(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        experiment: &Experiment,
    ) -> Result<Opened> {
        let tokenizer = match self.source {
            Source::Own => return Preparation::new(files, experiment)?.run(),
            Source::Sentences([_, file]) => Some(Tokenizer::read(file, get(files, file)?)?),
            Source::Images(_) | Source::Seed => None,
        };
        // What is compared runs from the same weights.
        let library = PlanCache::default();
        let (models, splits) = self.models(files, experiment, tokenizer.as_ref(), &library)?;
        let (scaling, calibration, test) = splits;
        let variants = match &tokenizer {
            Some(tokenizer) => perturb::variants(&test.0, tokenizer, experiment.seed)?,
            None => vec![],
        };
        let program = |role: &str, model: &ModelProto| {
            let name = format!("{}, {role}", self.name);
            Program::from_proto(&library, &name, model, encode(model).len()).map(Arc::new)
        };
        let mut others = vec![];
        for &model in self.references {
            others.extend(self.references(&library, model, files, scaling.as_ref(), experiment)?);
        }
        let subject = BenchTarget {
            full: program("full", &models.full)?,
            light: program("light", &models.light)?,
            routed: program("routed", &models.routed)?,
            others,
            active: models.active,
            light_always_runs: models.light_always_runs,
            knob: models.knob.into(),
            range: models.range,
            scaling,
            calibration,
            test,
            variants,
            tolerance: None,
        };
        let Models { companion, routed, .. } = models;
        Ok(Opened { subject, companion, tokenizer, routed })
    }

    /// Models to compare with.
    fn references(
        &self,
        library: &PlanCache,
        model: Reference,
        files: &BTreeMap<String, Vec<u8>>,
        scaling: Option<&Scaling>,
        experiment: &Experiment,
    ) -> Result<Vec<Arc<Program>>> {
        let Reference::Routed { strategy, settings, .. } = model else {
            return Ok(vec![Arc::new(reference(library, model, files)?)]);
        };
        let parts =
            model.files().into_iter().map(|file| Component::decode(file, get(files, file)?));
        let parts = parts.collect::<Result<Vec<_>>>()?;
        let confidence = self.confidence(experiment);
        let Models { mut routed, knob, .. } =
            strategy.recipe(Ingredients { parts, scaling, confidence, library })?;
        let program = |&setting: &f32| {
            set_default(&mut routed, knob, setting)?;
            let name = format!("{}, {knob} {setting}", strategy.name().replace('_', " "));
            Program::from_proto(library, &name, &routed, encode(&routed).len()).map(Arc::new)
        };
        settings.iter().map(program).collect()
    }

    /// The composer's models, and the splits of the samples.
    fn models(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        experiment: &Experiment,
        tokenizer: Option<&Tokenizer>,
        library: &PlanCache,
    ) -> Result<(Models, Splits)> {
        let (sizes, seed) = (experiment.sizes(), experiment.seed);
        let confidence = self.confidence(experiment);
        if self.source == Source::Seed {
            let n = 2 * sizes.calibration.max(sizes.test);
            let (parts, samples) = self.strategy.synthetic(seed, n)?;
            let ingredients = Ingredients { parts, scaling: None, confidence, library };
            return Ok((self.strategy.recipe(ingredients)?, split(&samples, sizes, seed)?));
        }
        let parts = self
            .parts
            .iter()
            .copied()
            .flatten()
            .map(|file| Component::decode(*file, get(files, file)?))
            .collect::<Result<Vec<_>>>()?;
        let splits = match (self.source, tokenizer) {
            (Source::Sentences([table, _]), Some(tokenizer)) => {
                let name = experiment.table.as_deref().unwrap_or(table);
                let table = Table::read(name, get(files, name)?)?;
                let samples = sentences::samples(table.texts, Some(table.labels), tokenizer)?;
                match &table.parts {
                    Some(parts) => split_by(&samples, parts, sizes, seed),
                    None => split(&samples, sizes, seed),
                }
                .map_err(|e| e.within(name))?
            }
            (Source::Images([x, labels]), _) => {
                let pixels = images::read_images(x, get(files, x)?)?;
                let labels = images::read_labels(labels, get(files, labels)?)?;
                split(&Samples::new(Batch::new().with("x", pixels), Some(labels))?, sizes, seed)?
            }
            _ => return Err(Error::new(ErrorKind::Internal, "its samples come from no file")),
        };
        let scaling = splits.0.as_ref();
        let ingredients = Ingredients { parts, scaling, confidence, library };
        Ok((self.strategy.recipe(ingredients)?, splits))
    }

    fn confidence(&self, experiment: &Experiment) -> ConfidenceSpec {
        ConfidenceSpec { kind: experiment.score, classes: self.classes.len() }
    }

    /// How it works, in a few sentences.
    pub fn explanation(&self) -> &'static str {
        self.how.unwrap_or_else(|| self.strategy.explanation())
    }

    /// The confidence scores that its gates can use; none where they ask something else.
    pub fn scores(&self) -> &'static [Kind] {
        self.strategy.scores()
    }

    /// All files that it needs, each once.
    pub fn files(&self) -> impl Iterator<Item = &'static str> {
        let mut known = HashSet::new();
        let parts = self.parts.iter().copied();
        let beside = self.references.iter().map(|model| model.files());
        let all = parts.flatten().chain(self.source.files()).copied().chain(beside.flatten());
        all.filter(move |file| known.insert(*file))
    }
}

/// A model to compare with, of one file or several in a row.
fn reference(
    library: &PlanCache,
    model: Reference,
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<Program> {
    let parts = model.files();
    if let (Reference::Files(_), [file]) = (model, &parts[..]) {
        return Program::load_with(library, file, get(files, file)?);
    }
    let mut size = 0;
    let mut decode = |file: &&str| {
        let bytes = get(files, file)?;
        size += bytes.len();
        Component::decode(*file, bytes)
    };
    let parts = parts.iter().map(&mut decode).collect::<Result<Vec<_>>>()?;
    let whole = chain(&parts, &[("logits", "logits")])?;
    if let Reference::EightBits(_) = model {
        let name = format!("{} in eight bits", whole.name().trim_end_matches(".onnx"));
        let quantised = quantise::int8(&whole)?.model;
        return Program::from_proto(library, &name, &quantised, encode(&quantised).len());
    }
    Program::from_proto(library, whole.name(), whole.model(), size)
}

/// Scenarios are told apart by their names.
impl PartialEq for Scenario {
    fn eq(&self, other: &Scenario) -> bool {
        self.name == other.name
    }
}
