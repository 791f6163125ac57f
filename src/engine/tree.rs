//! A program as a tree: blocks of steps, a step being a segment or a gate with its branches.

use tract_onnx::prelude::TypedFact;

use super::segment::SegmentId;

/// A stretch of the program: steps in order, then where its outputs are found.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub steps: Vec<Step>,
    pub outputs: Vec<usize>,
    /// Slots that it reads and that are set before it starts.
    pub reads: Vec<usize>,
}

#[derive(Debug)]
pub(crate) enum Step {
    Run(SegmentId),
    Branch(Box<GateNode>),
}

/// A gate in its place: what decides, and what follows.
#[derive(Debug)]
pub(crate) struct GateNode {
    pub gate: usize,
    pub decision: usize,
    pub score: Option<usize>,
    /// `[then, else]`
    pub branches: [Block; 2],
    pub outputs: Vec<usize>,
}

/// A tensor that passes between segments.
#[derive(Debug)]
pub(crate) struct Slot {
    pub name: String,
    pub fact: TypedFact,
    pub per_row: bool,
    /// Whether anything of the data inputs is in it; if not, it follows from the knobs alone.
    pub from_rows: bool,
}
