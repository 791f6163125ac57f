//! An experiment: everything that decides what is measured, as a small JSON file that repeats it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use perforate_base::units::Seconds;
use perforate_base::{Error, ErrorKind, Named, Result};
use perforate_bench::energy::EnergyModel;
use perforate_bench::sequential::Stopping;
use perforate_bench::sweep::{CostBasis, Options, USUAL_SETTINGS};
pub use perforate_data::Answers;
use perforate_data::Sizes;
use perforate_data::pictures::Form;
use perforate_report::{Context, FileReport, Targets};
use perforate_routing::fit::calibrate::{Loss, RiskTarget};
use perforate_routing::score;

use super::catalogue::{SEED, Scenario, Source, find};

/// Bounds of what a file may ask for; beyond them a run would never end.
const MOST_ROUNDS: usize = 10_000;
const MOST_LAUNCHES: usize = 100;
const MOST_ROWS: usize = 1_000_000;
const LARGEST_BATCH: usize = 4096;
/// Settings of the knob: every one is timed.
const MOST_SETTINGS: usize = 101;
/// Rows of a user's table that a page measures, for calibration and for the test each.
const MOST_OF_A_TABLE: usize = 1000;

/// An experiment. Fields that a file leaves out have the scenario's usual values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// `strategy/task`.
    pub scenario: String,
    /// Whether less than usual is measured.
    pub quick: bool,
    /// Seed of everything random.
    pub seed: u64,
    /// Rounds of timing at each batch size, over all launches.
    pub rounds: usize,
    /// Times that the measuring program is started anew. A page is one launch.
    pub launches: usize,
    /// Settings of the knob that are measured, its ends included: the more, the closer to its limit is the one chosen.
    #[serde(default = "usual_settings")]
    pub settings: usize,
    /// Rows in one timing pass at batch 1.
    pub timed_rows: usize,
    /// The larger batch size.
    pub batch: usize,
    /// Samples for fitting temperatures.
    pub scaling: usize,
    /// Samples for choosing, at most.
    pub calibration: usize,
    /// Samples for reporting, at most.
    pub test: usize,
    /// Test samples that each change of the inputs is tried on; 0 skips this.
    #[serde(default)]
    pub perturbed: usize,
    /// What counts as a loss.
    pub loss: Loss,
    /// Largest risk of the operating point.
    pub epsilon: f64,
    /// Probability that the guarantee fails.
    pub delta: f64,
    /// What counts as cost.
    pub cost: CostBasis,
    /// Constants of the energy and money estimates.
    pub energy: EnergyModel,
    /// What is asked of the operating point.
    pub targets: Targets,
    /// How sure an early exit, or a model of a cascade, is.
    #[serde(default)]
    pub score: score::Kind,
    /// Table of the user's own sentences, instead of the scenario's; the name of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The user's own model, where that is measured; the name of an ONNX file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// More models of the user's, of which cheap ones are asked before it; files too.
    #[serde(default, skip_serializing_if = "Vec::is_empty", alias = "before")]
    pub cheaper_models: Vec<String>,
    /// What it answers with.
    #[serde(default)]
    pub answers: Answers,
    /// How pictures become its inputs, where these are a folder of some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pictures: Option<Form>,
    /// Inputs for it; without them some are drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<String>,
    /// Rows for fitting exits to it, at most.
    #[serde(default = "usual_fitting")]
    pub fitting: usize,
    /// Whether answers are taken from the scenario's file of recorded ones, of which some are checked, and only times
    /// are measured.
    #[serde(default)]
    pub recorded: bool,
    /// SHA-256 by file, in hexadecimal; a file named here must have this content.
    pub files: BTreeMap<String, String>,
}

