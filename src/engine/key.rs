//! What a segment computes, as bytes: equal bytes, equal computation, whatever tensors and nodes are called.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use prost::Message;
use tract_onnx::pb::{GraphProto, TensorProto};

/// What decides on a segment beside its graph, each as the file encodes it.
pub(crate) struct Context {
    pub ir_version: i64,
    pub opset: Vec<Vec<u8>>,
    pub functions: Vec<Vec<u8>>,
}

/// The identity of a segment. Keys are equal if their bytes are; the hash only says where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    hash: u64,
    bytes: Box<[u8]>,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Key {
    /// The key of a graph. `sizes` are those of its inputs, in order.
    pub fn of(graph: &GraphProto, sizes: &[String], context: &Context) -> Key {
        let mut hasher = DefaultHasher::new();
        let bytes = serialise(graph, sizes, context);
        hasher.write(&bytes);
        Key { hash: hasher.finish(), bytes: bytes.into() }
    }

    /// A key whose hash is forced.
    #[cfg(test)]
    pub fn with_hash(hash: u64, bytes: &[u8]) -> Key {
        Key { hash, bytes: bytes.into() }
    }
}

/// Bytes in which every part is preceded by its length, so that no two graphs run together into the same.
#[derive(Default)]
struct Parts(Vec<u8>);

impl Parts {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    fn part(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn list<T: AsRef<[u8]>>(&mut self, parts: &[T]) {
        self.number(parts.len() as u64);
        parts.iter().for_each(|part| self.part(part.as_ref()));
    }
}

/// The kinds of a tensor's mention.
const ABSENT: u64 = 0;
const CONSTANT: u64 = 1;
const NAMED: u64 = 2;

fn serialise<'a>(graph: &'a GraphProto, sizes: &[String], context: &Context) -> Vec<u8> {
    let constants: HashMap<&str, &TensorProto> =
        graph.initializer.iter().map(|t| (t.name.as_str(), t)).collect();
    // Tensors are numbered in the order in which they are met; a constant is its content.
    let mut numbers: HashMap<&'a str, u64> = HashMap::new();
    let mut tensor = |name: &'a str, parts: &mut Parts| match constants.get(name) {
        Some(constant) => {
            let unnamed = TensorProto { name: String::new(), ..(*constant).clone() };
            parts.number(CONSTANT);
            parts.part(&unnamed.encode_to_vec());
        }
        None if name.is_empty() => parts.number(ABSENT),
        None => {
            let next = numbers.len() as u64;
            parts.number(NAMED);
            parts.number(*numbers.entry(name).or_insert(next));
        }
    };
    let mut parts = Parts::default();
    parts.number(context.ir_version as u64);
    parts.list(&context.opset);
    parts.list(&context.functions);
    parts.number(graph.input.len() as u64);
    for (input, sizes) in graph.input.iter().zip(sizes) {
        tensor(&input.name, &mut parts);
        parts.part(sizes.as_bytes());
    }
    parts.number(graph.node.len() as u64);
    for node in &graph.node {
        parts.list(&[&node.op_type, &node.domain]);
        parts.number(node.input.len() as u64);
        parts.number(node.output.len() as u64);
        node.input.iter().chain(&node.output).for_each(|name| tensor(name, &mut parts));
        let mut attributes: Vec<Vec<u8>> =
            node.attribute.iter().map(Message::encode_to_vec).collect();
        attributes.sort_unstable();
        parts.list(&attributes);
    }
    graph.output.iter().for_each(|output| tensor(&output.name, &mut parts));
    parts.0
}
