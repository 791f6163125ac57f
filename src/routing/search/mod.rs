//! Automatic routing of a model that was never made for it: finds where it can be cut, fits a head at several depths
//! in closed form to the model's own answers, and keeps those exits that save most. Nothing is trained, and no labels
//! are needed.
//!
//! | module | does |
//! |---|---|
//! | `probe` | the model with the features of every candidate exit as outputs; what each costs |
//! | `features` | from a tensor inside a model to a row of numbers: pooling, as ONNX operators |
//! | `choose` | which exits are worth having, by simulating the routed model |
//! | `exits` | all of it in small steps |
//! | `ask` | several models, asked about the same rows |
//! | `chain` | which of them make a cascade |
//! | `pool` | which of them make a pool, with averages and predicted failures |
//! | `found` | what came of it: parts of a routed model |
//! | `options` | what is looked for, and the fewest rows to look with |
//! | `survey` | what a model is, before anything is done with it |
//!
//! Heads are linear maps of pooled activations to the full model's logits, by ridge regression with the penalty from
//! cross-validation (as linear classifier probes: Alain and Bengio, "Understanding intermediate layers using linear
//! classifier probes", ICLR workshop 2017).
//!
//! ```no_run
//! use perforate_routing::search::{Options, exits};
//! use perforate_data::{Samples, images};
//! use perforate_engine::Batch;
//! use perforate_onnx::{Component, encode};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = Component::decode("full.onnx", &std::fs::read("models/fashion/full.onnx")?)?;
//! let file = std::fs::read("models/data/fashion-mnist/t10k-images-idx3-ubyte.gz")?;
//! let pixels = images::read_images("images", &file)?;
//! let inputs = Samples::new(Batch::new().with("x", pixels), None)?;
//! let some = inputs.select(&(0..200).collect::<Vec<_>>())?;
//! let found = exits(model, some, Options::default())?;
//! let routed = found.compose("example", 0.9, Default::default())?;
//! println!("{} bytes, at {:.0} % of the operations", encode(&routed).len(), 100.0 * found.expected_cost);
//! # Ok(())
//! # }
//! ```

mod ask;
mod chain;
mod choose;
mod exits;
mod features;
mod found;
mod options;
mod pool;
mod probe;
mod survey;

pub use ask::Asking;
pub use chain::model_chain;
pub use exits::{Search, exits};
pub use found::{Exit, Found, Parts};
pub use options::Options;
pub use pool::{PoolSearch, pool};

pub use survey::{Survey, survey};