impl Experiment {
    /// What the command line measures of a scenario.
    pub fn usual(scenario: &Scenario, quick: bool) -> Experiment {
        let n = if quick { 1000 } else { 5000 };
        let experiment = Experiment {
            scenario: scenario.name.into(),
            quick,
            seed: SEED,
            rounds: if quick { 6 } else { 25 },
            launches: if quick { 3 } else { 5 },
            settings: usual_settings(),
            timed_rows: if quick { 64 } else { 128 },
            batch: 32,
            scaling: n / 5,
            calibration: n,
            test: n,
            perturbed: if quick { 0 } else { 1500 },
            loss: scenario.loss(),
            epsilon: scenario.epsilon,
            delta: 0.1,
            cost: CostBasis::Operations,
            energy: EnergyModel::default(),
            targets: Targets::default(),
            score: score::Kind::default(),
            table: None,
            model: None,
            cheaper_models: vec![],
            answers: Answers::default(),
            pictures: None,
            inputs: None,
            fitting: usual_fitting(),
            recorded: false,
            files: BTreeMap::new(),
        };
        match scenario.source {
            Source::Seed | Source::Images(_) | Source::Own => experiment.with_recorded(scenario),
            // Each takes some milliseconds, and a millisecond to draw.
            Source::Pages(_) => {
                let (n, timed_rows) = if quick { (600, 32) } else { (3000, 64) };
                let perturbed = experiment.perturbed.min(500);
                let (calibration, test, scaling) = (n, n, n / 10);
                Experiment { timed_rows, calibration, test, scaling, perturbed, ..experiment }
            }
            // There are fewer of them, each takes longer, and two classes need few samples for a temperature.
            Source::Sentences(_) => {
                let n = if quick { 300 } else { n };
                let timed_rows = experiment.timed_rows / if quick { 4 } else { 2 };
                let (rounds, launches) = if quick { (4, 2) } else { (15, 5) };
                let (calibration, test, scaling) = (n, n, 200.min(n / 3));
                Experiment {
                    rounds,
                    launches,
                    timed_rows,
                    scaling,
                    calibration,
                    test,
                    perturbed: if quick { 0 } else { 200 },
                    ..experiment
                }
                .with_recorded(scenario)
            }
        }
    }

    /// The same on all samples whose answers are recorded, unless it is to be quick.
    fn with_recorded(self, scenario: &Scenario) -> Experiment {
        match scenario.recorded_rows().filter(|_| !self.quick) {
            Some(Sizes { scaling, calibration, test }) => {
                Experiment { recorded: true, scaling, calibration, test, ..self }
            }
            None => self,
        }
    }

    /// What a page measures: less, since people wait for it, but for answers that were recorded before.
    pub fn in_page(scenario: &Scenario, quick: bool) -> Experiment {
        let (n, timed_rows) = page_rows(scenario, quick);
        let perturbed = match (scenario.source, quick) {
            (_, true) | (Source::Seed | Source::Own, _) => 0,
            (Source::Images(_), _) => 200,
            (Source::Sentences(_) | Source::Pages(_), _) => 40,
        };
        let measured = Experiment {
            rounds: if quick { 5 } else { 6 },
            launches: 1,
            timed_rows,
            scaling: n / 5,
            calibration: n,
            test: n,
            perturbed,
            ..Experiment::usual(scenario, quick)
        };
        match scenario.recorded_rows() {
            Some(Sizes { scaling, calibration, test }) => {
                Experiment { recorded: true, scaling, calibration, test, ..measured }
            }
            None => measured,
        }
    }

    /// The same with all answers computed here, on as many samples as one can wait for.
    pub fn computed_here(self) -> Experiment {
        let Some(scenario) = find(&self.scenario).ok().filter(|_| self.recorded) else {
            return self;
        };
        let (n, _) = page_rows(scenario, self.quick);
        Experiment { recorded: false, scaling: n / 5, calibration: n, test: n, ..self }
    }

    /// Whether the same is measured as in `other`, and only judged otherwise.
    pub fn measures_as(&self, other: &Experiment) -> bool {
        let Experiment { loss, epsilon, delta, cost, energy, targets, .. } = *self;
        let files = self.files.clone();
        let judged = other.clone();
        *self == Experiment { loss, epsilon, delta, cost, energy, targets, files, ..judged }
    }

    /// The same on a table of the user's, of which more is read than of the built-in one, unless it is to be quick.
    pub fn with_table(self, name: &str) -> Experiment {
        let own = self.computed_here();
        let most = |usual: usize| if own.quick { usual } else { usual.max(MOST_OF_A_TABLE) };
        Experiment {
            table: Some(name.to_string()),
            calibration: most(own.calibration),
            test: most(own.test),
            scaling: if own.quick { own.scaling } else { 200 },
            ..own
        }
    }

    /// The same of the user's models, the last one to be replaced, on the user's inputs.
    pub fn with_models(self, models: &[String], inputs: Option<&str>) -> Experiment {
        let (model, cheaper_models) = match models.split_last() {
            Some((model, cheaper)) => (Some(model.clone()), cheaper.to_vec()),
            None => (None, vec![]),
        };
        Experiment { model, cheaper_models, inputs: inputs.map(str::to_string), ..self }
    }

