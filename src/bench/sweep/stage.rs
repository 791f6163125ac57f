//! Which stage a sweep is in, and which one follows.

use perforate_base::Result;
use perforate_base::units::Seconds;

use crate::clock::Clock;
use crate::results::Progress;
use crate::robustness::{PerturbationRun, heard_gate};
use crate::sequential::Stopping;
use crate::subject::CostBasis;

use super::certificate::chosen_setting;
use super::findings::Findings;
use super::outcome::Outcome;
use super::setup::Setup;
use super::stages::{
    CheckAnswers, ChooseOrders, JudgePerturbed, JudgeReferences, Part, RecordFirstRows,
    RecordRemainingRows, RecordScores, TimeBatch1, TimeBatchN, TimeFurtherRounds, TimeHeadline,
    TimeRouter, TimeSegments,
};
use super::timer::Timer;
use super::timers;

/// Rounds of the curve before the verdict, at least, and seconds in which there may be more.
const CURVE: (usize, Seconds) = (2, Seconds(4.0));
/// The same for the router by itself and the self-check, whose interval needs six rounds.
const ROUTER: (usize, Seconds) = (6, Seconds(3.0));

/// The stages in order.
#[derive(Debug)]
pub(super) enum Stage {
    Scores(RecordScores),
    FirstRows(RecordFirstRows),
    Batch1(Box<TimeBatch1>),
    Segments(Box<TimeSegments>),
    References(JudgeReferences),
    Router(Box<TimeRouter>),
    Orders(Box<ChooseOrders>),
    BatchN(Box<TimeBatchN>),
    AnswersCheck(CheckAnswers),
    RemainingRows(RecordRemainingRows),
    Headline(Box<TimeHeadline>),
    FurtherRounds(TimeFurtherRounds),
    Robustness(Box<JudgePerturbed>),
    Done,
}

impl Stage {
    /// The first one.
    pub fn first() -> Stage {
        Stage::Scores(RecordScores)
    }

    /// Does one slice of work.
    pub fn step(
        &mut self,
        clock: &impl Clock,
        setup: &Setup,
        found: &mut Findings,
    ) -> Result<Outcome> {
        match self {
            Stage::Scores(stage) => stage.step(clock, setup, found),
            Stage::FirstRows(stage) => stage.step(clock, setup, found),
            Stage::Batch1(stage) => stage.step(clock, setup, found),
            Stage::Segments(stage) => stage.step(clock),
            Stage::References(stage) => stage.step(clock, setup, found),
            Stage::Router(stage) => stage.step(clock),
            Stage::Orders(stage) => stage.step(clock, setup, found),
            Stage::BatchN(stage) => stage.step(clock),
            Stage::AnswersCheck(stage) => stage.step(clock, setup, found),
            Stage::RemainingRows(stage) => stage.step(clock, setup, found),
            Stage::Headline(stage) => stage.step(clock),
            Stage::FurtherRounds(stage) => stage.step(clock, found),
            Stage::Robustness(stage) => stage.step(clock, setup),
            Stage::Done => Ok(Outcome::more(false)),
        }
    }

    /// The stage after this one, which is finished.
    pub fn next(&self, setup: &Setup, found: &Findings) -> Result<Stage> {
        Ok(match self {
            Stage::Scores(_) => Stage::FirstRows(RecordFirstRows),
            Stage::FirstRows(_) => {
                let timer = timers::curve(setup, found, 1)?;
                let part = Self::before_the_verdict(setup, CURVE);
                Stage::Batch1(Box::new(TimeBatch1 { timer, part }))
            }
            Stage::Batch1(_) if Self::can_verdict_do_without_segments(setup) => {
                Stage::References(JudgeReferences)
            }
            Stage::Batch1(_) => Self::segments(setup, found)?,
            // After the verdict, if that could do without them.
            Stage::Segments(_) if found.router.is_some() => Self::orders(setup),
            Stage::Segments(_) => Stage::References(JudgeReferences),
            Stage::References(_) => {
                let timer = timers::router(setup, found)?;
                let part = Self::before_the_verdict(setup, ROUTER);
                Stage::Router(Box::new(TimeRouter { timer, part }))
            }
            Stage::Router(_) if found.answers.are_from_before() && !setup.options.timing_only => {
                Stage::AnswersCheck(CheckAnswers::before_the_verdict())
            }
            Stage::Router(_) => Stage::RemainingRows(RecordRemainingRows),
            Stage::AnswersCheck(_) if !found.answers.are_from_before() => Stage::first(),
            Stage::AnswersCheck(own) if own.is_before_the_verdict => {
                Stage::RemainingRows(RecordRemainingRows)
            }
            Stage::AnswersCheck(_) => Stage::FurtherRounds(TimeFurtherRounds),
            Stage::RemainingRows(_) => match setup.options.headline {
                Some(stopping) => Self::headline(setup, found, stopping)?,
                None => Self::after_the_verdict(setup, found),
            },
            Stage::Headline(_) => Self::after_the_verdict(setup, found),
            Stage::FurtherRounds(_) if found.segments.is_none() => Self::segments(setup, found)?,
            Stage::FurtherRounds(_) => Self::orders(setup),
            Stage::Orders(_) => {
                let timer = timers::curve(setup, found, setup.options.batch)?;
                Stage::BatchN(Box::new(TimeBatchN { timer }))
            }
            Stage::BatchN(_) => Self::robustness(setup, found),
            Stage::Robustness(_) | Stage::Done => Stage::Done,
        })
    }

