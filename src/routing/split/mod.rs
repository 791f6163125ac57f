//! A routed file in two: what a device computes up to a gate, and the rest, for a server.
//!
//! ```text
//! routed.onnx:  x ─▶ stage 1 ─▶ [gate] ─▶ stage 2 ─▶ answer
//! device.onnx:  x ─▶ stage 1 ─▶ answer of the gate's light branch, score, answered, features
//! server.onnx:  features ─▶ stage 2 ─▶ answer
//! ```
//!
//! A row whose `answered` is true is done: the device's answer is the whole file's. For the others the server's is; the device's
//! own then is what it would say without a server. Gates before the one that is named stay in the device's file with both
//! branches, later ones go to the server's, and each half keeps the knobs that it reads.
//!
//! What is sent is one of [`Sends`]: the tensors that the rest reads, the same in eight bits, or the inputs themselves, from
//! which the server then computes those tensors again.

mod device;
mod eight_bits;
mod graph;
mod half;
mod pair;
mod server;
mod site;
mod tidy;

pub use half::{Halves, Splitter};
pub use pair::{Answer, OnDevice, Pair};
pub use site::gate_names;

use perforate_base::Named;

/// What is sent to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sends {
    /// The tensors that the rest reads: the answers are the whole file's.
    Features,
    /// The same in eight bits, each row with a range of its own: an answer may differ.
    EightBits,
    /// The inputs: the server computes again what the device has computed.
    Input,
}

impl Named for Sends {
    const ALL: &'static [Sends] = &[Sends::Features, Sends::EightBits, Sends::Input];

    fn name(&self) -> &'static str {
        match self {
            Sends::Features => "features",
            Sends::EightBits => "eight-bits",
            Sends::Input => "input",
        }
    }
}
