//! What a run did: the path of every row, what it cost, the scores at the gates.

use perforate_base::units::Macs;

use super::path::Path;
use super::work::Work;

/// One row's way through the program.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct RowTrace {
    /// Gates passed and branches taken.
    pub path: Path,
    /// What is charged to this row: every segment it went through, gates included, as if it ran alone.
    pub work: Work,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Trace {
    /// One entry a row, in the batch's order.
    pub rows: Vec<RowTrace>,
    /// What is charged once for the batch, not to any row: computation on knobs alone.
    pub shared: Work,
    /// `scores[gate][row]`: the score that the gate compared; NaN where the row did not get there
    /// or the gate compares no score of its own.
    pub scores: Vec<Vec<f32>>,
}

impl Trace {
    /// All that the run computed and read.
    pub fn total(&self) -> Work {
        self.rows.iter().fold(self.shared, |sum, row| sum + row.work)
    }

    /// All operations of the run.
    pub fn total_macs(&self) -> Macs {
        self.total().macs
    }
}
