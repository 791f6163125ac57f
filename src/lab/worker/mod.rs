//! The measuring side of the page, headless: commands in, events out, one slice of work a step.
//!
//! | module | holds |
//! |---|---|
//! | `session` | the states of a measurement |
//! | `studies` | what strategies measure on demand |
//! | `user` | the user's models and inputs |

mod session;
mod studies;
mod user;

use std::collections::BTreeMap;

use perforate_base::units::Seconds;
use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::clock::Clock;
use perforate_bench::sweep::Progress;
use perforate_bench::timing::TimeSlice;
use perforate_data::pictures::Pixels;
use perforate_data::sentences::Table;
use perforate_engine::Knobs;
use perforate_onnx::{encode, set_default};
use perforate_report::usage::{Language, usage};

use super::catalogue::{Opened, Scenario, Source, find};
use super::experiment::Experiment;
use super::inside::Sample;
pub use super::messages::{Command, Event, FileRequest, UserFiles};
use super::own::{OWN, OWN_CASCADE, Preparation};
use super::run::Ran;

use session::{Measuring, Session};
use studies::StudyState;
use user::{Expected, User};

/// Contents of files, by name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Progress is told no more often: each time, the page draws, and measuring waits.
const PROGRESS_EVERY: Seconds = Seconds(1.0);

/// Share of the work from which on the time left can be told.
const TELLING: f64 = 0.1;

/// One slice of a search for exits.
const SLICE: Seconds = Seconds(0.05);

/// Share of the progress bar that the search for exits has.
const FOR_PREPARATION: f64 = 0.5;

/// The state of the measuring side.
#[derive(Debug)]
pub struct Lab<C: Clock> {
    clock: C,
    files: Files,
    user: User,
    session: Session<C>,
    /// What was opened last.
    opened: Option<Experiment>,
    /// A study, for which the session waits.
    study: Option<StudyState>,
    paused: bool,
    /// Time spent on the work at hand, pauses left out.
    worked: Seconds,
    /// How long the progress that was told last stands, and its words.
    told: Option<(TimeSlice, String)>,
}

impl<C: Clock + Clone> Lab<C> {
    /// Nothing opened yet; `clock` is what times are read from.
    pub fn new(clock: C) -> Lab<C> {
        Lab {
            clock,
            files: Files::new(),
            user: User::default(),
            session: Session::Idle,
            opened: None,
            study: None,
            paused: false,
            worked: Seconds::default(),
            told: None,
        }
    }

    /// Whether [`Lab::step`] has work.
    pub fn is_busy(&self) -> bool {
        let has_work = match (&self.study, &self.session) {
            // Nothing else is measured meanwhile, nor while its files are on their way.
            (Some(StudyState::Running(_)), _) => true,
            (Some(StudyState::Waiting(study, _)), _) => {
                self.lacking((study.files)().into_iter()).is_empty()
            }
            (None, Session::Idle) => false,
            (None, Session::Waiting(experiment)) => self.missing(experiment).is_empty(),
            (None, Session::Searching(..)) => true,
            (None, Session::Measuring(measuring)) => !measuring.sweep.is_done(),
        };
        has_work && !self.paused
    }

    /// Takes a command. What is wrong becomes an event.
    pub fn command(&mut self, command: Command) -> Vec<Event> {
        self.obey(command).unwrap_or_else(told)
    }

