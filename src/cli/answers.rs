//! `answers`: records what every path of the built-in scenarios answers, for the page.

use std::path::Path;

use perforate_bench::clock::SystemClock;
use perforate_bench::recorded::RecordedAnswers;
use perforate_bench::sweep::record_answers;
use perforate_lab::experiment::Experiment;
use perforate_lab::{Scenario, find, scenarios};

use crate::Result;

use super::io::{say, write};
use super::open::open;

/// Records the answers of these scenarios, or of all that have a file of them.
pub fn answers(names: &[String]) -> Result<()> {
    let chosen: Vec<&Scenario> = match names {
        [] => scenarios(),
        names => names.iter().map(|name| find(name)).collect::<Result<_>>()?,
    };
    for scenario in chosen {
        let Some(file) = scenario.answers else { continue };
        // The file itself is what is not there yet.
        let experiment = Experiment { recorded: false, ..Experiment::in_page(scenario, false) };
        let (experiment, _, opened) = open(experiment)?;
        let binding = experiment.answers_binding()?;
        let clock = SystemClock::default();
        let recorded = record_answers(opened.subject, experiment.options()?, &binding, &clock)?;
        let recorded = RecordedAnswers { fits: opened.fits, ..recorded };
        let bytes = recorded.encode()?;
        say!("{file}: {} bytes", bytes.len());
        write(Path::new(file), bytes)?;
    }
    Ok(())
}
