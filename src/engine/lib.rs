//! Runs a routed ONNX model: what is behind a gate that stays closed is not computed.
//!
//! [`Program::load`] cuts the graph at its `If` nodes into *segments*, each optimised once;
//! a [`Session`] walks the resulting tree, sends every row of a batch down its own path and keeps a
//! [`Trace`] of it. The engine knows nothing of strategies: a gate is any `If` of the model.

mod batch;
mod cost;
mod cut;
mod frame;
mod gate;
mod library;
mod memory;
pub mod ops;
mod outline;
mod program;
mod segment;
mod session;
mod sizes;
mod trace;
mod work;

pub use batch::{Batch, Knobs, to_array};
pub use cost::SegmentCost;
pub use gate::{Comparison, Gate};
pub use library::Library;
pub use outline::Outline;
pub use program::{InputInfo, KnobInfo, Program, SegmentInfo};
pub use segment::Order;
pub use session::{Call, Outcome, Routing, Session, Walk};
pub use trace::{MAX_GATES, Path, RowTrace, Trace};
pub use work::Work;

#[cfg(test)]
mod tests;
