//! The shape of a program, for drawings: segments and gates in the order in which a row meets them.

use super::program::Program;
use super::segment::SegmentId;
use super::tree::{Block, Step};

/// One item of a program.
#[derive(Debug, Clone, PartialEq)]
pub enum Outline {
    /// A segment.
    Segment(SegmentId),
    /// A gate, by index, and what stands in its branches, `[then, else]`.
    Gate(usize, [Vec<Outline>; 2]),
}

impl Program {
    /// The program's items; those that do not depend on the rows are left out.
    pub fn outline(&self) -> Vec<Outline> {
        self.outline_of(&self.root)
    }

    fn outline_of(&self, block: &Block) -> Vec<Outline> {
        let item = |step: &Step| match step {
            Step::Run(id) => self.segments[id.index()].per_row.then_some(Outline::Segment(*id)),
            Step::Branch(fork) => {
                let branches = fork.branches.each_ref().map(|branch| self.outline_of(branch));
                Some(Outline::Gate(fork.gate, branches))
            }
        };
        block.steps.iter().filter_map(item).collect()
    }
}
