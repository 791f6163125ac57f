//! Commands in: what each of them changes.

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::clock::Clock;
use perforate_data::pictures::Pixels;
use perforate_data::sentences::Table;
use perforate_engine::Knobs;

use crate::catalogue::{OWN, OWN_POOL, find};
use crate::experiment::Experiment;
use crate::inside::Sample;
use crate::messages::{Command, Event};

use super::lab::{Lab, told};
use super::session::Session;
use super::user::Expected;

impl<C: Clock + Clone> Lab<C> {
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
            Command::Route { quick, all } => self.route(quick, all),
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

    /// Routes the user's newest model, or all of them as one.
    fn route(&mut self, quick: bool, all: bool) -> Result<Vec<Event>> {
        let names = self.user.to_route(all)?;
        let scenario = if all { &OWN_POOL } else { &OWN };
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
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
        assert!(matches!(&events[1], Event::Need { files } if files.len() == 9));
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
