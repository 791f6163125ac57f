//! The user's model as a scenario: exits are found for it on some of the user's inputs, and measured on the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::auto::{Options, Search};
use crate::bench::sweep::{Active, Subject};
use crate::data::{Splits, own, shuffled, split};
use crate::engine::{Library, Program};
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::{Component, encode};
use crate::route::early_exit;

use super::experiment::Experiment;
use super::scenario::{Opened, Scenario, Source, get};

/// What every such model is measured as.
pub static OWN: Scenario = Scenario {
    name: "own/early-exit",
    strategy: early_exit::STRATEGY,
    title: "Your own model",
    text: "Exits that were fitted in closed form to the model’s own answers.",
    how: "The model is cut where little passes on. At several depths a linear head is fitted, in closed form, to the model’s own answers on a part of the inputs; those exits that save most together are kept. After each, if its best class is more probable than the threshold, the rest of the network is skipped. A lost answer is one that differs from the whole model’s, unless there are labels.",
    classes: &[],
    model: "your model",
    data: "your inputs",
    epsilon: 0.01,
    parts: &[],
    source: Source::Own,
    claim: None,
    statics: &[],
};

/// Makes another seed of a seed.
const OTHER_ORDER: u64 = 0x0f17;
/// Most rows, as a share, that exits are fitted on.
const FOR_FITTING: f64 = 0.4;

/// A model on its way to be measured.
#[derive(Debug)]
pub struct Preparation {
    search: Search,
    model: Component,
    splits: Splits,
}

impl Preparation {
    /// Reads model and inputs. `files` holds what the experiment names.
    pub fn new(files: &BTreeMap<String, Vec<u8>>, experiment: &Experiment) -> Result<Preparation> {
        let name = experiment.model.as_deref().ok_or_else(|| {
            let text = "no model is given: drop or name an .onnx file";
            Error::new(ErrorKind::Config, text).node("model")
        })?;
        let bytes = get(files, name)?;
        let program = Program::load(name, bytes)?;
        let model = Component::decode(name, bytes)?;
        let samples = match &experiment.inputs {
            Some(inputs) => own::read(inputs, get(files, inputs)?, &program)?,
            None => own::generate(&program, experiment.seed)?,
        };
        // The test has half of what is left; the types keep the parts apart.
        // The order is another than that of the split that follows.
        let rows = shuffled(&samples, experiment.seed ^ OTHER_ORDER);
        let fitting = experiment.fitting.min((FOR_FITTING * rows.len() as f64) as usize);
        let (fitting, rest) = rows.split_at(fitting);
        let splits = split(&samples.select(rest)?, experiment.sizes(), experiment.seed)
            .map_err(|e| e.within(experiment.inputs.as_deref().unwrap_or("generated inputs")))?;
        let fitting = samples.select(fitting)?.without_labels();
        let options = Options { risk: experiment.epsilon, ..Options::default() };
        Ok(Preparation { search: Search::new(model.clone(), fitting, options)?, model, splits })
    }

    /// Does a little of it.
    pub fn step(&mut self) -> Result<()> {
        self.search.step()
    }

    /// What is being done, and how much of it is done.
    pub fn progress(&self) -> (String, f64) {
        self.search.progress()
    }

    /// Whether [`Preparation::finish`] can be asked.
    pub fn is_done(&self) -> bool {
        self.search.is_done()
    }

    /// The routed model and its references, ready to be measured.
    pub fn finish(self) -> Result<Opened> {
        let Preparation { search, model, splits } = self;
        let found = search.found()?;
        let provenance = BTreeMap::from([("full".to_string(), model.name().to_string())]);
        let (stages, confidence) = (&found.stages, &found.confidence);
        let threshold = early_exit::RANGE.default;
        let routed = early_exit::compose(stages, confidence, threshold, provenance)?;
        let library = Library::default();
        let program = |role: &str, model| {
            let name = format!("{}, {role}", OWN.name);
            Program::from_proto(&library, &name, model, encode(model).len()).map(Arc::new)
        };
        let (scaling, calibration, test) = splits;
        let subject = Subject {
            full: program("full", model.model())?,
            light: program("light", &stages.up_to_head(0)?)?,
            routed: program("routed", &routed)?,
            statics: vec![],
            active: Active::Operations,
            light_always_runs: false,
            knob: early_exit::KNOB.into(),
            range: early_exit::RANGE,
            scaling,
            calibration,
            test,
            variants: vec![],
        };
        Ok(Opened { subject, probe: None, tokenizer: None, routed, exits: found.exits })
    }

    /// All of it at once.
    pub fn run(mut self) -> Result<Opened> {
        while !self.is_done() {
            self.step()?;
        }
        self.finish()
    }
}