    fn obey(&mut self, command: Command) -> Result<Vec<Event>> {
        match command {
            Command::Open { experiment } => self.open(*experiment),
            Command::Type { text } => self.take_text(&text),
            Command::Draw { width, grey } => self.take_drawing(width, &grey),
            Command::Live { section, value } => self.advance_live(&section, value),
            Command::Study { section, quick } => self.await_study(&section, quick),
            Command::File { name, knobs, again } => {
                let knobs = knobs.iter().fold(Knobs::new(), |all, (n, &v)| all.with(n, v));
                self.user.expected = Some(Expected { name, knobs, again });
                Ok(vec![])
            }
            Command::Pictures { name, form } => {
                self.user.expect_pictures(name, form)?;
                Ok(vec![])
            }
            Command::PicturesDone => {
                let summary = self.user.take_pictures(&mut self.files)?;
                Ok(vec![self.file(summary)])
            }
            Command::Forget { name } => {
                self.user.forget(&name);
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
        }
    }

    /// Takes the content of a file that was asked for, or of one of the user's.
    pub fn supply(&mut self, name: &str, bytes: Vec<u8>) -> Vec<Event> {
        match self.user.expected.take_if(|expected| expected.name == name) {
            Some(expected) => self.take(expected, bytes).unwrap_or_else(told),
            None => {
                self.files.insert(name.to_string(), bytes);
                vec![]
            }
        }
    }

    fn take(&mut self, expected: Expected, bytes: Vec<u8>) -> Result<Vec<Event>> {
        let Expected { name, knobs, again } = expected;
        let kind = name.to_lowercase();
        if kind.ends_with(".tsv") || kind.ends_with(".tsv.gz") {
            return self.take_table(&name, bytes);
        }
        let summary = if kind.ends_with(".onnx") {
            self.user.take_model(&name, bytes, &mut self.files)?
        } else if again {
            self.user.take_again(&name, bytes, &mut self.files)
        } else {
            self.user.take_data(&name, bytes, Some(knobs), &mut self.files)?
        };
        Ok(vec![self.file(summary)])
    }

    /// Takes a picture: `path` says where it lies, `pixels` what it shows.
    pub fn picture(&mut self, path: &str, pixels: Pixels) -> Vec<Event> {
        self.user.take_picture(path, pixels).map_or_else(told, |()| vec![])
    }

    /// The user's inputs as they are kept: pictures are an `.npz` file by now.
    pub fn inputs(&self) -> Option<(&str, &[u8])> {
        let name = self.user.inputs()?;
        Some((name, self.files.get(name)?))
    }

    /// Does one slice of work.
    pub fn step(&mut self) -> Vec<Event> {
        if !self.is_busy() {
            return vec![];
        }
        let slice = TimeSlice::begin(&self.clock, Seconds::default());
        let events = match self.study.is_some() {
            true => self.advance_study().unwrap_or_else(|error| {
                // The session that waits stays.
                self.study = None;
                told(error)
            }),
            false => self.advance().unwrap_or_else(|error| {
                self.session = Session::Idle;
                told(error)
            }),
        };
        self.worked += slice.lasted(&self.clock);
        events
    }

    /// Outputs of the user's model on the user's last data file, as an `.npz` file.
    pub fn outputs(&self) -> Option<Result<Vec<u8>>> {
        self.user.ran.as_ref().map(Ran::to_npz)
    }

    /// The routed model of the open scenario as an ONNX file, with this default of its knob.
    pub fn routed_model(&self, knob: f32) -> Result<Vec<u8>> {
        let Some(measuring) = self.session.measuring() else {
            return Err(Error::new(ErrorKind::Config, "no routed model is open yet"));
        };
        let mut model = measuring.routed.clone();
        set_default(&mut model, &measuring.sweep.subject().knob, knob)?;
        Ok(encode(&model))
    }

    /// The scenario that was opened last.
    fn scenario(&self) -> Result<&'static Scenario> {
        let opened = self.opened.as_ref();
        let opened = opened.ok_or_else(|| Error::new(ErrorKind::Config, "no scenario is open yet"));
        find(&opened?.scenario)
    }

    /// An event on what there is of the user's.
    fn file(&self, summary: String) -> Event {
        Event::File { summary, user: self.user.files() }
    }

