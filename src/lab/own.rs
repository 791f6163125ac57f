//! The user's models as scenarios: exits are found for one, or several become a cascade, on some of the user's inputs;
//! what comes of it is measured on the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::sweep::{Active, Subject};
use perforate_data::{Samples, Splits, own, shuffled, split};
use perforate_engine::{Library, Program};
use perforate_onnx::{Component, encode};
use perforate_routing::score::Kind;
use perforate_routing::search::{CascadeSearch, Options, Search};
use perforate_routing::{cascade, early_exit};

use super::experiment::{Answers, Experiment};
use super::scenario::{Opened, Scenario, Source, get};

/// What a model of the user's is measured as.
pub static OWN: Scenario = Scenario {
    name: "own/early-exit",
    strategy: early_exit::STRATEGY,
    title: "Your own model",
    text: "Exits that were fitted in closed form to the model’s own answers.",
    how: "The model is cut where little passes on. At several depths a linear head is fitted, in closed form, to the model’s own answers on a part of the inputs; those exits that save most together are kept. After each, if its best class is more probable than the threshold, or a gate that was fitted to its errors says so, the rest of the network is skipped. A lost answer is one that differs from the whole model’s, unless there are labels; of a model that answers with numbers, one that is off by more than a tenth of their standard deviation.",
    classes: &[],
    model: "your model",
    data: "your inputs",
    epsilon: 0.01,
    parts: &[],
    source: Source::Own,
    claim: None,
    references: &[],
};

/// What several models of the user's are measured as.
pub static OWN_CASCADE: Scenario = Scenario {
    name: "own/cascade",
    strategy: cascade::STRATEGY,
    title: "Your own models",
    text: "The cheap ones first, and the costliest only where they are not sure.",
    how: "Every model answers some of the inputs, and those that save most together are kept. Then the cheapest answers; if its best class is more probable than the threshold, that stands, else the next one is asked. What the models before have computed is of no use to a later one. A lost answer is one that differs from the costliest model’s, unless there are labels.",
    model: "your models",
    ..OWN
};

/// Makes another seed of a seed.
const OTHER_ORDER: u64 = 0x0f17;
/// Most rows, as a share, that exits are fitted on.
const FOR_FITTING: f64 = 0.4;

/// What is looked for.
#[derive(Debug)]
enum Hunt {
    Exits(Box<(Search, Component)>),
    Cascade(CascadeSearch),
}

impl Hunt {
    /// Numbers in an answer.
    fn width(&self) -> usize {
        match self {
            Hunt::Exits(both) => both.0.width(),
            Hunt::Cascade(search) => search.width(),
        }
    }
}

/// Models on their way to be measured.
#[derive(Debug)]
pub struct Preparation {
    hunt: Hunt,
    splits: Splits,
}

impl Preparation {
    /// Reads models and inputs. `files` holds what the experiment names.
    pub fn new(files: &BTreeMap<String, Vec<u8>>, experiment: &Experiment) -> Result<Preparation> {
        let name = experiment.model.as_deref().ok_or_else(|| {
            let text = "no model is given: drop or name an .onnx file";
            Error::new(ErrorKind::Config, text).node("model")
        })?;
        let bytes = get(files, name)?;
        let program = Program::load(name, bytes)?;
        let model = Component::decode(name, bytes)?;
        let numbers = experiment.answers == Answers::Numbers || model.gives_one_number();
        let samples = match &experiment.inputs {
            Some(inputs) => own::read(inputs, get(files, inputs)?, &program, numbers)?,
            None => own::generate(&program, experiment.seed)?,
        };
        drop(program);
        let named = experiment.inputs.as_deref().unwrap_or("generated inputs");
        let highest = samples.labels().and_then(|labels| {
            labels.iter().enumerate().max_by_key(|(_, label)| **label).map(|(row, &l)| (row, l))
        });
        let (fitting, splits) = parted(samples, experiment).map_err(|e| e.within(named))?;
        let options = Options {
            risk: experiment.epsilon,
            numbers,
            gates: experiment.score == Kind::Gate,
            ..Options::default()
        };
        let hunt = if experiment.scenario == OWN_CASCADE.name {
            let more = experiment.before.iter();
            let more = more.map(|name| Component::decode(name, get(files, name)?));
            let all = std::iter::once(Ok(model)).chain(more).collect::<Result<Vec<_>>>()?;
            Hunt::Cascade(CascadeSearch::new(all, fitting, options)?)
        } else {
            Hunt::Exits(Box::new((Search::new(model.clone(), fitting, options)?, model)))
        };
        if let Some((row, label)) = highest.filter(|(_, label)| *label >= hunt.width()) {
            let text = format!(
                "the label of row {row} is {label}, and the model has {} classes, counted from 0",
                hunt.width()
            );
            return Err(Error::new(ErrorKind::Data, text).at(named));
        }
        Ok(Preparation { hunt, splits })
    }

