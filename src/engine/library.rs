//! What programs that are compared share: segments that are equal are compiled once, and run from the
//! same weights. Two copies compete for the caches, which a comparison of two models must not measure;
//! and compiling once takes half the time.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use prost::Message;
use tract_onnx::pb::{GraphProto, TensorProto};
use tract_onnx::prelude::*;

use super::segment::Compiled;

/// Compiled segments, by what they compute. Programs loaded with the same library share them.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// All programs use one symbol for the row axis, else equal segments would differ in it.
    pub(crate) symbols: SymbolScope,
    known: Arc<Mutex<HashMap<u64, Arc<Compiled>>>>,
}

impl Library {
    /// The segment of this fingerprint, compiled by `compile` if it is not known yet.
    pub(crate) fn segment<E>(
        &self,
        fingerprint: u64,
        compile: impl FnOnce() -> Result<Compiled, E>,
    ) -> Result<Arc<Compiled>, E> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = known.get(&fingerprint) {
            return Ok(compiled.clone());
        }
        let compiled = Arc::new(compile()?);
        known.insert(fingerprint, compiled.clone());
        Ok(compiled)
    }
}

/// A number for what a graph computes, whatever its tensors and nodes are called. `sizes` are those of
/// its inputs, in order; `context` is what else decides: operator set versions, local functions.
pub(crate) fn fingerprint<'a>(graph: &'a GraphProto, sizes: &[String], context: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    context.hash(&mut hasher);
    let constants: HashMap<&str, &TensorProto> =
        graph.initializer.iter().map(|t| (t.name.as_str(), t)).collect();
    // Tensors are numbered in the order in which they are met; a constant is its content.
    let mut numbers: HashMap<&'a str, usize> = HashMap::new();
    let mut tensor = |name: &'a str, hasher: &mut DefaultHasher| match constants.get(name) {
        Some(constant) => {
            let unnamed = TensorProto { name: String::new(), ..(*constant).clone() };
            unnamed.encode_to_vec().hash(hasher);
        }
        None if name.is_empty() => usize::MAX.hash(hasher),
        None => {
            let next = numbers.len();
            numbers.entry(name).or_insert(next).hash(hasher);
        }
    };
    for (input, sizes) in graph.input.iter().zip(sizes) {
        tensor(&input.name, &mut hasher);
        sizes.hash(&mut hasher);
    }
    for node in &graph.node {
        (&node.op_type, &node.domain, node.input.len(), node.output.len()).hash(&mut hasher);
        node.input.iter().chain(&node.output).for_each(|name| tensor(name, &mut hasher));
        let mut attributes: Vec<Vec<u8>> =
            node.attribute.iter().map(Message::encode_to_vec).collect();
        attributes.sort_unstable();
        attributes.hash(&mut hasher);
    }
    graph.output.iter().for_each(|output| tensor(&output.name, &mut hasher));
    hasher.finish()
}
