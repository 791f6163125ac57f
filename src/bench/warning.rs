//! Warnings about a measurement: what happened, and what to do.

use perforate_base::units::Seconds;

use super::contender::ContenderId;

/// A warning about a measurement, phrased as advice.
#[derive(Debug, Clone, PartialEq)]
pub enum MeasurementWarning {
    /// The clock is coarse.
    CoarseClock(Seconds),
    /// A contender did not become stable in its warm-up.
    NotStable(ContenderId),
    /// A contender gave two answers to one input.
    NotDeterministic(ContenderId),
    /// All contenders became slower or faster by this factor during the run.
    Drift(f64),
    /// This share of the rounds took more than twice as long as half of them.
    Throttled(f64),
    /// A contender's times vary by this factor between rounds, while others' do not.
    Unsteady(ContenderId, f64),
    /// A contender's speed-up has an interval of this width, relative to its median, the widest of all.
    WideInterval(ContenderId, f64),
    /// There are so few rounds.
    FewRounds(usize),
}

impl MeasurementWarning {
    /// The warning as a sentence; `name` names the contenders.
    pub fn advice(&self, name: impl Fn(ContenderId) -> String) -> String {
        match self {
            MeasurementWarning::CoarseClock(tick) => format!(
                "The clock ticks only every {tick}, so samples are made long: serve the page cross-origin isolated for a finer one."
            ),
            MeasurementWarning::NotStable(id) => format!(
                "“{}” was still changing speed after its warm-up: close other programs and tabs and run again.",
                name(*id)
            ),
            MeasurementWarning::NotDeterministic(id) => format!(
                "“{}” gave two different answers to one input, so its accuracy changes from run to run: fix the seeds in the model.",
                name(*id)
            ),
            MeasurementWarning::Drift(factor) => format!(
                "The machine's speed changed by {factor:.1}× during the run; ratios hold, absolute times do not: let it cool down, plug it in, and run again."
            ),
            MeasurementWarning::Throttled(share) => format!(
                "{:.0} % of the rounds took more than twice as long as most: keep the tab in front and close other programs.",
                share * 100.0
            ),
            MeasurementWarning::Unsteady(id, factor) => format!(
                "The times of “{}” vary {factor:.1}× between rounds, and the others’ do not. Something interfered with that model: run again.",
                name(*id)
            ),
            MeasurementWarning::WideInterval(id, width) => format!(
                "The interval of “{}” is {:.0} % wide, the widest of all: measure longer, or close other programs.",
                name(*id),
                width * 100.0
            ),
            MeasurementWarning::FewRounds(rounds) => format!(
                "There are only {rounds} rounds, too few for an interval to be trusted: measure longer."
            ),
        }
    }
}