    /// Does a little of it.
    pub fn step(&mut self) -> Result<()> {
        match &mut self.hunt {
            Hunt::Exits(both) => both.0.step(),
            Hunt::Cascade(search) => search.step(),
        }
    }

    /// What is being done, and how much of it is done.
    pub fn progress(&self) -> (String, f64) {
        match &self.hunt {
            Hunt::Exits(both) => both.0.progress(),
            Hunt::Cascade(search) => search.progress(),
        }
    }

    /// Whether [`Preparation::finish`] can be asked.
    pub fn is_done(&self) -> bool {
        match &self.hunt {
            Hunt::Exits(both) => both.0.is_done(),
            Hunt::Cascade(search) => search.is_done(),
        }
    }

    /// The routed model and its references, ready to be measured.
    pub fn finish(self) -> Result<Opened> {
        let Preparation { hunt, splits } = self;
        let (found, full) = match hunt {
            Hunt::Exits(both) => {
                let (search, full) = *both;
                (search.found()?, full)
            }
            Hunt::Cascade(search) => {
                let full = search.full().clone();
                (search.found()?, full)
            }
        };
        let provenance = BTreeMap::from([("full".to_string(), full.name().to_string())]);
        let routed = found.compose(early_exit::RANGE.default, provenance)?;
        // What is compared runs from the same weights.
        let library = Library::default();
        let program = |role: &str, model: &ModelProto| {
            let name = format!("your model, {role}");
            Program::from_proto(&library, &name, model, encode(model).len()).map(Arc::new)
        };
        let (scaling, calibration, test) = splits;
        let subject = Subject {
            full: program("full", full.model())?,
            light: program("light", &found.light()?)?,
            routed: program("routed", &routed)?,
            others: vec![],
            active: Active::Operations,
            light_always_runs: false,
            knob: early_exit::KNOB.into(),
            range: early_exit::RANGE,
            scaling,
            calibration,
            test,
            variants: vec![],
            tolerance: found.tolerance,
        };
        Ok(Opened { subject, probe: None, tokenizer: None, routed, exits: found.exits, plan: None })
    }

    /// All of it at once.
    pub fn run(mut self) -> Result<Opened> {
        while !self.is_done() {
            self.step()?;
        }
        self.finish()
    }
}

/// Rows for fitting, without labels, and the splits of the others. Large inputs are never there more than twice.
fn parted(samples: Samples, experiment: &Experiment) -> Result<(Samples, Splits)> {
    // The order is another than that of the split that follows.
    let rows = shuffled(&samples, experiment.seed ^ OTHER_ORDER);
    let fitting = experiment.fitting.min((FOR_FITTING * rows.len() as f64) as usize);
    let (fitting, rest) = rows.split_at(fitting);
    let (fitting, rest) = (samples.select(fitting)?.without_labels(), samples.select(rest)?);
    drop(samples);
    // The test has half of what is left; the types keep the parts apart.
    let splits = split(&rest, experiment.sizes(), experiment.seed)?;
    Ok((fitting, splits))
}
