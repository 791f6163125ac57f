//! Reads and writes ONNX files: a builder that splices component models and gates into one routed
//! model, and the metadata that a routed model carries.
//!
//! | module | what it does |
//! |---|---|
//! | `component` | a file as a part of others: [`Component`] |
//! | `builder` | builds a graph node by node, splices components, sets gates: [`GraphBuilder`], [`chain`] |
//! | `metadata` | what a routed file says of itself: [`Metadata`] |
//! | `scores` | scores of a calibration, which a routed file keeps: [`ScoreHistogram`] |
//! | `knobs` | defaults of knobs: [`set_default`], [`certify`], [`require_knobs`] |
//! | [`limits`] | what a file may ask for, checked before it is compiled |
//! | `known` | what a file tells of its tensors without running it |
//! | `fold` | batch normalisations become part of the convolutions before them: [`fold_norms`] |
//! | `given` | inputs that must be known when a file is compiled: [`deciding_inputs`] |
//! | `mend` | writes nodes that the compiler takes for something else in another way: [`mend()`] |
//! | `unsupported` | refuses those of which it would make something else: [`refuse_unsupported`] |
//! | `absent` | inputs that are left out: [`trim_absent()`] |
//! | `separate` | where a model can be cut in two: [`Separable`] |
//! | `optimise` | work that one branch of an `If` needs moves into it; constants are folded: [`optimise()`] |
//! | `prune` | drops what no output depends on: [`prune()`] |
//! | `reads` | what nodes read, in inner graphs too |
//! | `tensors`, `attributes` | sizes, types and stored values; attributes of nodes |
//! | [`functions`] | operators of our own, as functions that other runtimes execute too |
//!
//! A gate is an `If` whose condition asks whether any row needs the branch:
//!
//! ```
//! use perforate_onnx::{Component, GraphBuilder, Metadata, OPSET, Size, encode};
//!
//! # fn main() -> perforate_base::Result<()> {
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
//! let model = Component::decode("example.onnx", &file)?;
//! assert_eq!(model.outputs()[0].name, "y");
//! assert_eq!(model.opset(), OPSET);
//! # Ok(())
//! # }
//! ```

mod absent;
mod attributes;
mod builder;
mod component;
mod fold;
pub mod functions;
mod given;
mod knobs;
mod known;
pub mod limits;
mod mend;
mod metadata;
mod optimise;
mod prune;
mod reads;
mod scores;
mod separate;
mod tensors;
mod unsupported;

use prost::Message;
use tract_onnx::pb::ModelProto;

/// The messages of an ONNX file, `ModelProto` and what it holds, as tract's parser defines them. They are part of this
/// interface on purpose: what is built here is what the engine compiles, without a second set of types.
pub use tract_onnx::pb;

pub use absent::trim_absent;
pub use attributes::{int_attribute, ints_attribute};
pub use builder::{GraphBuilder, Spliced, chain};
pub use component::{Component, decode};
pub use fold::fold_norms;
pub use given::{deciding_inputs, declared_type, give};
pub use knobs::{certify, keep_scores, require_knobs, set_default};
pub use mend::mend;
pub use metadata::{Certificate, Half, KEPT, KnobRange, Metadata, Side, rename_output};
pub use optimise::{Moved, Optimised, optimise, sink};
pub use prune::prune;
pub use scores::{BINS, ScoreHistogram};
pub use separate::{Cut, Separable};
pub use tensors::{Size, any_sizes, float_tensor, numbers, scalar_value, type_name, value_info};
pub use unsupported::refuse_unsupported;

/// The operator set of models built here.
pub const OPSET: i64 = 17;

/// The bytes of an ONNX file.
pub fn encode(model: &ModelProto) -> Vec<u8> {
    model.encode_to_vec()
}
