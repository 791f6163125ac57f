//! What a measurement gives reason to doubt, as typed warnings that say what to do.

use perforate_base::units::Seconds;

/// A doubt about a measurement, phrased as advice.
#[derive(Debug, Clone, PartialEq)]
pub enum Doubt {
    /// The clock is coarse.
    CoarseClock(Seconds),
    /// An arm did not become stable in its warm-up.
    NotStable(usize),
    /// An arm gave two answers to one input.
    NotDeterministic(usize),
    /// All arms became slower or faster by this factor during the run.
    Drift(f64),
    /// This share of the rounds took more than twice as long as half of them.
    Throttled(f64),
    /// An arm's seconds scatter by this factor from round to round, while others' do not.
    Unsteady(usize, f64),
    /// An arm's speed-up has an interval of this width, relative to its median, the widest of all.
    WideInterval(usize, f64),
    /// There are so few rounds.
    FewRounds(usize),
}

impl Doubt {
    /// The doubt as a sentence; `arm` names the arms.
    pub fn advice(&self, arm: impl Fn(usize) -> String) -> String {
        match self {
            Doubt::CoarseClock(tick) => format!(
                "The clock ticks only every {tick}, so samples are made long: serve the page cross-origin isolated for a finer one."
            ),
            Doubt::NotStable(ix) => format!(
                "“{}” was still changing speed after its warm-up: close other programs and tabs and run again.",
                arm(*ix)
            ),
            Doubt::NotDeterministic(ix) => format!(
                "“{}” gave two different answers to one input, so its accuracy is a matter of luck: fix the seeds in the model.",
                arm(*ix)
            ),
            Doubt::Drift(factor) => format!(
                "The machine's speed changed by {factor:.1}× during the run; ratios hold, absolute times do not: let it cool down, plug it in, and run again."
            ),
            Doubt::Throttled(share) => format!(
                "{:.0} % of the rounds took more than twice as long as most: keep the tab in front and close other programs.",
                share * 100.0
            ),
            Doubt::Unsteady(ix, factor) => format!(
                "“{}” scatters by {factor:.1}× from round to round, unlike the others: its interval is wide for a reason, so look into that model.",
                arm(*ix)
            ),
            Doubt::WideInterval(ix, width) => format!(
                "The interval of “{}” is {:.0} % wide, the widest of all: measure longer, or close other programs.",
                arm(*ix),
                width * 100.0
            ),
            Doubt::FewRounds(rounds) => format!(
                "There are only {rounds} rounds, too few for an interval to be trusted: measure longer."
            ),
        }
    }
}
