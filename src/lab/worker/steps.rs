//! One slice of work a step: events out.

use perforate_base::Result;
use perforate_base::units::Seconds;
use perforate_bench::clock::Clock;
use perforate_bench::sweep::Progress;
use perforate_bench::timing::TimeSlice;
use perforate_report::usage::{Language, usage};

use crate::catalogue::{Source, find};
use crate::experiment::Experiment;
use crate::messages::Event;
use crate::opened::Opened;
use crate::own::Preparation;

use super::lab::{Lab, told};
use super::session::{Measuring, Session};

/// One slice of a search for exits.
const SLICE: Seconds = Seconds(0.05);

/// Share of the progress bar that the search for exits has.
const FOR_PREPARATION: f64 = 0.5;

impl<C: Clock + Clone> Lab<C> {
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
}