    fn segments(setup: &Setup, found: &Findings) -> Result<Stage> {
        let timer = timers::segments(setup, found)?;
        Ok(Stage::Segments(Box::new(TimeSegments { timer })))
    }

    /// Whether someone is waiting for a verdict that does not need the segments' times.
    fn can_verdict_do_without_segments(setup: &Setup) -> bool {
        setup.options.headline.is_some() && setup.options.cost == CostBasis::Operations
    }

    /// The part of a measurement that comes before the verdict, where somebody waits for one.
    fn before_the_verdict(setup: &Setup, part: (usize, Seconds)) -> Option<Part> {
        setup.options.headline.map(|_| Part::new(part.0, part.1))
    }

    /// The operating point beside its rivals.
    fn headline(setup: &Setup, found: &Findings, stopping: Stopping) -> Result<Stage> {
        let setting = chosen_setting(setup, found);
        let timer = timers::headline(setup, found, setting, stopping.most_rounds)?;
        Ok(Stage::Headline(Box::new(TimeHeadline { timer, setting, stopping, began: None })))
    }

    /// What the verdict did not wait for.
    fn after_the_verdict(setup: &Setup, found: &Findings) -> Stage {
        match found.answers.are_from_before() && !setup.options.timing_only {
            true => Stage::AnswersCheck(CheckAnswers::default()),
            false => Stage::FurtherRounds(TimeFurtherRounds),
        }
    }

    fn orders(setup: &Setup) -> Stage {
        Stage::Orders(Box::new(ChooseOrders::new(&setup.subject)))
    }

    /// Perturbed samples at the chosen setting, if there are any, and labels to judge them by.
    pub fn robustness(setup: &Setup, found: &Findings) -> Stage {
        let Setup { subject, options, .. } = setup;
        let labelled = subject.test.0.labels().is_some();
        let rows = options.perturbed_rows;
        if !labelled || subject.perturbations.is_empty() || rows == 0 || options.timing_only {
            return Stage::Done;
        }
        let knobs = chosen_setting(setup, found).knobs(&subject.knob);
        let paths = found.answers.test.paths.iter().map(|record| record.path).collect();
        let calibration = heard_gate(&subject.routed)
            .map_or(vec![], |gate| found.answers.calibration.scores_at(gate));
        let judged_by = (knobs, options.target);
        let run = PerturbationRun::new(subject, judged_by, rows, paths, calibration);
        Stage::Robustness(Box::new(JudgePerturbed { run }))
    }

    /// Leaves what this stage measured among the findings.
    pub fn deposit(self, found: &mut Findings) {
        match self {
            Stage::Batch1(stage) => found.batch1 = Some(stage.timer),
            Stage::Segments(stage) => found.segments = Some(stage.timer),
            Stage::Router(stage) => found.router = Some(stage.timer),
            Stage::Headline(stage) => found.headline = Some(stage.timer),
            Stage::BatchN(stage) => found.batch_n = Some(stage.timer),
            Stage::Robustness(stage) => found.robustness = Some(stage.run),
            // These add to the findings row by row.
            Stage::Scores(_)
            | Stage::FirstRows(_)
            | Stage::References(_)
            | Stage::Orders(_)
            | Stage::AnswersCheck(_)
            | Stage::RemainingRows(_)
            | Stage::FurtherRounds(_)
            | Stage::Done => {}
        }
    }

    /// The timer of single rows, while it runs.
    pub fn batch1(&self) -> Option<&Timer> {
        match self {
            Stage::Batch1(stage) => Some(&stage.timer),
            _ => None,
        }
    }

    /// The timer of the operating point, while it runs.
    pub fn headline_timer(&self) -> Option<&Timer> {
        match self {
            Stage::Headline(stage) => Some(&stage.timer),
            _ => None,
        }
    }

    /// The timer of batches, while it runs.
    pub fn batch_n(&self) -> Option<&Timer> {
        match self {
            Stage::BatchN(stage) => Some(&stage.timer),
            _ => None,
        }
    }

    /// Where the sweep stands, for people.
    pub fn progress(&self, setup: &Setup) -> Progress {
        let batch = setup.options.batch;
        let (text, share) = match self {
            Stage::Scores(_) => ("Scoring all samples".to_string(), 0.02),
            Stage::FirstRows(_) => ("Running both paths".to_string(), 0.05),
            Stage::Batch1(stage) => {
                ("Timing one row at a time".to_string(), 0.05 + 0.6 * stage.timer.share())
            }
            Stage::Segments(_) => ("Timing each segment".to_string(), 0.65),
            Stage::References(_) => ("Judging reference models".to_string(), 0.65),
            Stage::Router(stage) => {
                ("Timing the router by itself".to_string(), 0.65 + 0.02 * stage.timer.share())
            }
            Stage::AnswersCheck(_) => ("Checking recorded answers".to_string(), 0.67),
            Stage::RemainingRows(_) => ("Judging the remaining samples".to_string(), 0.67),
            Stage::Headline(_) => ("Timing the operating point".to_string(), 0.68),
            Stage::FurtherRounds(_) => ("Timing more rounds".to_string(), 0.68),
            Stage::Orders(_) => (format!("Choosing how each segment runs at batch {batch}"), 0.68),
            Stage::BatchN(stage) => {
                (format!("Timing at batch {batch}"), 0.69 + 0.21 * stage.timer.share())
            }
            Stage::Robustness(stage) => {
                ("Judging changed inputs".to_string(), 0.9 + 0.1 * stage.run.share())
            }
            Stage::Done => ("Done".to_string(), 1.0),
        };
        Progress { text, share }
    }
}