    /// Reads experiments from JSON: one object, a list of them, or a report, whose experiments are repeated.
    /// `name` stands in error messages.
    pub fn read(name: &str, text: &str) -> Result<Vec<Experiment>> {
        let fault = |text: String| Error::new(ErrorKind::Config, text).at(name);
        let value: Value = serde_json::from_str(text)
            .map_err(|e| fault(format!("this is no experiment in JSON ({e})")))?;
        let entries = match value {
            Value::Array(entries) => entries,
            Value::Object(mut report) if report.contains_key("scenarios") => {
                let Some(Value::Array(scenarios)) = report.remove("scenarios") else {
                    return Err(fault("`scenarios` of a report must be a list".into()));
                };
                let own = |(ix, scenario): (usize, Value)| {
                    let experiment = scenario.get("experiment").cloned();
                    experiment.ok_or_else(|| {
                        let text = "it holds no experiment, so it cannot be repeated";
                        fault(text.into()).node(format!("scenarios[{ix}]"))
                    })
                };
                scenarios.into_iter().enumerate().map(own).collect::<Result<_>>()?
            }
            one => vec![one],
        };
        if entries.is_empty() {
            return Err(fault("it holds no experiment".into()));
        }
        entries.into_iter().map(|entry| Self::of(entry).map_err(|e| e.within(name))).collect()
    }

    fn of(value: Value) -> Result<Experiment> {
        let fault = |text: String| Error::new(ErrorKind::Config, text);
        let Value::Object(given) = value else {
            return Err(fault("an experiment is a JSON object with at least a `scenario`".into()));
        };
        let Some(Value::String(scenario)) = given.get("scenario") else {
            return Err(fault("the name of the scenario is missing".into()).node("scenario"));
        };
        let quick = given.get("quick").and_then(Value::as_bool).unwrap_or(false);
        let usual = Experiment::usual(find(scenario)?, quick);
        let mut whole = serde_json::to_value(usual)
            .map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
        for (field, value) in given {
            whole[field] = value;
        }
        let experiment: Experiment =
            serde_json::from_value(whole).map_err(|e| fault(perforate_base::error::one_line(e)))?;
        experiment.validate()?;
        Ok(experiment)
    }

    /// Refuses what cannot be run, naming the field.
    pub fn validate(&self) -> Result<()> {
        let bounded = [
            ("rounds", self.rounds, 1, MOST_ROUNDS),
            ("launches", self.launches, 1, MOST_LAUNCHES),
            ("settings", self.settings, 3, MOST_SETTINGS),
            ("timed_rows", self.timed_rows, 1, MOST_ROWS),
            ("batch", self.batch, 2, LARGEST_BATCH),
            ("calibration", self.calibration, 1, MOST_ROWS),
            ("test", self.test, 1, MOST_ROWS),
            ("scaling", self.scaling, 0, MOST_ROWS),
            ("perturbed", self.perturbed, 0, MOST_ROWS),
            ("fitting", self.fitting, 1, MOST_ROWS),
        ];
        if let Some((name, value, least, most)) =
            bounded.into_iter().find(|&(_, value, least, most)| value < least || value > most)
        {
            let text = format!("{value} must lie in {least}…{most}");
            return Err(Error::new(ErrorKind::Config, text).node(name));
        }
        let scenario = find(&self.scenario)?;
        let only_usual = scenario.source == Source::Own && scenario.scores().is_empty();
        if only_usual && self.score != score::Kind::default() {
            let text = format!("{} is asked by its largest probability alone", scenario.name);
            return Err(Error::new(ErrorKind::Config, text).node("score"));
        }
        if !scenario.scores().is_empty() && !scenario.scores().contains(&self.score) {
            let known: Vec<_> = scenario.scores().iter().map(|score| score.name()).collect();
            let text = format!(
                "{} is not offered by {}; there are {}",
                self.score.name(),
                scenario.name,
                known.join(", ")
            );
            return Err(Error::new(ErrorKind::Config, text).node("score"));
        }
        if self.recorded && (scenario.answers.is_none() || self.table.is_some()) {
            let text = "there are no recorded answers for this: leave it out";
            return Err(Error::new(ErrorKind::Config, text).node("recorded"));
        }
        if let Some(form) = &self.pictures {
            form.validate()?;
        }
        self.energy.validate()?;
        self.targets.validate()?;
        RiskTarget::new(self.loss, self.epsilon, self.delta).map(drop)
    }

    /// The sweep's options, for one launch.
    pub fn options(&self) -> Result<Options> {
        self.validate()?;
        Ok(Options {
            rounds: self.rounds.div_ceil(self.launches),
            settings: self.settings,
            timed_rows: self.timed_rows,
            batch: self.batch,
            perturbed_rows: self.perturbed,
            slice: Seconds(0.02),
            seed: self.seed,
            target: RiskTarget::new(self.loss, self.epsilon, self.delta)?,
            cost: self.cost,
            energy: self.energy,
            headline: (self.launches == 1 && !self.quick).then(Stopping::default),
            timing_only: false,
        })
    }

