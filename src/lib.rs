//! Perforate, a laboratory for routed inference: it measures what *not computing* would gain.
//!
//! A **routed model** is one standard ONNX file in which every decision is an `If` that compares a
//! *score* with a *knob*. [`onnx`] builds such files; [`engine`] cuts one at its gates into segments,
//! compiles each once and sends every row down its own path; [`routing`] fits gates, finds exits for a
//! model that has none, and chooses operating points with a guarantee.
//!
//! | feature | adds |
//! |---|---|
//! | `measure` | `bench` and `report`: timing against references, results as JSON, CSV and Markdown |
//! | `cli` | the command line `perforate` |
//!
//! ```
//! use std::sync::Arc;
//!
//! use ndarray::ArrayD;
//! use perforate::engine::{Batch, Knobs, Program, Session};
//! use perforate::onnx::{GraphBuilder, Metadata, OPSET, Size, encode};
//!
//! # fn main() -> perforate::Result<()> {
//! // `y = x²` where `x ≥ threshold`, else `y = x`, as an ONNX file.
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
//! // Two rows, each on its own path; only one pays for the multiplication.
//! let program = Arc::new(Program::load("example.onnx", &file)?);
//! let x = ArrayD::from_shape_vec(vec![2, 1], vec![1.0f32, 3.0]).expect("two values");
//! let outcome = Session::new(program).run(&Batch::new().with("x", x), &Knobs::new())?;
//! assert_eq!(outcome.output("y")?.into_raw_vec_and_offset().0, [1.0, 9.0]);
//! assert_ne!(outcome.trace.rows[0].path, outcome.trace.rows[1].path);
//! # Ok(())
//! # }
//! ```
pub use perforate_base::{Error, ErrorKind, Named, Result, error, units};
pub use perforate_data as data;
pub use perforate_engine as engine;
pub use perforate_onnx as onnx;
pub use perforate_routing as routing;

#[cfg(feature = "measure")]
pub use perforate_bench as bench;
#[cfg(feature = "measure")]
pub use perforate_report as report;
