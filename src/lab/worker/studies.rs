//! Studies of strategies: measured on demand, while the sweep waits.

use crate::messages::Event;
use perforate_base::units::Seconds;
use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::clock::Clock;

use super::lab::Lab;
use super::session::StudyState;

impl<C: Clock + Clone> Lab<C> {
    /// Gets ready for the study of this section, which the strategy of the open scenario offers.
    pub(super) fn await_study(&mut self, section: &str, quick: bool) -> Result<Vec<Event>> {
        let offered = self.scenario()?.strategy.study().filter(|study| study.section == section);
        let study = offered.ok_or_else(|| {
            let text = "the scenario that is open has no such study: choose one that has";
            Error::new(ErrorKind::Config, text).at(section)
        })?;
        self.study = Some(StudyState::Waiting(study, quick));
        (self.paused, self.worked) = (false, Seconds::default());
        let text = "Fetching the files of the study".into();
        let mut events = vec![Event::Progress { text, share: 0.0, left: None }];
        let files = self.lacking((study.files)().into_iter());
        if !files.is_empty() {
            events.push(Event::Need { files });
        }
        Ok(events)
    }

    /// Goes on with that, for a piece of work.
    pub(super) fn advance_study(&mut self) -> Result<Vec<Event>> {
        if let Some(StudyState::Waiting(study, quick)) = &self.study {
            let run = (study.begin)(&self.files, *quick)?;
            self.study = Some(StudyState::Running(run));
        }
        let Some(StudyState::Running(run)) = &mut self.study else { return Ok(vec![]) };
        let changed = run.step(&self.clock)?;
        let (done, found, (text, share)) = (run.is_done(), run.section(), run.progress());
        let mut events: Vec<Event> = self.tell(text, share).into_iter().collect();
        if changed {
            events.push(Event::Section { section: Box::new(found) });
        }
        if done {
            self.study = None;
            events.push(Event::Done);
        }
        Ok(events)
    }
}
