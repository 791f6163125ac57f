//! How a scenario is opened: its files become a [`BenchTarget`].

use std::collections::BTreeMap;
use std::sync::Arc;

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::recorded::{HeadFit, RecordedAnswers};
use perforate_bench::sweep::BenchTarget;
use perforate_data::sentences::{self, Table, Tokenizer};
use perforate_data::{Samples, Scaling, Splits, images, pages, perturb, split, split_by};
use perforate_engine::{Batch, PlanCache, Program};
use perforate_onnx::{Component, chain, encode, set_default};
use perforate_routing::fit::quantise;
use perforate_strategies::{ConfidenceSpec, Fitting, Ingredients, Models, content as get};

use crate::catalogue::{Reference, Scenario, Source};
use crate::experiment::Experiment;
use crate::opened::Opened;
use crate::own::Preparation;

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
            Source::Images(_) | Source::Pages(_) | Source::Seed => None,
        };
        // What is compared runs from the same weights.
        let library = PlanCache::default();
        let recorded = self.recorded(files, experiment)?;
        let before = recorded.as_ref().map_or(&[][..], |own| &own.fits);
        let (parts, splits) = self.parts_and_samples(files, experiment, tokenizer.as_ref())?;
        let (scaling, calibration, test) = splits;
        let fitting = self.fitting(scaling.as_ref(), before);
        let models = self.models(parts, fitting.as_ref(), experiment, &library)?;
        let perturbations = match (&tokenizer, self.source) {
            (Some(tokenizer), _) => {
                let some: Vec<usize> = (0..experiment.perturbed.min(test.0.len())).collect();
                match some.is_empty() {
                    true => vec![],
                    false => perturb::of_texts(&test.0.select(&some)?, tokenizer, experiment.seed)?,
                }
            }
            (None, Source::Images(_) | Source::Pages(_)) => perturb::of_images(experiment.seed),
            (None, _) => vec![],
        };
        let program = |role: &str, model: &ModelProto| {
            let name = format!("{}, {role}", self.name);
            Program::from_proto(&library, &name, model, encode(model).len()).map(Arc::new)
        };
        let mut references = vec![];
        for &model in self.references {
            let own = self.references(&library, model, files, fitting.as_ref(), experiment)?;
            references.extend(own);
        }
        let fits = fitting.map_or(vec![], Fitting::into_fits);
        let subject = BenchTarget {
            full: program("full", &models.full)?,
            light: program("light", &models.light)?,
            routed: program("routed", &models.routed)?,
            references,
            active: models.active,
            light_role: models.light_role,
            knob: models.knob.into(),
            range: models.range,
            scaling,
            calibration,
            test,
            perturbations,
            tolerance: None,
            recorded,
        };
        let Models { companion, routed, .. } = models;
        Ok(Opened { subject, companion, tokenizer, routed, fits })
    }

    /// The answers that were recorded of just this experiment, if it uses them.
    fn recorded(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        experiment: &Experiment,
    ) -> Result<Option<Arc<RecordedAnswers>>> {
        let Some(file) = self.answers.filter(|_| experiment.recorded) else { return Ok(None) };
        let answers = RecordedAnswers::decode(file, get(files, file)?)?;
        let own = experiment.answers_binding()?;
        Ok((answers.binding == own).then(|| Arc::new(answers)))
    }

    /// The model to be replaced, composed anew.
    pub fn full_model(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        experiment: &Experiment,
    ) -> Result<ModelProto> {
        let tokenizer = match self.source {
            Source::Sentences([_, file]) => Some(Tokenizer::read(file, get(files, file)?)?),
            _ => None,
        };
        let recorded = self.recorded(files, experiment)?;
        let before = recorded.as_ref().map_or(&[][..], |own| &own.fits);
        let (parts, splits) = self.parts_and_samples(files, experiment, tokenizer.as_ref())?;
        let fitting = self.fitting(splits.0.as_ref(), before);
        let library = PlanCache::default();
        Ok(self.models(parts, fitting.as_ref(), experiment, &library)?.full)
    }

    /// Models to compare with.
    fn references(
        &self,
        library: &PlanCache,
        model: Reference,
        files: &BTreeMap<String, Vec<u8>>,
        scaling: Option<&Fitting<'_>>,
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

    /// What temperatures are fitted on; a network that was drawn from the seed has none.
    fn fitting<'a>(
        &self,
        scaling: Option<&'a Scaling>,
        before: &[Vec<HeadFit>],
    ) -> Option<Fitting<'a>> {
        let scaling = scaling.filter(|_| self.source != Source::Seed);
        scaling.map(|own| Fitting::new(own, before))
    }

    /// The composer's models.
    fn models(
        &self,
        parts: Vec<Component>,
        scaling: Option<&Fitting<'_>>,
        experiment: &Experiment,
        library: &PlanCache,
    ) -> Result<Models> {
        let confidence = self.confidence(experiment);
        self.strategy.recipe(Ingredients { parts, scaling, confidence, library })
    }

    /// What the composer is given, and the splits of the samples.
    fn parts_and_samples(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        experiment: &Experiment,
        tokenizer: Option<&Tokenizer>,
    ) -> Result<(Vec<Component>, Splits)> {
        let (sizes, seed) = (experiment.sizes(), experiment.seed);
        if self.source == Source::Seed {
            let n = 2 * sizes.calibration.max(sizes.test);
            let (parts, samples) = self.strategy.synthetic(seed, n)?;
            return Ok((parts, split(&samples, sizes, seed)?));
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
            (Source::Pages([file]), _) => {
                let faces = pages::Faces::read(file, get(files, file)?)?;
                let half = (sizes.scaling + sizes.calibration).max(sizes.test);
                split(&pages::samples(&faces, seed, 2 * half)?, sizes, seed)?
            }
            _ => return Err(Error::new(ErrorKind::Internal, "its samples come from no file")),
        };
        Ok((parts, splits))
    }

    fn confidence(&self, experiment: &Experiment) -> ConfidenceSpec {
        ConfidenceSpec { kind: experiment.score, classes: self.classes.len() }
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
