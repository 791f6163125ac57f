//! The measuring side of the page, headless: commands in, events out, one slice of work a step.

use std::collections::BTreeMap;
use std::sync::Arc;

use tract_onnx::pb::ModelProto;

use perforate_base::units::{Macs, Seconds};
use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::clock::Clock;
use perforate_bench::sweep::{Progress, Sweep};
use perforate_bench::timing::Stretch;
use perforate_data::own;
use perforate_data::pictures::{Form, Pictures, Pixels};
use perforate_data::sentences::{Table, Tokenizer};
use perforate_engine::{Knobs, Program};
use perforate_onnx::{Component, encode, set_default};
use perforate_report::usage::{Language, usage};
use perforate_report::{Context, Host, Report, scenario_report};
use perforate_routing::precision::Plan;
use perforate_routing::search::{Exit, survey};

use super::by_length::ByLength;
use super::experiment::Experiment;
use super::inside::{Inside, Sample};
use super::lengths;
use super::live::Live;
pub use super::messages::{Command, Event, FileRequest, Own};
use super::own::{OWN, OWN_CASCADE, Preparation};
use super::recipes::Probe;
use super::registry::find;
use super::run::{Ran, run};
use super::scenario::{Opened, Source};

mod long_texts;

/// Progress is told no more often: each time, the page draws, and measuring waits.
const PROGRESS_EVERY: Seconds = Seconds(1.0);

/// Share of the work from which on the time left can be told.
const TELLING: f64 = 0.1;

/// One slice of a search for exits.
const SLICE: Seconds = Seconds(0.05);

/// Rows of a dropped file that are run while the page waits.
const MOST_RUN_AT_ONCE: usize = 2000;

/// Share of the progress bar that the search for exits has.
const FOR_PREPARATION: f64 = 0.5;

/// A model of the user's.
#[derive(Debug)]
struct OwnModel {
    name: String,
    program: Arc<Program>,
    details: Vec<(String, String)>,
}

/// The state of the measuring side.
#[derive(Debug)]
pub struct Lab<C: Clock> {
    /// What is to be opened once its files are there.
    awaited: Option<Experiment>,
    /// What was opened last.
    opened: Option<Experiment>,
    expected: Option<(String, Knobs, bool)>,
    /// The user's models, the newest last.
    models: Vec<OwnModel>,
    /// Name of the inputs that were dropped for them.
    inputs: Option<String>,
    /// Pictures that are becoming inputs.
    pictures: Option<(String, Pictures)>,
    ran: Option<Ran>,
    files: BTreeMap<String, Vec<u8>>,
    sweep: Option<(Experiment, Sweep<C>)>,
    /// The user's model, while exits are looked for.
    preparation: Option<(Experiment, Preparation)>,
    exits: Vec<Exit>,
    plan: Option<Plan>,
    /// A network on a budget, stage by stage.
    live: Option<Live>,
    /// Perforated attention by length: whether it is to be quick, and the measurement once its files are there.
    lengths: Option<(bool, Option<ByLength>)>,
    /// What a look inside needs, until that is told.
    probe: Option<Option<Probe>>,
    tokenizer: Option<Tokenizer>,
    /// The routed model of the scenario that is open.
    routed: Option<ModelProto>,
    paused: bool,
    clock: C,
    /// Time spent on the sweep, pauses left out.
    worked: Seconds,
    /// How long the progress that was told last stands, and its words.
    told: Option<(Stretch, String)>,
}

impl<C: Clock + Clone> Lab<C> {
    /// Nothing opened yet; `clock` is what times are read from.
    pub fn new(clock: C) -> Lab<C> {
        Lab {
            awaited: None,
            opened: None,
            expected: None,
            models: vec![],
            inputs: None,
            pictures: None,
            ran: None,
            files: BTreeMap::new(),
            sweep: None,
            preparation: None,
            exits: vec![],
            plan: None,
            live: None,
            lengths: None,
            probe: None,
            tokenizer: None,
            routed: None,
            paused: false,
            clock,
            worked: Seconds::default(),
            told: None,
        }
    }

    /// Whether [`Lab::step`] has work.
    pub fn is_busy(&self) -> bool {
        // Nothing else is measured meanwhile, nor while its files are on their way.
        if let Some((_, running)) = &self.lengths {
            let ready = || self.lacking(lengths::files().map(String::from)).is_empty();
            return !self.paused && (running.is_some() || ready());
        }
        let waiting = self.awaited.as_ref().is_some_and(|e| self.missing(e).is_empty());
        let waiting = waiting || self.preparation.is_some();
        !self.paused && (waiting || self.sweep.as_ref().is_some_and(|(_, sweep)| !sweep.is_done()))
    }

