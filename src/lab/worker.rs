//! The measuring side of the page, headless: commands in, events out, one slice of work a step.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::bench::sweep::{Progress, Sweep};
use crate::bench::timing::Stretch;
use crate::clock::SystemClock;
use crate::data::sentences::{Table, Tokenizer};
use crate::engine::{Knobs, Program};
use crate::error::{Error, ErrorKind, Result};
use crate::report::{Host, Report, scenario_report};

use crate::units::Seconds;

use super::experiment::Experiment;
use super::inside::{Inside, Sample};
use super::recipes::Probe;
use super::run::{Ran, run};
use super::scenario::{Opened, Scenario, find};

/// Progress is told no more often: each time, the page draws, and measuring waits.
const PROGRESS_EVERY: Seconds = Seconds(0.25);

/// What the page asks for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Measure a scenario.
    Open {
        /// Its name.
        scenario: String,
        /// Measure less.
        #[serde(default)]
        quick: bool,
    },
    /// Look at a file of the user's, which is supplied next: an ONNX model, a NumPy file to run the last such
    /// model on, or a table of sentences to measure the open scenario on.
    File {
        /// Its name.
        name: String,
        /// Knob values for a run.
        #[serde(default)]
        knobs: BTreeMap<String, f32>,
    },
    /// Run a sentence of the user's down every path of the scenario that is open.
    Type {
        /// The sentence.
        text: String,
    },
    /// Stop after the slice at hand.
    Cancel,
    /// Go on after a cancel.
    Resume,
}

/// A file to fetch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileRequest {
    /// Name to supply it under.
    pub name: String,
    /// Relative to the page.
    pub url: String,
    /// For people.
    pub title: String,
}

/// What the page is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A scenario was opened.
    Opened {
        /// Its name.
        scenario: String,
    },
    /// Files must be fetched and supplied.
    Need {
        /// Which.
        files: Vec<FileRequest>,
    },
    /// Bytes are coming in; posted by the worker's script.
    Loading {
        /// The file.
        name: String,
        /// Bytes so far.
        received: f64,
        /// Bytes in all, or 0.
        total: f64,
    },
    /// How far the measurement is.
    Progress {
        /// What is being done.
        text: String,
        /// Share done.
        share: f64,
    },
    /// Results so far.
    Results {
        /// A report of one scenario.
        report: Box<Report>,
    },
    /// The model as a drawing, and some samples with their ways through it.
    Inside {
        /// What there is to see.
        inside: Box<Inside>,
    },
    /// A sentence of the user's, with its ways through the model.
    Typed {
        /// What there is to see.
        sample: Box<Sample>,
    },
    /// A file of the user's was understood, or run.
    File {
        /// What it is, or what came of it, in a sentence.
        summary: String,
    },
    /// The measurement was stopped.
    Cancelled,
    /// Everything is measured.
    Done,
    /// Something went wrong; what was there before stays.
    Error {
        /// One sentence.
        message: String,
        /// Whether the worker died of it.
        #[serde(default)]
        fatal: bool,
    },
}

/// The state of the measuring side.
#[derive(Debug, Default)]
pub struct Lab {
    /// What is to be opened once its files are there.
    awaited: Option<Experiment>,
    /// What was opened last.
    opened: Option<(&'static Scenario, bool)>,
    expected: Option<(String, Knobs)>,
    own: Option<(String, Arc<Program>)>,
    ran: Option<Ran>,
    files: BTreeMap<String, Vec<u8>>,
    sweep: Option<(Experiment, Sweep<SystemClock>)>,
    /// What a look inside needs, until that is told.
    probe: Option<Option<Probe>>,
    tokenizer: Option<Tokenizer>,
    paused: bool,
    clock: SystemClock,
    /// How long the progress that was told last stands, and its words.
    told: Option<(Stretch, String)>,
}

impl Lab {
    /// Nothing opened yet.
    pub fn new() -> Lab {
        Lab::default()
    }

    /// Whether [`Lab::step`] has work.
    pub fn is_busy(&self) -> bool {
        let waiting = self.awaited.as_ref().is_some_and(|e| self.missing(e).is_empty());
        !self.paused && (waiting || self.sweep.as_ref().is_some_and(|(_, sweep)| !sweep.is_done()))
    }

