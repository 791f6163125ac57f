//! Runs a routed ONNX model: what is behind a gate that stays closed is not computed.
//!
//! [`Program::load`] cuts the graph at its `If` nodes into *segments*, each optimised once;
//! a [`Session`] walks the resulting tree, sends every row of a batch down its own path and keeps a
//! [`Trace`] of it. The engine knows nothing of strategies: a gate is any `If` of the model.
//!
//! | module | what it does |
//! |---|---|
//! | `program`, `declared`, `inputs`, `outputs` | loads a file: [`Program`], its inputs, knobs and outputs |
//! | `cut`, `tree`, `gate` | cuts the graph at its `If` nodes; a [`Gate`] and the decision under its condition |
//! | `compiler`, `compiled`, `segment`, `sizes` | one tract plan a segment; how it runs on several rows ([`Order`]) |
//! | `precision` | sums of half precision, and gates near saturation |
//! | `lower` | operators of our own in the place of tract's |
//! | `key`, `library` | segments with equal bytes are compiled once: [`PlanCache`] |
//! | `cost`, `work`, `memory` | operations, weights and memory, computed from the graph |
//! | `path`, `paths`, `outline` | the ways through a program: [`Path`], [`Program::paths`], [`Outline`] |
//! | `batch`, `frame` | the values of a run, split by rows at a gate and joined behind it |
//! | `session`, `trace` | the run itself and what it did |
//! | [`ops`] | operators of our own: integer products, perforated attention, token selection |
//!
//! ```
//! use std::sync::Arc;
//!
//! use ndarray::ArrayD;
//! use perforate_engine::{Batch, Knobs, Program, Session};
//! use perforate_onnx::{GraphBuilder, Metadata, OPSET, Size, encode};
//!
//! # fn main() -> perforate_base::Result<()> {
//! // `y = x²` where `x ≥ threshold`, else `y = x`.
//! let shape = [Size::Rows, Size::Fixed(1)];
//! let mut main = GraphBuilder::new("example", OPSET);
//! let x = main.input("x", &shape)?;
//! let threshold = main.knob("threshold", 2.0)?;
//! let hard = main.node("GreaterOrEqual", "hard", &[&x, &threshold])?;
//! let mut full = main.branch("full");
//! full.node("Mul", "full/square", &[&x, &x])?;
//! full.output("full/square", &shape)?;
//! let mut light = full.branch("light");
//! light.node("Identity", "light/kept", &[&x])?;
//! light.output("light/kept", &shape)?;
//! main.gate("gate", &hard, full, light, &["y"])?;
//! main.output("y", &shape)?;
//! let file = encode(&main.into_model(&Metadata::default())?);
//!
//! let program = Arc::new(Program::load("example.onnx", &file)?);
//! let mut session = Session::new(program.clone());
//! let x = ArrayD::from_shape_vec(vec![2, 1], vec![1.0f32, 3.0]).expect("two values");
//! let batch = Batch::new().with("x", x);
//! let outcome = session.run(&batch, &Knobs::new())?;
//! assert_eq!(outcome.output("y")?.into_raw_vec_and_offset().0, [1.0, 9.0]);
//! // Each row has a path, scores and work of its own.
//! let [light, full] = &outcome.trace.rows[..] else { unreachable!() };
//! assert_eq!((light.path.at(0), full.path.at(0)), (Some(false), Some(true)));
//! assert_eq!(program.path_label(full.path), "gate:then");
//! // A knob moves the gate without a new file.
//! let outcome = session.run(&batch, &Knobs::new().with("threshold", 5.0))?;
//! assert_eq!(outcome.first()?.into_raw_vec_and_offset().0, [1.0, 3.0]);
//! # Ok(())
//! # }
//! ```
//!
//! # Gates
//!
//! In [`Session::run`] a gate decides for every row that reaches it. Where the rows part, `gather` copies those of each
//! branch into smaller tensors, without gaps, so that the branch's segments run on these rows alone; `scatter` puts the
//! answers back into the rows' order. Where all rows go the same way nothing is copied. [`Routing::Forced`] takes the
//! decision out of the gates' hands.

mod apart;
mod batch;
mod compiled;
mod compiler;
mod cost;
mod cut;
mod declared;
mod frame;
mod gate;
mod inputs;
mod key;
mod library;
mod lower;
mod memory;
pub mod ops;
mod outline;
mod outputs;
mod path;
mod paths;
mod precision;
mod program;
mod segment;
mod session;
mod sizes;
mod trace;
mod tree;
mod work;

/// The tensors of tract, the engine's run-time, and their element types: what a [`Batch`] holds and an [`Outcome`] gives.
/// They are part of this interface on purpose, since a copy into another type would cost more than many a segment; arrays
/// of `ndarray` go in with [`Batch::with`] and come out with [`Outcome::output`], for those who need no other.
pub use tract_onnx::prelude::{Datum, DatumType, TValue, Tensor};

pub use batch::{Batch, Knobs, to_array};
pub use cost::SegmentCost;
pub use gate::{Comparison, Gate};
pub use inputs::{InputInfo, KnobInfo};
pub use library::PlanCache;
pub use outline::Outline;
pub use outputs::{Extent, OutputInfo};
pub use path::{MAX_GATES, Path};
pub use paths::MAX_PATHS;
pub use program::{Program, SegmentInfo};
pub use segment::{Order, SegmentId};
pub use session::{Execution, Invocation, Outcome, Routing, SegmentTime, Session};
pub use trace::{RowTrace, Trace};
pub use work::Work;

#[cfg(test)]
mod tests;
