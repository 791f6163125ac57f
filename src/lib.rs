//! Perforate, a laboratory for routed inference: it measures what *not computing* would gain.
//!
//! A **routed model** is one standard ONNX file in which every decision is an `If` that compares a
//! *score* with a *knob*. [`route`] composes such files from component models with [`onnx`];
//! [`engine`] cuts one at its gates into segments, compiles each once and sends every row down its
//! own path; [`mod@bench`] times and judges it against its references; [`fit`] fits gates and chooses
//! operating points with a guarantee; [`auto`] finds exits for a model that has none; [`report`] and [`chart`] show the outcome; [`lab`] is the
//! application without a screen, which the page (`web`) and the command line share.
//!
//! Modules use those of lower floors only, which `tests/layering.rs` holds them to:
//! `error units` → `clock` → `onnx` → `engine` → `data route fit` → `energy auto` → `bench` →
//! `report chart` → `lab` → `web`. Strategies and the engine never read a clock, so that what is
//! measured cannot know that it is.
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
pub mod auto;
pub mod bench;
pub mod chart;
pub mod clock;
pub mod data;
pub mod energy;
pub mod engine;
pub mod error;
pub mod fit;
pub mod lab;
pub mod onnx;
pub mod report;
pub mod route;
pub mod units;
#[cfg(target_arch = "wasm32")]
pub mod web;

pub use error::{Error, ErrorKind, Result};
