//! Answers recorded beforehand: what every path of a routed model, and every reference, answers for the samples of an
//! experiment.
//!
//! To find that out takes minutes, and it comes out the same on every machine; times do not, and are never recorded. A
//! page is given the answers and measures the times. Some rows run again at every measurement, and where they do not
//! come out as recorded, all are run anew.
//!
//! The file holds what the experiment and its files were, as one digest: other models, data or seeds have other answers.

mod file;
mod planes;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use perforate_engine::{Path, Work};

use super::record::{PathRecord, Recording, argmax};

/// Rows that run again at every measurement.
pub const CHECKED: usize = 200;
/// Of a hundred rows that run again, so many may come out otherwise: two classes can be level, machines round differently,
/// and in eight bits that moves a value by a whole step.
const OTHERWISE: usize = 2;
/// Largest difference of a score from the recorded one, relative to it where it is above 1.
const SCORE_TOLERANCE: f32 = 0.01;
/// Largest difference of the bytes that a run reads, relative to those recorded.
const BYTES_TOLERANCE: f64 = 0.01;

/// What every path and every reference answers.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedAnswers {
    /// Digest of the experiment and its files.
    pub binding: String,
    /// Answers for the test samples.
    pub test: RecordedSplit,
    /// Answers for the calibration samples.
    pub calibration: RecordedSplit,
    /// Answers for the samples on which temperatures are fitted; none where there are none.
    pub scaling: Option<RecordedSplit>,
    /// Each reference's answers for the test samples.
    pub references: Vec<ModelAnswers>,
    /// What was fitted on the samples for temperatures when the models were composed, in the order of fitting: a list of
    /// heads each.
    pub fits: Vec<Vec<HeadFit>>,
}

/// What samples say of one head's answers, held against the full model's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeadFit {
    /// T that makes its confidence the share of answers that the full model gives as well.
    pub temperature: f64,
    /// That share.
    pub agreement: f64,
}

/// What every path answers for the samples of one split.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedSplit {
    /// Scores at each gate, `[sample][gate]`; NaN where no path passes it.
    pub scores: Vec<Vec<f32>>,
    /// Each path's answers.
    pub paths: Vec<(Path, ModelAnswers)>,
}

/// What one model, or one path, answers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ModelAnswers {
    /// Outputs, `[sample][output]`.
    pub outputs: Vec<Vec<f32>>,
    /// What each sample computes and reads.
    pub work: Vec<Work>,
    /// The share of each sample that each layer computes on, `[sample][layer]`; empty where the program does not tell.
    pub kept: Vec<Vec<f32>>,
}

/// What came of running some rows again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AnswersCheck {
    /// Rows that were run again.
    pub checked: usize,
    /// Rows of them that came out as recorded, on every path: the same answers, scores and operations.
    pub alike: usize,
}

impl AnswersCheck {
    /// Whether the recorded answers stand for this machine.
    pub fn holds(&self) -> bool {
        self.checked - self.alike <= (self.checked * OTHERWISE).div_ceil(100)
    }

    /// What is said where they do not.
    pub fn warning(self) -> Option<String> {
        (!self.holds()).then(|| {
            format!(
                "Of {} inputs that were run again, only {} came out as recorded, so all answers were computed here.",
                self.checked, self.alike
            )
        })
    }
}

impl RecordedSplit {
    /// What is recorded.
    pub fn of(recording: &Recording) -> RecordedSplit {
        let gates = recording.program().gates().len();
        let by_gate: Vec<Vec<f32>> = (0..gates).map(|gate| recording.scores_at(gate)).collect();
        let score = |row: usize, gate: usize| by_gate[gate].get(row).copied().unwrap_or(f32::NAN);
        let scores = |row| (0..gates).map(|gate| score(row, gate)).collect();
        let answers = |record: &PathRecord| ModelAnswers {
            outputs: record.outputs.clone(),
            work: record.work.clone(),
            kept: record.kept.clone(),
        };
        RecordedSplit {
            scores: (0..recording.len()).map(scores).collect(),
            paths: recording.paths.iter().map(|own| (own.path, answers(own))).collect(),
        }
    }

    /// Puts the first `rows` rows into a recording; false, and nothing changed, if it has a path that is not among these.
    pub fn restore(&self, recording: &mut Recording, rows: usize) -> bool {
        let own = |path: Path| self.paths.iter().find(|(own, _)| *own == path);
        if recording.paths.iter().any(|record| own(record.path).is_none()) {
            return false;
        }
        for record in &mut recording.paths {
            let Some((path, answers)) = own(record.path) else { continue };
            let rows = rows.min(answers.outputs.len());
            record.outputs = answers.outputs[..rows].to_vec();
            record.work = answers.work[..rows].to_vec();
            record.kept = answers.kept[..rows.min(answers.kept.len())].to_vec();
            let passed = |(gate, &score): (usize, &f32)| path.at(gate).map_or(f32::NAN, |_| score);
            let scores = |row: &Vec<f32>| row.iter().enumerate().map(passed).collect();
            record.scores = self.scores[..rows].iter().map(scores).collect();
        }
        true
    }
}

/// Whether a run does the recorded operations. The bytes may differ slightly: constants that hold sizes take fewer on a
/// 32-bit machine.
pub fn is_work_alike(recorded: Work, again: Work) -> bool {
    let bytes = (recorded.bytes.0 - again.bytes.0).abs() <= BYTES_TOLERANCE * recorded.bytes.0;
    (recorded.macs, recorded.integer_macs) == (again.macs, again.integer_macs) && bytes
}

/// Whether an answer comes out as recorded: the same class, and the same scores at the gates that it passes.
pub fn is_alike(recorded: (&[f32], &[f32]), again: (&[f32], &[f32])) -> bool {
    let near = |(a, b): (&f32, &f32)| {
        a.is_nan() || (a - b).abs() <= SCORE_TOLERANCE * a.abs().max(1.0) || a == b
    };
    argmax(recorded.0) == argmax(again.0) && recorded.1.iter().zip(again.1).all(near)
}