    /// Takes a command. What is wrong becomes an event.
    pub fn command(&mut self, command: Command) -> Vec<Event> {
        let outcome = match command {
            Command::Open { experiment } => self.open(*experiment),
            Command::Type { text } => self.take_text(&text),
            Command::Draw { width, grey } => self.take_drawing(width, &grey),
            Command::Advance { budget } => self.advance_live(budget),
            Command::Lengths { quick } => Ok(self.await_lengths(quick)),
            Command::File { name, knobs, again } => {
                let knobs = knobs.iter().fold(Knobs::new(), |all, (n, &v)| all.with(n, v));
                self.expected = Some((name, knobs, again));
                Ok(vec![])
            }
            Command::Pictures { name, form } => Pictures::new(form).map(|pictures| {
                self.pictures = Some((name, pictures));
                vec![]
            }),
            Command::PicturesDone => self.take_pictures(),
            Command::Forget { name } => {
                self.models.retain(|model| model.name != name);
                Ok(vec![self.file(format!("{name} is left out."))])
            }
            Command::Route { quick, cascade } => self.route(quick, cascade),
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

    /// Takes the content of a file that was asked for, or of one of the user's.
    pub fn supply(&mut self, name: &str, bytes: Vec<u8>) -> Vec<Event> {
        if let Some((_, knobs, again)) = self.expected.take_if(|(expected, ..)| expected == name) {
            let kind = name.to_lowercase();
            let outcome = if kind.ends_with(".tsv") || kind.ends_with(".tsv.gz") {
                self.take_table(name, bytes)
            } else if kind.ends_with(".onnx") {
                self.take_model(name, bytes).map(|summary| vec![self.file(summary)])
            } else if again {
                // They were looked at before, and are once more when they are used.
                self.inputs = Some(name.to_string());
                self.files.insert(name.to_string(), bytes);
                Ok(vec![self.file(format!("{name} is at hand."))])
            } else {
                self.take_data(name, bytes, Some(knobs)).map(|summary| vec![self.file(summary)])
            };
            return outcome.unwrap_or_else(told);
        }
        self.files.insert(name.to_string(), bytes);
        vec![]
    }

    /// Takes a picture: `path` says where it lies, `pixels` what it shows.
    pub fn picture(&mut self, path: &str, pixels: Pixels) -> Vec<Event> {
        let Some((_, pictures)) = &mut self.pictures else { return vec![] };
        match pictures.add(path, pixels) {
            Ok(()) => vec![],
            Err(error) => {
                self.pictures = None;
                told(error)
            }
        }
    }

    /// The user's inputs as they are kept: pictures are an `.npz` file by now.
    pub fn inputs(&self) -> Option<(&str, &[u8])> {
        let name = self.inputs.as_deref()?;
        Some((name, self.files.get(name)?))
    }

    /// Does one slice of work.
    pub fn step(&mut self) -> Vec<Event> {
        if !self.is_busy() {
            return vec![];
        }
        let slice = Stretch::begin(&self.clock, Seconds::default());
        let of_lengths = self.lengths.is_some();
        let events = self.advance().unwrap_or_else(|error| {
            // A sweep that was made before stays.
            if !of_lengths {
                (self.sweep, self.awaited, self.preparation) = (None, None, None);
            }
            self.lengths = None;
            told(error)
        });
        self.worked += slice.lasted(&self.clock);
        events
    }

    /// Outputs of the user's model on the user's last data file, as an `.npz` file.
    pub fn outputs(&self) -> Option<Result<Vec<u8>>> {
        self.ran.as_ref().map(Ran::to_npz)
    }

    /// The routed model of the open scenario as an ONNX file, with this default of its knob.
    pub fn routed_model(&self, knob: f32) -> Result<Vec<u8>> {
        let Some((model, (_, sweep))) = self.routed.as_ref().zip(self.sweep.as_ref()) else {
            return Err(Error::new(ErrorKind::Config, "no routed model is open yet"));
        };
        let mut model = model.clone();
        set_default(&mut model, &sweep.subject().knob, knob)?;
        Ok(encode(&model))
    }

    /// Word on what there is of the user's.
    fn file(&self, summary: String) -> Event {
        let newest = self.models.last();
        let own = Own {
            models: self.models.iter().map(|model| model.name.clone()).collect(),
            inputs: self.inputs.clone(),
            details: newest.map_or(vec![], |model| model.details.clone()),
            form: newest.and_then(|model| Form::of(&model.program).ok()),
        };
        Event::File { summary, own }
    }

    fn take_model(&mut self, name: &str, bytes: Vec<u8>) -> Result<String> {
        let program = Arc::new(Program::load(name, &bytes)?);
        let summary = describe(name, &program);
        let lines = survey(&Component::decode(name, &bytes)?, &program).lines();
        let details = lines.into_iter().map(|(term, text)| (term.to_string(), text)).collect();
        // Models that read the same may become a cascade, and take the same data; others are replaced.
        let reads = |program: &Program| -> Vec<_> {
            program.inputs().iter().map(|i| (i.name.clone(), i.row_shape.clone())).collect()
        };
        let wanted = reads(&program);
        let known = self.models.len();
        self.models.retain(|model| reads(&model.program) == wanted);
        if self.models.is_empty() || self.models.len() < known {
            self.inputs = None;
        }
        self.models.retain(|model| model.name != name);
        self.models.push(OwnModel { name: name.to_string(), program, details });
        self.ran = None;
        self.files.insert(name.to_string(), bytes);
        Ok(summary)
    }

    /// Takes inputs; with `knobs`, the model is run on them unless they are many.
    fn take_data(&mut self, name: &str, bytes: Vec<u8>, knobs: Option<Knobs>) -> Result<String> {
        let OwnModel { name: model, program, .. } = self.models.last().ok_or_else(|| {
            let text = "there is no model yet to run on it: choose an .onnx file first";
            Error::new(ErrorKind::Data, text).at(name)
        })?;
        // Labels that are no classes are of use to a model that answers with numbers.
        let samples = own::read(name, &bytes, program, false)
            .or_else(|error| own::read(name, &bytes, program, true).map_err(|_| error))?;
        let summary = match knobs.filter(|_| samples.len() <= MOST_RUN_AT_ONCE) {
            Some(knobs) => {
                let ran = run(program, name, &samples, &knobs)?;
                let summary = format!("{model} on {name}: {}", ran.summary());
                self.ran = Some(ran);
                summary
            }
            None => {
                let labels = if samples.labels().is_some() { "labels" } else { "no labels" };
                format!("{model} takes {name}: {} rows, {labels}.", samples.len())
            }
        };
        self.inputs = Some(name.to_string());
        self.files.insert(name.to_string(), bytes);
        Ok(summary)
    }

    /// Makes the pictures inputs.
    fn take_pictures(&mut self) -> Result<Vec<Event>> {
        let (name, pictures) = self.pictures.take().ok_or_else(|| {
            let text = "none are at hand: choose them again";
            Error::new(ErrorKind::Data, text).at("pictures")
        })?;
        let bytes = pictures.into_npz()?;
        let summary = self.take_data(&name, bytes, None)?;
        Ok(vec![self.file(summary)])
    }

    /// Looks for exits of the user's newest model, or for a cascade of all.
    fn route(&mut self, quick: bool, cascade: bool) -> Result<Vec<Event>> {
        let mut models: Vec<&OwnModel> = self.models.iter().collect();
        if !cascade {
            models.drain(..models.len().saturating_sub(1));
        }
        if models.is_empty() {
            let text = "there is no model yet: choose an .onnx file first";
            return Err(Error::new(ErrorKind::Config, text).at("your model"));
        }
        let macs = |model: &OwnModel| -> Macs {
            model.program.segments().filter_map(|segment| segment.macs).sum()
        };
        models.sort_by(|a, b| macs(a).0.total_cmp(&macs(b).0));
        let names: Vec<String> = models.iter().map(|model| model.name.clone()).collect();
        let scenario = if cascade { &OWN_CASCADE } else { &OWN };
        let usual = Experiment::in_page(scenario, quick);
        let experiment = usual.with_models(&names, self.inputs.as_deref());
        // What was dropped may have the name of what was measured before.
        self.sweep = None;
        self.open(experiment)
    }

    /// Measures the open scenario on the user's sentences.
    fn take_table(&mut self, name: &str, bytes: Vec<u8>) -> Result<Vec<Event>> {
        let opened = self.opened.clone().ok_or_else(|| {
            let text = "choose a scenario on sentences first, and the table will be used for it";
            Error::new(ErrorKind::Data, text).at(name)
        })?;
        Table::read(name, &bytes)?;
        let experiment = opened.with_table(name);
        experiment.needed().map_err(|e| e.at(name))?;
        self.files.insert(name.to_string(), bytes);
        // A table of the same name may have another content.
        self.sweep = None;
        self.open(experiment)
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
        Ok(vec![Event::Own { sample: Box::new(sample) }])
    }

    /// Takes a sentence one layer further.
    fn advance_live(&mut self, budget: f32) -> Result<Vec<Event>> {
        let Some((live, (_, sweep))) = self.live.as_mut().zip(self.sweep.as_ref()) else {
            let text =
                "the scenario that is open has none to spend: choose one that switches precisions";
            return Err(Error::new(ErrorKind::Input, text).at("the budget"));
        };
        let moment = live.advance(&sweep.subject().test.0, budget)?;
        Ok(vec![Event::Advanced { moment }])
    }

    /// Runs a drawing down every path.
    fn take_drawing(&mut self, width: usize, grey: &[u8]) -> Result<Vec<Event>> {
        let Some((_, sweep)) = self.sweep.as_ref().filter(|(_, sweep)| !sweep.grid().is_empty())
        else {
            let text = "the thresholds are not known yet: draw again in a moment";
            return Err(Error::new(ErrorKind::Input, text).at("your drawing"));
        };
        let sample = Sample::drawn(sweep, width, grey)?;
        Ok(vec![Event::Own { sample: Box::new(sample) }])
    }

    fn open(&mut self, experiment: Experiment) -> Result<Vec<Event>> {
        experiment.validate()?;
        let scenario = find(&experiment.scenario)?;
        experiment.needed()?;
        self.opened = Some(experiment.clone());
        if let Some((known, sweep)) = &mut self.sweep
            && experiment.measures_as(known)
        {
            let experiment = Experiment { files: known.files.clone(), ..experiment.clone() };
            // What is asked for once more as it stands is to be measured again.
            if experiment != *known {
                let options = experiment.options()?;
                sweep.judge_by(&options);
                *known = experiment;
                return Ok(self.results()?.into_iter().collect());
            }
        }
        (self.sweep, self.tokenizer, self.routed, self.paused) = (None, None, None, false);
        self.lengths = None;
        self.preparation = None;
        let mut events = vec![Event::Opened {
            scenario: scenario.name.to_string(),
            table: experiment.table.clone(),
            models: experiment.before.iter().chain(&experiment.model).cloned().collect(),
            inputs: experiment.inputs.clone(),
        }];
        let files = self.missing(&experiment);
        if !files.is_empty() {
            events.push(Event::Need { files });
        }
        self.awaited = Some(experiment);
        Ok(events)
    }

    fn missing(&self, experiment: &Experiment) -> Vec<FileRequest> {
        // An experiment that needs what it cannot have is refused when it is opened.
        self.lacking(experiment.needed().unwrap_or_default().into_iter())
    }

    /// Those of these files that are not there.
    fn lacking(&self, needed: impl Iterator<Item = String>) -> Vec<FileRequest> {
        let missing = needed.filter(|file| !self.files.contains_key(file));
        let request = |file: String| FileRequest {
            title: file.rsplit('/').next().unwrap_or(&file).to_string(),
            url: file.clone(),
            name: file,
        };
        missing.map(request).collect()
    }

    /// Word on how far it is, unless that was told a moment ago.
    fn tell(&mut self, text: String, share: f64) -> Option<Event> {
        let stands =
            |(stands, words): &(Stretch, String)| *words == text && !stands.is_over(&self.clock);
        if self.told.as_ref().is_some_and(stands) {
            return None;
        }
        self.told = Some((Stretch::begin(&self.clock, PROGRESS_EVERY), text.clone()));
        // The first part is too small to tell from.
        let left = (share > TELLING).then(|| self.worked.0 * (1.0 - share) / share);
        Some(Event::Progress { text, share, left })
    }

    fn advance(&mut self) -> Result<Vec<Event>> {
        if self.lengths.is_some() {
            return self.advance_lengths();
        }
        if let Some(experiment) = self.awaited.take() {
            self.worked = Seconds::default();
            let experiment = experiment.with_files(&self.files)?;
            let scenario = find(&experiment.scenario)?;
            if scenario.source == Source::Own {
                let preparation = Preparation::new(&self.files, &experiment)?;
                self.preparation = Some((experiment, preparation));
                return self.prepare();
            }
            let opened = scenario.open(&self.files, &experiment)?;
            return self.begin(experiment, opened);
        }
        if self.preparation.is_some() {
            return self.prepare();
        }
        let Some((_, sweep)) = &mut self.sweep else { return Ok(vec![]) };
        let changed = sweep.step()?;
        let Progress { text, share } = sweep.progress();
        let done = sweep.is_done();
        if changed || done {
            self.told = None;
        }
        let mut events: Vec<Event> = self.tell(text, share).into_iter().collect();
        let Some((_, sweep)) = &self.sweep else { return Ok(events) };
        if !sweep.grid().is_empty()
            && let Some(probe) = self.probe.take()
        {
            let inside = Inside::of(sweep, probe.as_ref());
            events.extend(inside.map(|inside| Event::Inside { inside: Box::new(inside) }));
        }
        if changed {
            events.extend(self.results()?);
        }
        if done {
            events.push(Event::Done);
        }
        Ok(events)
    }

    /// Goes on with the search for exits, for a slice; then begins to measure.
    fn prepare(&mut self) -> Result<Vec<Event>> {
        let Some((experiment, mut preparation)) = self.preparation.take() else {
            return Ok(vec![]);
        };
        let slice = Stretch::begin(&self.clock, SLICE);
        while !preparation.is_done() && !slice.is_over(&self.clock) {
            preparation.step()?;
        }
        if preparation.is_done() {
            let opened = preparation.finish()?;
            return self.begin(experiment, opened);
        }
        let (text, share) = preparation.progress();
        self.preparation = Some((experiment, preparation));
        let left = (share > TELLING).then(|| self.worked.0 * (1.0 - share) / share);
        // The measurement that follows takes its own time.
        Ok(vec![Event::Progress { text, share: share * FOR_PREPARATION, left }])
    }

    /// Begins to measure.
    fn begin(&mut self, experiment: Experiment, opened: Opened) -> Result<Vec<Event>> {
        let Opened { subject, probe, tokenizer, routed, exits, plan } = opened;
        let file = format!("perforate-{}.onnx", experiment.scenario.replace('/', "-"));
        let lines = |language| usage(language, &file, &subject.routed);
        let usage = Event::Usage {
            python: lines(Language::Python),
            javascript: lines(Language::Javascript),
        };
        let live = |plan| Live::new(subject.routed.clone(), &subject.knob, plan);
        (self.live, self.plan) = (plan.clone().map(live), plan);
        let sweep = Sweep::new(subject, experiment.options()?, self.clock.clone())?;
        (self.sweep, self.probe) = (Some((experiment, sweep)), Some(probe));
        (self.tokenizer, self.routed, self.exits) = (tokenizer, Some(routed), exits);
        self.worked = Seconds::default();
        let text = "Models compiled".into();
        Ok(vec![usage, Event::Progress { text, share: 0.01, left: None }])
    }

    /// The results so far, if there are any.
    fn results(&self) -> Result<Option<Event>> {
        let Some((experiment, sweep)) = &self.sweep else { return Ok(None) };
        let Some(results) = sweep.results() else { return Ok(None) };
        let mut report = Report::new(experiment.seed, experiment.quick, host(results.tick.0));
        let context = Context {
            exits: self.exits.clone(),
            plan: self.plan.clone(),
            ..experiment.context(&self.files)?
        };
        report.scenarios.push(scenario_report(&context, sweep.subject(), &results));
        Ok(Some(Event::Results { report: Box::new(report) }))
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
    let macs: Macs = program.segments().filter_map(|s| s.macs).sum();
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
    use perforate_bench::clock::SystemClock;

    fn quick(scenario: &str) -> Experiment {
        Experiment::in_page(find(scenario).unwrap(), true)
    }

    #[test]
    fn a_bad_command_leaves_a_lab_that_works() {
        let mut lab = Lab::new(SystemClock::default());
        let mut nothing = quick("dendritic/mlp");
        nothing.scenario = "x".into();
        let events = lab.command(Command::Open { experiment: Box::new(nothing) });
        assert!(matches!(&events[..], [Event::Error { message, .. }] if message.contains("`x`")));
        lab.command(Command::File {
            name: "bad.onnx".into(),
            knobs: BTreeMap::new(),
            again: false,
        });
        let events = lab.supply("bad.onnx", b"not a model".to_vec());
        assert!(
            matches!(&events[..], [Event::Error { message, .. }] if message.starts_with("bad.onnx: "))
        );
        assert!(!lab.is_busy());
        let events =
            lab.command(Command::Open { experiment: Box::new(quick("dendritic/fashion")) });
        assert!(matches!(&events[1], Event::Need { files } if files.len() == 8));
    }

    #[test]
    fn a_cancelled_measurement_goes_on_where_it_was() {
        let mut lab = Lab::new(SystemClock::default());
        lab.command(Command::Open { experiment: Box::new(quick("dendritic/mlp")) });
        (0..5).for_each(|_| drop(lab.step()));
        lab.command(Command::Cancel);
        assert!(!lab.is_busy() && lab.step().is_empty());
        lab.command(Command::Resume);
        assert!(lab.is_busy());
        while lab.step().is_empty() {}
    }
}
