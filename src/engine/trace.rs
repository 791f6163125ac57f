//! What a run did: the path of every row, what it cost, the scores at the gates.

use perforate_base::units::Macs;

use super::work::Work;

/// Most gates a program may have: a path is one integer of two bits a gate.
pub const MAX_GATES: usize = 64;

/// The gates that a row passed and the branch it took at each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Path(u128);

impl Path {
    /// This path, and then the branch `then` (or else) at `gate`.
    #[must_use]
    pub fn through(self, gate: usize, then: bool) -> Path {
        debug_assert!(gate < MAX_GATES);
        Path(self.0 | (1 << (2 * gate)) | (u128::from(then) << (2 * gate + 1)))
    }

    /// The branch taken at `gate`: `Some(true)` is the then-branch, `None` that the row never got there.
    pub fn at(self, gate: usize) -> Option<bool> {
        (self.0 >> (2 * gate) & 1 == 1).then_some(self.0 >> (2 * gate + 1) & 1 == 1)
    }
}

/// One row's way through the program.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RowTrace {
    /// Gates passed and branches taken.
    pub path: Path,
    /// What is charged to this row: every segment it went through, gates included, as if it ran alone.
    pub work: Work,
}

/// What a run did.
#[derive(Debug, Clone, PartialEq, Default)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_each_gate() {
        let path = Path::default().through(0, false).through(63, true);
        assert_eq!(path.at(0), Some(false));
        assert_eq!(path.at(1), None);
        assert_eq!(path.at(63), Some(true));
    }
}
