//! Perforated attention by the length of a text: measured on demand, while the sweep waits.

use crate::by_length::ByLength;
use crate::lengths;
use perforate_base::Result;
use perforate_base::units::Seconds;
use perforate_bench::clock::Clock;

use super::{Event, Lab};

impl<C: Clock + Clone> Lab<C> {
    /// Gets ready to measure perforated attention by length.
    pub(super) fn await_lengths(&mut self, quick: bool) -> Vec<Event> {
        (self.lengths, self.paused, self.worked) = (Some((quick, None)), false, Seconds::default());
        let text = "Fetching what long texts need".into();
        let mut events = vec![Event::Progress { text, share: 0.0, left: None }];
        let files = self.lacking(lengths::files().map(String::from));
        if !files.is_empty() {
            events.push(Event::Need { files });
        }
        events
    }

    /// Goes on with that, for a piece of work.
    pub(super) fn advance_lengths(&mut self) -> Result<Vec<Event>> {
        let Some((quick, running)) = &mut self.lengths else { return Ok(vec![]) };
        let measured = match running {
            Some(measured) => measured,
            None => running.insert(ByLength::new(&self.files, *quick)?),
        };
        let changed = measured.step(&self.clock)?;
        let (text, share) = measured.progress();
        let done = measured.is_done();
        let mut events = vec![];
        if changed {
            events.push(Event::Lengths { lengths: Box::new(measured.found().clone()) });
        }
        if done {
            self.lengths = None;
            // What was stopped before it was asked for stays stopped.
            self.paused = self.sweep.as_ref().is_some_and(|(_, sweep)| !sweep.is_done());
            events.push(Event::Done);
        } else {
            events.extend(self.tell(text, share));
        }
        Ok(events)
    }
}