    /// Sizes of the splits.
    pub fn sizes(&self) -> Sizes {
        Sizes { scaling: self.scaling, calibration: self.calibration, test: self.test }
    }

    /// The files that it needs: the scenario's, or the user's table in the place of its own.
    pub fn needed(&self) -> Result<Vec<String>> {
        let scenario = find(&self.scenario)?;
        let own = |file: &'static str| match (&self.table, scenario.source) {
            (Some(table), Source::Sentences([usual, _])) if usual == file => table.clone(),
            _ => file.to_string(),
        };
        if self.table.is_some() && !matches!(scenario.source, Source::Sentences(_)) {
            let text = "the scenario has no sentences, so it cannot take a table of them";
            return Err(Error::new(ErrorKind::Config, text).node("table"));
        }
        if scenario.source == Source::Own {
            let model = self.model.clone().ok_or_else(|| {
                let text = "it is not given: name an .onnx file, or drop one on the page";
                Error::new(ErrorKind::Config, text).node("model")
            })?;
            let models = self.cheaper_models.iter().cloned().chain([model]);
            return Ok(models.chain(self.inputs.clone()).collect());
        }
        let answers = scenario.answers.filter(|_| self.recorded).map(str::to_string);
        Ok(scenario.files().map(own).chain(answers).collect())
    }

    /// Digest of what decides about answers: models, data, seed, and how sure answers are taken to be. Its files must
    /// have been noted.
    pub fn answers_binding(&self) -> Result<String> {
        let scenario = find(&self.scenario)?;
        let noted = |file: &&'static str| (*file, self.files.get(*file));
        let files: BTreeMap<_, _> =
            scenario.files().collect::<Vec<_>>().iter().map(noted).collect();
        let what = serde_json::json!([self.scenario, self.seed, self.scaling, self.score, files]);
        Ok(sha256(what.to_string().as_bytes()))
    }

    /// The same experiment with the content of its files noted; a file that is noted already must be the
    /// same.
    pub fn with_files(mut self, contents: &BTreeMap<String, Vec<u8>>) -> Result<Experiment> {
        let needed = self.needed()?;
        let noted = needed.iter().filter_map(|name| contents.get_key_value(name));
        for (name, bytes) in noted {
            let digest = sha256(bytes);
            match self.files.get(name) {
                Some(wanted) if *wanted != digest => {
                    let text = format!(
                        "its content is not what the experiment was made with (SHA-256 {digest}, wanted {wanted}): take that file, or remove the entry"
                    );
                    return Err(Error::new(ErrorKind::Config, text).at(name));
                }
                _ => drop(self.files.insert(name.clone(), digest)),
            }
        }
        Ok(self)
    }

    /// What the report says of it; `contents` are its files.
    pub fn context(&self, contents: &BTreeMap<String, Vec<u8>>) -> Result<Context> {
        let scenario = find(&self.scenario)?;
        let experiment = serde_json::to_value(self)
            .map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
        let data = match (&self.table, &self.model, &self.inputs) {
            (Some(table), ..) => format!("sentences of {table}"),
            (None, Some(_), Some(inputs)) => inputs.clone(),
            (None, Some(_), None) => "inputs drawn at random".into(),
            _ => scenario.data.to_string(),
        };
        let file = |(name, sha256): (&String, &String)| FileReport {
            name: name.clone(),
            sha256: sha256.clone(),
            bytes: contents.get(name).map_or(0, Vec::len),
        };
        Ok(Context {
            scenario: scenario.name.into(),
            strategy: scenario.strategy.name().into(),
            model: self.model.clone().unwrap_or_else(|| scenario.model.into()),
            data,
            experiment,
            files: self.files.iter().map(file).collect(),
            energy: self.energy,
            targets: self.targets,
        })
    }
}

/// Samples of each kind whose answers a page computes, and rows that it times.
fn page_rows(scenario: &Scenario, quick: bool) -> (usize, usize) {
    match (scenario.source, quick) {
        (Source::Seed, true) => (1000, 32),
        (Source::Seed, false) => (1000, 64),
        (Source::Images(_) | Source::Own, true) => (300, 32),
        (Source::Images(_) | Source::Own, false) => (1500, 64),
        (Source::Pages(_), true) => (300, 16),
        (Source::Pages(_), false) => (1000, 32),
        (Source::Sentences(_), true) => (100, 8),
        (Source::Sentences(_), false) => (400, 24),
    }
}

fn usual_fitting() -> usize {
    2000
}

fn usual_settings() -> usize {
    USUAL_SETTINGS
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