    /// Looks for exits of the user's newest model, or for a cascade of all.
    fn route(&mut self, quick: bool, cascade: bool) -> Result<Vec<Event>> {
        let names = self.user.to_route(cascade)?;
        let scenario = if cascade { &OWN_CASCADE } else { &OWN };
        let usual = Experiment::in_page(scenario, quick);
        let experiment = usual.with_models(&names, self.user.inputs());
        // What was dropped may have the name of what was measured before.
        self.session = Session::Idle;
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
        self.session = Session::Idle;
        self.open(experiment)
    }

    /// Runs a sentence down every path.
    fn take_text(&mut self, text: &str) -> Result<Vec<Event>> {
        const PLACE: &str = "your sentence";
        let fault = |text: &str| Error::new(ErrorKind::Input, text).at(PLACE);
        if text.trim().is_empty() {
            return Err(fault("it is empty: type some words"));
        }
        let measuring = self.session.measuring();
        let Some((measuring, tokenizer)) = measuring.and_then(|m| Some((m, m.tokenizer.as_ref()?)))
        else {
            return Err(fault(
                "the scenario that is open does not read sentences: choose one that does",
            ));
        };
        let sample = Sample::typed(measuring.with_settings(PLACE)?, tokenizer, text)?;
        Ok(vec![Event::Own { sample: Box::new(sample) }])
    }

    /// Takes an input one gate further.
    fn advance_live(&mut self, section: &str, knob: f32) -> Result<Vec<Event>> {
        let measuring = self.session.measuring_mut();
        let Some((live, sweep)) = measuring.and_then(|m| Some((m.live.as_mut()?, &m.sweep))) else {
            let text = "the scenario that is open has no live control: choose one that has";
            return Err(Error::new(ErrorKind::Input, text).at(section));
        };
        let moment = live.advance(&sweep.subject().test.0, knob)?;
        Ok(vec![Event::Advanced { moment }])
    }

    /// Runs a drawing down every path.
    fn take_drawing(&mut self, width: usize, grey: &[u8]) -> Result<Vec<Event>> {
        const PLACE: &str = "your drawing";
        let measuring = self.session.measuring().ok_or_else(|| {
            Error::new(ErrorKind::Input, "no scenario is measured yet: try again in a moment")
                .at(PLACE)
        })?;
        let sample = Sample::drawn(measuring.with_settings(PLACE)?, width, grey)?;
        Ok(vec![Event::Own { sample: Box::new(sample) }])
    }

