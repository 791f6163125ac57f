//! Rewrites a file with `If` nodes so that every runtime skips what it can: work that only one branch needs moves into
//! that branch, constants are computed once, and what nothing reads goes. The outputs stay the same.

mod constants;
mod sink;
#[cfg(test)]
mod tests;

use tract_onnx::pb::ModelProto;

use super::prune::remove_unread;

pub use sink::{Moved, sink};

/// What became of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Optimised {
    /// Nodes that moved into a branch, in the order in which they run.
    pub moved: Vec<Moved>,
    /// Nodes that became constants.
    pub folded: usize,
    /// Nodes that nothing read.
    pub removed: usize,
}

/// Folds constants, drops what nothing reads, and moves work into the branches that need it.
pub fn optimise(model: &mut ModelProto) -> Optimised {
    let folded = constants::fold(model);
    let removed = model.graph.as_mut().map_or(0, remove_unread);
    let moved = sink(model);
    Optimised { moved, folded, removed }
}
