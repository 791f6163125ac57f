//! The user's models as scenarios: exits are found for one, or several become a pool, on some of the user's inputs;
//! what comes of it is measured on the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::sweep::{Active, BenchTarget, LightRole};
use perforate_data::{Samples, Splits, own, shuffled, split};
use perforate_engine::{PlanCache, Program};
use perforate_onnx::{Component, encode};

use perforate_routing::exits;
use perforate_routing::names::model_name;
use perforate_routing::score::Kind;
use perforate_routing::search::{Options, Parts};
use perforate_strategies::{RoutingSearch, content as get};

use crate::catalogue::find;
use crate::experiment::{Answers, Experiment};
use crate::opened::Opened;

/// Makes another seed of a seed.
const OTHER_ORDER: u64 = 0x0f17;
/// Most rows, as a share, that exits are fitted on.
const FOR_FITTING: f64 = 0.4;

/// Models on their way to be measured.
#[derive(Debug)]
pub struct Preparation {
    /// Name of the strategy.
    strategy: &'static str,
    search: Box<dyn RoutingSearch>,
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
        let (fitting, splits) = split_fitting(samples, experiment).map_err(|e| e.within(named))?;
        let options = Options {
            risk: experiment.epsilon,
            numbers,
            gates: experiment.score == Kind::Gate,
            ..Options::default()
        };
        let more = experiment.cheaper_models.iter();
        let more = more.map(|name| Component::decode(name, get(files, name)?));
        let models = std::iter::once(Ok(model)).chain(more).collect::<Result<Vec<_>>>()?;
        let scenario = find(&experiment.scenario)?;
        let search = scenario.strategy.search(models, fitting, options).ok_or_else(|| {
            let text = "the strategy finds no parts in models that were not made for it";
            Error::new(ErrorKind::Config, text).at(scenario.name)
        })??;
        if let Some((row, label)) = highest.filter(|(_, label)| *label >= search.width()) {
            let text = format!(
                "the label of row {row} is {label}, and the model has {} classes, counted from 0",
                search.width()
            );
            return Err(Error::new(ErrorKind::Data, text).at(named));
        }
        Ok(Preparation { strategy: scenario.strategy.name(), search, splits })
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
        let Preparation { strategy, search, splits } = self;
        let companion = search.companion();
        let (full, found) = search.finish()?;
        let provenance = BTreeMap::from([("full".to_string(), full.name().to_string())]);
        let routed = found.compose(strategy, exits::RANGE.default, provenance)?;
        // What is compared runs from the same weights.
        let library = PlanCache::default();
        let program = |role: &str, model: &ModelProto| {
            let name = format!("your model, {role}");
            Program::from_proto(&library, &name, model, encode(model).len()).map(Arc::new)
        };
        let (scaling, calibration, test) = splits;
        let references = found.statics.iter().map(|own| {
            let (name, model) = (model_name(own.name()), own.model());
            Program::from_proto(&library, &name, model, encode(model).len()).map(Arc::new)
        });
        let references = references.collect::<Result<Vec<_>>>()?;
        let subject = BenchTarget {
            full: program("full", full.model())?,
            light: program("light", &found.light()?)?,
            routed: program("routed", &routed)?,
            references,
            active: Active::Operations,
            light_role: match found.parts {
                Parts::Exits(_) => LightRole::FirstExit,
                Parts::Chain(_) | Parts::Pool(_) => LightRole::GateReads,
            },
            knob: exits::KNOB.into(),
            range: exits::RANGE,
            scaling,
            calibration,
            test,
            perturbations: vec![],
            tolerance: found.tolerance,
            recorded: None,
        };
        Ok(Opened { subject, companion: companion(&found), tokenizer: None, routed, fits: vec![] })
    }

    /// All of it at once.
    pub fn run(mut self) -> Result<Opened> {
        while !self.is_done() {
            self.step()?;
        }
        self.finish()
    }
}

/// Rows for fitting, and the splits of the others. Large inputs are never there more than twice.
fn split_fitting(samples: Samples, experiment: &Experiment) -> Result<(Samples, Splits)> {
    // The order is another than that of the split that follows.
    let rows = shuffled(&samples, experiment.seed ^ OTHER_ORDER);
    let fitting = experiment.fitting.min((FOR_FITTING * rows.len() as f64) as usize);
    let (fitting, rest) = rows.split_at(fitting);
    let (fitting, rest) = (samples.select(fitting)?, samples.select(rest)?);
    drop(samples);
    // The test has half of what is left; the types keep the parts apart.
    let splits = split(&rest, experiment.sizes(), experiment.seed)?;
    Ok((fitting, splits))
}