    fn open(&mut self, experiment: Experiment) -> Result<Vec<Event>> {
        experiment.validate()?;
        let scenario = find(&experiment.scenario)?;
        experiment.needed()?;
        self.opened = Some(experiment.clone());
        if let Some(measuring) = self.session.measuring_mut()
            && experiment.measures_as(&measuring.experiment)
        {
            let known = &measuring.experiment;
            let experiment = Experiment { files: known.files.clone(), ..experiment.clone() };
            // What is asked for once more as it stands is to be measured again.
            if experiment != *known {
                measuring.sweep.judge_by(&experiment.options()?);
                measuring.experiment = experiment;
                return Ok(self.results()?.into_iter().collect());
            }
        }
        (self.study, self.paused) = (None, false);
        let mut events = vec![Event::Opened {
            scenario: scenario.name.to_string(),
            table: experiment.table.clone(),
            models: experiment.cheaper_models.iter().chain(&experiment.model).cloned().collect(),
            inputs: experiment.inputs.clone(),
        }];
        let files = self.missing(&experiment);
        if !files.is_empty() {
            events.push(Event::Need { files });
        }
        self.session = Session::Waiting(Box::new(experiment));
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

    /// How far it is, unless that was told a moment ago.
    fn tell(&mut self, text: String, share: f64) -> Option<Event> {
        let stands =
            |(stands, words): &(TimeSlice, String)| *words == text && !stands.is_over(&self.clock);
        if self.told.as_ref().is_some_and(stands) {
            return None;
        }
        self.told = Some((TimeSlice::begin(&self.clock, PROGRESS_EVERY), text.clone()));
        Some(Event::Progress { text, share, left: self.left(share) })
    }

    /// Seconds left, once that can be told: the first part is too small to tell from.
    fn left(&self, share: f64) -> Option<f64> {
        (share > TELLING).then(|| self.worked.0 * (1.0 - share) / share)
    }

    fn advance(&mut self) -> Result<Vec<Event>> {
        match std::mem::replace(&mut self.session, Session::Idle) {
            Session::Idle => Ok(vec![]),
            Session::Waiting(experiment) => self.begin_with_files(*experiment),
            Session::Searching(experiment, preparation) => self.search(experiment, preparation),
            Session::Measuring(measuring) => self.measure(measuring),
        }
    }

    /// All files are there.
    fn begin_with_files(&mut self, experiment: Experiment) -> Result<Vec<Event>> {
        self.worked = Seconds::default();
        let experiment = experiment.with_files(&self.files)?;
        let scenario = find(&experiment.scenario)?;
        if scenario.source == Source::Own {
            let preparation = Preparation::new(&self.files, &experiment)?;
            return self.search(Box::new(experiment), Box::new(preparation));
        }
        let opened = scenario.open(&self.files, &experiment)?;
        self.begin(experiment, opened)
    }

    /// Goes on with the search for exits, for a slice; then begins to measure.
    fn search(
        &mut self,
        experiment: Box<Experiment>,
        mut preparation: Box<Preparation>,
    ) -> Result<Vec<Event>> {
        let slice = TimeSlice::begin(&self.clock, SLICE);
        while !preparation.is_done() && !slice.is_over(&self.clock) {
            preparation.step()?;
        }
        if preparation.is_done() {
            let opened = preparation.finish()?;
            return self.begin(*experiment, opened);
        }
        let (text, share) = preparation.progress();
        self.session = Session::Searching(experiment, preparation);
        // The measurement that follows takes its own time.
        let left = self.left(share);
        Ok(vec![Event::Progress { text, share: share * FOR_PREPARATION, left }])
    }

    /// Begins to measure.
    fn begin(&mut self, experiment: Experiment, opened: Opened) -> Result<Vec<Event>> {
        let file = format!("perforate-{}.onnx", experiment.scenario.replace('/', "-"));
        let lines = |language| usage(language, &file, &opened.subject.routed);
        let usage = Event::Usage {
            python: lines(Language::Python),
            javascript: lines(Language::Javascript),
        };
        let measuring = Measuring::new(experiment, opened, self.clock.clone())?;
        self.session = Session::Measuring(Box::new(measuring));
        self.worked = Seconds::default();
        let text = "Models compiled".into();
        Ok(vec![usage, Event::Progress { text, share: 0.01, left: None }])
    }

    /// Goes on with the sweep, for a slice.
    fn measure(&mut self, mut measuring: Box<Measuring<C>>) -> Result<Vec<Event>> {
        let changed = measuring.sweep.step()?;
        let Progress { text, share } = measuring.sweep.progress();
        let done = measuring.sweep.is_done();
        if changed || done {
            self.told = None;
        }
        let mut events: Vec<Event> = self.tell(text, share).into_iter().collect();
        let inside = measuring.look_inside();
        events.extend(inside.map(|inside| Event::Inspector { inside: Box::new(inside) }));
        self.session = Session::Measuring(measuring);
        if changed {
            events.extend(self.results()?);
        }
        if done {
            events.push(Event::Done);
        }
        Ok(events)
    }

    /// The results so far, if there are any.
    fn results(&self) -> Result<Option<Event>> {
        let Some(measuring) = self.session.measuring() else { return Ok(None) };
        let report = measuring.report(&self.files)?;
        Ok(report.map(|report| Event::Results { report: Box::new(report) }))
    }
}

fn told(error: Error) -> Vec<Event> {
    vec![Event::Error { message: error.to_string(), fatal: false }]
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
