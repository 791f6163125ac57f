//! Answers without times: what a page is given, so that it has only times to measure.

use perforate_base::Result;

use crate::clock::Clock;
use crate::recorded::{AnswersCheck, RecordedAnswers, RecordedSplit};
use crate::slice::measure_tick;
use crate::subject::{BenchTarget, Options};

use super::answers::Answers;
use super::findings::Findings;
use super::setup::Setup;
use super::stage::Stage;
use super::stages::{
    CheckAnswers, JudgeReferences, RecordFirstRows, RecordRemainingRows, RecordScores,
};

/// Runs test samples again whose answers were recorded before.
///
/// # Errors
/// Whatever is wrong with the models.
pub fn check_answers(
    subject: BenchTarget,
    options: Options,
    clock: &impl Clock,
) -> Result<AnswersCheck> {
    let (setup, mut found) = begin(subject, options, clock)?;
    run(
        &setup,
        &mut found,
        clock,
        [Stage::Scores(RecordScores), Stage::FirstRows(RecordFirstRows)],
    )?;
    run(&setup, &mut found, clock, [Stage::AnswersCheck(CheckAnswers::default())])?;
    Ok(found.answers_check.unwrap_or_default())
}

/// Records what every path and every reference answers for all samples. `binding` is the digest of the experiment.
///
/// # Errors
/// Whatever is wrong with the models.
pub fn record_answers(
    subject: BenchTarget,
    options: Options,
    binding: &str,
    clock: &impl Clock,
) -> Result<RecordedAnswers> {
    let (setup, mut found) = begin(subject, options, clock)?;
    let stages = [
        Stage::Scores(RecordScores),
        Stage::FirstRows(RecordFirstRows),
        Stage::RemainingRows(RecordRemainingRows),
        Stage::References(JudgeReferences),
    ];
    run(&setup, &mut found, clock, stages)?;
    let Findings { answers, references, .. } = found;
    Ok(RecordedAnswers {
        binding: binding.into(),
        test: RecordedSplit::of(&answers.test),
        calibration: RecordedSplit::of(&answers.calibration),
        scaling: answers.scaling.as_ref().map(RecordedSplit::of),
        references: references.iter().map(|own| own.recorded()).collect(),
        fits: vec![],
    })
}

fn begin(subject: BenchTarget, options: Options, clock: &impl Clock) -> Result<(Setup, Findings)> {
    let tick = measure_tick(clock);
    let answers = Answers::new(&subject)?;
    let found = Findings::new(&subject, answers, vec![])?;
    let options = Options { timing_only: false, ..options };
    Ok((Setup { subject, options, tick }, found))
}

fn run<const N: usize>(
    setup: &Setup,
    found: &mut Findings,
    clock: &impl Clock,
    stages: [Stage; N],
) -> Result<()> {
    for mut stage in stages {
        while !stage.step(clock, setup, found)?.finished {}
    }
    Ok(())
}
