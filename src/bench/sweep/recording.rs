//! Answers without times: what a page is given, so that it has only times to measure.

use perforate_base::Result;

use crate::clock::Clock;
use crate::recorded::{RecordedAnswers, RecordedSplit};
use crate::slice::measure_tick;
use crate::subject::{BenchTarget, Options};

use super::answers::Answers;
use super::findings::Findings;
use super::setup::Setup;
use super::stage::Stage;
use super::stages::{JudgeReferences, RecordFirstRows, RecordRemainingRows, RecordScores};

/// Records what every path and every reference answers for all samples of the experiment that `binding` stands for.
///
/// # Errors
/// Whatever is wrong with the models.
pub fn record_answers(
    subject: BenchTarget,
    options: Options,
    binding: &str,
    clock: &impl Clock,
) -> Result<RecordedAnswers> {
    let tick = measure_tick(clock);
    let answers = Answers::new(&subject)?;
    let mut found = Findings::new(&subject, answers, vec![])?;
    let setup = Setup { subject, options: Options { timing_only: false, ..options }, tick };
    for mut stage in [
        Stage::Scores(RecordScores),
        Stage::FirstRows(RecordFirstRows),
        Stage::RemainingRows(RecordRemainingRows),
        Stage::References(JudgeReferences),
    ] {
        while !stage.step(clock, &setup, &mut found)?.finished {}
    }
    let Findings { answers, references, .. } = found;
    Ok(RecordedAnswers {
        binding: binding.into(),
        test: RecordedSplit::of(&answers.test),
        calibration: RecordedSplit::of(&answers.calibration),
        scaling: answers.scaling.as_ref().map(RecordedSplit::of),
        references: references.iter().map(|own| own.recorded()).collect(),
    })
}
