//! Perforate runs only as much of a neural network as each input needs, and measures what that saves.
//!
//! A **routed model** is one standard ONNX file in which every decision is an `If` that compares a *score* with a
//! *knob*, a graph input such as `threshold`. [`onnx`] builds such files; [`engine`] cuts one at its gates into segments,
//! compiles each once and sends every row down its own path; [`routing`] fits gates, finds exits for a model that has
//! none, and chooses thresholds with a guarantee. [`Model`] is all that it takes to run one:
//!
//! ```no_run
//! use perforate::{Batch, Model, ndarray::ArrayD};
//!
//! fn main() -> perforate::Result<()> {
//!     let mut model = Model::open("routed.onnx")?;
//!     let images = ArrayD::<f32>::zeros(vec![2, 1, 28, 28]);
//!     let run = model.run(&Batch::new().with("image", images), 0.9)?;
//!     run.rows().iter().for_each(|row| println!("{}, {}", row.path, row.macs));
//!     println!("{}", run.output("logits")?);
//!     Ok(())
//! }
//! ```
//!
//! The same from the beginning, with a file whose full path is a product of matrices, and whose light path keeps what it is given:
//!
//! ```
//! use perforate::ndarray::arr2;
//! use perforate::onnx::{GraphBuilder, Metadata, OPSET, Size, encode};
//! use perforate::{Batch, Model};
//!
//! # fn main() -> perforate::Result<()> {
//! let shape = [Size::Rows, Size::Fixed(1)];
//! let mut graph = GraphBuilder::new("example", OPSET);
//! let x = graph.input("x", &shape)?;
//! let threshold = graph.knob("threshold", 2.0)?;
//! let large = graph.node("GreaterOrEqual", "large", &[&x, &threshold])?;
//! let (mut full, mut light) = (graph.branch("full"), graph.branch("light"));
//! let weights = full.constant("weights", &[1, 1], &[10.0])?;
//! full.node("MatMul", "product", &[&x, &weights])?;
//! full.output("product", &shape)?;
//! light.node("Identity", "kept", &[&x])?;
//! light.output("kept", &shape)?;
//! graph.gate("gate", &large, full, light, &["y"])?;
//! graph.output("y", &shape)?;
//! let file = encode(&graph.into_model(&Metadata::default())?);
//!
//! // Each row takes its own path; only the second pays for the product.
//! let mut model = Model::from_bytes("example.onnx", &file)?;
//! let inputs = Batch::new().with("x", arr2(&[[1.0f32], [3.0]]).into_dyn());
//! let run = model.run(&inputs, None)?;
//! assert_eq!(run.output("y")?, arr2(&[[1.0], [30.0]]).into_dyn());
//! assert!(run.rows()[0].macs < run.rows()[1].macs);
//! // At a higher threshold none does.
//! assert_eq!(model.run(&inputs, 4.0)?.output("y")?, arr2(&[[1.0], [3.0]]).into_dyn());
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | none | engine, ONNX files, data, routing, calibration |
//! | `measure` | `bench` and `report`: timing against references, results as JSON, CSV and Markdown |
//! | `cli` | the command line `perforate`, which also splits a file between device and server and serves one |
//!
//! # Where things are
//!
//! | question | page | function |
//! |---|---|---|
//! | How is a threshold certified? | [`routing::fit::calibrate`] | [`certify`](routing::fit::calibrate::certify) |
//! | How is an early-exit file composed? | [`routing::exits`] | [`compose`](routing::exits::compose) |
//! | How is a batch compacted at a gate? | [`engine`], "Gates" | [`Session::run`](engine::Session::run) |
//! | How is a file split at a gate? | [`routing::split`] | [`Splitter::split`](routing::split::Splitter::split) |
//! | How does a dropped model get exits? | [`routing::search`] | [`exits`](routing::search::exits()) |
#![cfg_attr(
    feature = "cli",
    doc = "| How is a chart's point drawn? | [`perforate_chart`] | [`draw`](perforate_chart::draw) |",
    doc = "| How does a parameter of the URL reach the experiment? | [`perforate_lab::link`] | [`Link::decode`](perforate_lab::link::Link::decode) |"
)]
#![cfg_attr(
    not(feature = "cli"),
    doc = "| How is a chart's point drawn? | crate `perforate-chart` | `draw` |",
    doc = "| How does a parameter of the URL reach the experiment? | crate `perforate-lab`, `link` | `Link::decode` |"
)]
//!
//! Five programs in `src/examples` show the rest: `run` a routed file, `compose` one, `calibrate` its threshold, `measure`
//! what it saves, put it into a web `service`. `cargo run --release --example run` says what it takes.
//!
//! # Depending on this crate
//!
//! * **Types of other crates.** Arrays are [`ndarray`]'s. The messages of an ONNX file ([`onnx::pb`]) and tensors of any
//!   element type ([`engine::Tensor`]) are tract's, re-exported so that you need no second dependency of the same version.
//! * **WebAssembly.** The library compiles for `wasm32-unknown-unknown`. It exports nothing, and leaves allocator and start
//!   function to you. tract depends on `getrandom`, which needs a source there: [`engine`] enables its feature `wasm_js`,
//!   the browser's `crypto`. That brings wasm-bindgen, so pass your module through its command line tool or wasm-pack, as
//!   you do with your own exports; nothing else here knows of a browser. Read files yourself and call
//!   [`Model::from_bytes`]. Build with `-C target-feature=+simd128`, or products run on scalars.
//! * **Speed.** Compile `perforate-kernels` and the `tract` crates with optimisation in your development profile too:
//!   `[profile.dev.package."*"]` with `opt-level = 3`. Without it runs take some 30 times as long. `debug-assertions = false`
//!   for `perforate-kernels` makes them three times faster again: a check at every pointer takes sums out of their registers.
mod model;

pub use model::{Model, Predictions, Row};
pub use ndarray;
pub use perforate_base::{Error, ErrorKind, Named, Result, error, units};
pub use perforate_data as data;
pub use perforate_engine as engine;
pub use perforate_engine::{Batch, Knobs};
pub use perforate_onnx as onnx;
pub use perforate_routing as routing;

#[cfg(feature = "measure")]
pub use perforate_bench as bench;
#[cfg(feature = "measure")]
pub use perforate_report as report;
#[cfg(feature = "measure")]
pub use perforate_strategies as strategies;

#[cfg(feature = "cli")]
pub mod cli;

#[doc = include_str!("METHOD.md")]
pub mod method {}