    /// Takes a command. What is wrong becomes an event.
    pub fn command(&mut self, command: Command) -> Vec<Event> {
        let outcome = match command {
            Command::Open { scenario, quick } => {
                find(&scenario).and_then(|s| self.open(s, quick, None))
            }
            Command::Type { text } => self.take_text(&text),
            Command::File { name, knobs } => {
                let knobs = knobs.iter().fold(Knobs::new(), |all, (n, &v)| all.with(n, v));
                self.expected = Some((name, knobs));
                Ok(vec![])
            }
            Command::Cancel => {
                self.paused = true;
                Ok(vec![Event::Cancelled])
            }
            Command::Resume => {
                self.paused = false;
                Ok(vec![])
            }
        };
        outcome.unwrap_or_else(told)
    }

    /// Takes the content of a file that was asked for, or of the user's model.
    pub fn supply(&mut self, name: &str, bytes: Vec<u8>) -> Vec<Event> {
        if let Some((_, knobs)) = self.expected.take_if(|(expected, _)| expected == name) {
            let kind = name.to_lowercase();
            if kind.ends_with(".tsv") || kind.ends_with(".tsv.gz") {
                return self.take_table(name, bytes).unwrap_or_else(told);
            }
            let outcome = if kind.ends_with(".onnx") {
                self.take_model(name, &bytes)
            } else {
                self.take_data(name, &bytes, &knobs)
            };
            return outcome.map_or_else(told, |summary| vec![Event::File { summary }]);
        }
        self.files.insert(name.to_string(), bytes);
        vec![]
    }

    /// Does one slice of work.
    pub fn step(&mut self) -> Vec<Event> {
        if !self.is_busy() {
            return vec![];
        }
        self.advance().unwrap_or_else(|error| {
            (self.sweep, self.awaited) = (None, None);
            told(error)
        })
    }

    /// Outputs of the user's model on the user's last data file, as an `.npz` file.
    pub fn outputs(&self) -> Option<Result<Vec<u8>>> {
        self.ran.as_ref().map(Ran::to_npz)
    }

    fn take_model(&mut self, name: &str, bytes: &[u8]) -> Result<String> {
        let program = Arc::new(Program::load(name, bytes)?);
        let summary = describe(name, &program);
        (self.own, self.ran) = (Some((name.to_string(), program)), None);
        Ok(summary)
    }

    fn take_data(&mut self, name: &str, bytes: &[u8], knobs: &Knobs) -> Result<String> {
        let (model, program) = self.own.as_ref().ok_or_else(|| {
            let text = "there is no model yet to run on it: choose an .onnx file first";
            Error::new(ErrorKind::Data, text).at(name)
        })?;
        let ran = run(program, name, bytes, knobs)?;
        let summary = format!("{model} on {name}: {}", ran.summary());
        self.ran = Some(ran);
        Ok(summary)
    }

    /// Measures the open scenario on the user's sentences.
    fn take_table(&mut self, name: &str, bytes: Vec<u8>) -> Result<Vec<Event>> {
        let (scenario, quick) = self.opened.ok_or_else(|| {
            let text = "choose a scenario on sentences first, and the table will be used for it";
            Error::new(ErrorKind::Data, text).at(name)
        })?;
        Table::read(name, &bytes)?;
        Experiment::in_page(scenario, quick).with_table(name).needed().map_err(|e| e.at(name))?;
        self.files.insert(name.to_string(), bytes);
        self.open(scenario, quick, Some(name))
    }

    /// Runs a sentence down every path.
    fn take_text(&mut self, text: &str) -> Result<Vec<Event>> {
        let fault = |text: &str| Error::new(ErrorKind::Input, text).at("your sentence");
        if text.trim().is_empty() {
            return Err(fault("it is empty: type some words"));
        }
        let Some((tokenizer, (_, sweep))) = self.tokenizer.as_ref().zip(self.sweep.as_ref()) else {
            return Err(fault(
                "the scenario that is open does not read sentences: choose one that does",
            ));
        };
        if sweep.grid().is_empty() {
            return Err(fault("the thresholds are not known yet: send it again in a moment"));
        }
        let sample = Sample::typed(sweep, tokenizer, text)?;
        Ok(vec![Event::Typed { sample: Box::new(sample) }])
    }

    fn open(
        &mut self,
        scenario: &'static Scenario,
        quick: bool,
        table: Option<&str>,
    ) -> Result<Vec<Event>> {
        let usual = Experiment::in_page(scenario, quick);
        let experiment = match table {
            Some(name) => usual.with_table(name),
            None => usual,
        };
        (self.sweep, self.tokenizer, self.paused) = (None, None, false);
        self.opened = Some((scenario, quick));
        let mut events = vec![Event::Opened { scenario: scenario.name.to_string() }];
        let files = self.missing(&experiment);
        if !files.is_empty() {
            events.push(Event::Need { files });
        }
        self.awaited = Some(experiment);
        Ok(events)
    }

