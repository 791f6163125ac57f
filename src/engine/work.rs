//! What a run computes and reads, by kind: what an estimate of energy rests on.

use perforate_base::units::{Bytes, Macs};

use super::cut::{Block, Step};
use super::program::Program;
use super::trace::Path;

/// Operations and weights of one row's run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Work {
    /// All multiply-accumulates.
    pub macs: Macs,
    /// Those of them on eight-bit integers.
    pub integer_macs: Macs,
    /// Bytes of the weights that are read, as loaded.
    pub bytes: Bytes,
}

impl Work {
    /// The same with so many operations left out.
    pub fn without(self, spared: Macs) -> Work {
        Work { macs: Macs((self.macs.0 - spared.0).max(0.0)), ..self }
    }
}

impl std::ops::Add for Work {
    type Output = Work;
    fn add(self, other: Work) -> Work {
        Work {
            macs: self.macs + other.macs,
            integer_macs: self.integer_macs + other.integer_macs,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl std::iter::Sum for Work {
    fn sum<I: Iterator<Item = Work>>(all: I) -> Work {
        all.fold(Work::default(), |sum, own| sum + own)
    }
}

impl std::ops::Mul<f64> for Work {
    type Output = Work;
    fn mul(self, factor: f64) -> Work {
        Work {
            macs: self.macs * factor,
            integer_macs: self.integer_macs * factor,
            bytes: self.bytes * factor,
        }
    }
}

impl Program {
    /// What one row does on `path`, gates included; none if it depends on more sizes of the input.
    pub fn work(&self, path: Path) -> Option<Work> {
        self.segments_on(path)?.into_iter().try_fold(Work::default(), |sum, ix| {
            let segment = &self.segments[ix];
            Some(sum + segment.work_per_row()?)
        })
    }

    /// The segments that a row on `path` runs, in order; none if the path leaves a gate open.
    fn segments_on(&self, path: Path) -> Option<Vec<usize>> {
        let mut found = vec![];
        collect(&self.root, path, &mut found)?;
        Some(found)
    }
}

fn collect(block: &Block, path: Path, found: &mut Vec<usize>) -> Option<()> {
    for step in &block.steps {
        match step {
            Step::Run(segment) => found.push(*segment),
            Step::Branch(fork) => {
                let branch = &fork.branches[usize::from(!path.at(fork.gate)?)];
                collect(branch, path, found)?;
            }
        }
    }
    Some(())
}