    fn missing(&self, experiment: &Experiment) -> Vec<FileRequest> {
        // An experiment that needs what it cannot have is refused when it is opened.
        let needed = experiment.needed().unwrap_or_default();
        let missing = needed.into_iter().filter(|file| !self.files.contains_key(file));
        let request = |file: String| FileRequest {
            title: file.rsplit('/').next().unwrap_or(&file).to_string(),
            url: file.clone(),
            name: file,
        };
        missing.map(request).collect()
    }

    fn advance(&mut self) -> Result<Vec<Event>> {
        if let Some(experiment) = self.awaited.take() {
            let experiment = experiment.with_files(&self.files)?;
            let Opened { subject, probe, tokenizer } =
                find(&experiment.scenario)?.open(&self.files, &experiment)?;
            let sweep = Sweep::new(subject, experiment.options()?, SystemClock::default())?;
            (self.sweep, self.probe) = (Some((experiment, sweep)), Some(probe));
            self.tokenizer = tokenizer;
            return Ok(vec![Event::Progress { text: "Models compiled".into(), share: 0.01 }]);
        }
        let Some((experiment, sweep)) = &mut self.sweep else { return Ok(vec![]) };
        let changed = sweep.step()?;
        let Progress { text, share } = sweep.progress();
        let news = changed
            || sweep.is_done()
            || self
                .told
                .as_ref()
                .is_none_or(|(stands, words)| *words != text || stands.is_over(&self.clock));
        let mut events = vec![];
        if news {
            self.told = Some((Stretch::begin(&self.clock, PROGRESS_EVERY), text.clone()));
            events.push(Event::Progress { text, share });
        }
        if !sweep.grid().is_empty()
            && let Some(probe) = self.probe.take()
        {
            let inside = Inside::of(sweep, probe.as_ref());
            events.extend(inside.map(|inside| Event::Inside { inside: Box::new(inside) }));
        }
        if changed && let Some(results) = sweep.results() {
            let mut report = Report::new(experiment.seed, experiment.quick, host(results.tick.0));
            let context = experiment.context(&self.files)?;
            report.scenarios.push(scenario_report(&context, sweep.subject(), &results));
            events.push(Event::Results { report: Box::new(report) });
        }
        if sweep.is_done() {
            events.push(Event::Done);
        }
        Ok(events)
    }
}

fn host(tick: f64) -> Host {
    Host {
        target: format!("{} in a browser", std::env::consts::ARCH),
        cpu: None,
        threads: 1,
        simd: "simd128".into(),
        clock_tick_s: tick,
    }
}

fn describe(name: &str, program: &Program) -> String {
    let macs: crate::units::Macs = program.segments().filter_map(|s| s.macs).sum();
    format!(
        "{name}: {}, {} parameters, {macs} on all paths together, {} gates.",
        program.file_size(),
        program.parameters(),
        program.gates().len()
    )
}

fn told(error: Error) -> Vec<Event> {
    let fatal = error.kind() == ErrorKind::Internal && error.to_string().is_empty();
    vec![Event::Error { message: error.to_string(), fatal }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_command_leaves_a_lab_that_works() {
        let mut lab = Lab::new();
        let events = lab.command(Command::Open { scenario: "x".into(), quick: true });
        assert!(matches!(&events[..], [Event::Error { message, .. }] if message.contains("`x`")));
        lab.command(Command::File { name: "bad.onnx".into(), knobs: BTreeMap::new() });
        let events = lab.supply("bad.onnx", b"not a model".to_vec());
        assert!(
            matches!(&events[..], [Event::Error { message, .. }] if message.starts_with("bad.onnx: "))
        );
        assert!(!lab.is_busy());
        let events =
            lab.command(Command::Open { scenario: "dendritic/fashion".into(), quick: true });
        assert!(matches!(&events[1], Event::Need { files } if files.len() == 8));
    }

    #[test]
    fn a_cancelled_measurement_goes_on_where_it_was() {
        let mut lab = Lab::new();
        lab.command(Command::Open { scenario: "dendritic/mlp".into(), quick: true });
        (0..5).for_each(|_| drop(lab.step()));
        lab.command(Command::Cancel);
        assert!(!lab.is_busy() && lab.step().is_empty());
        lab.command(Command::Resume);
        assert!(lab.is_busy());
        while lab.step().is_empty() {}
    }
}
