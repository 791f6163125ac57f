//! Moves work into the branch of an `If` that alone needs it.
//!
//! ONNX Runtime computes everything that stands before an `If`, whichever branch is taken. A node moves if every reader of
//! its outputs is in one branch, or moves there too. What the graph gives as an output, what draws at random and what both
//! branches read stays. Bodies of loops are left alone: work in them would be repeated.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto};

use crate::reads::{is_random, read_by, read_inside};

/// A node that moved into a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moved {
    /// Its name, or that of its first output where it has none.
    pub node: String,
    /// The `If` that it moved into, named likewise.
    pub gate: String,
    /// `then_branch` or `else_branch`.
    pub branch: String,
}

/// Who reads a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Reader {
    /// A node by itself, or one of its graphs that is no branch.
    Node(usize),
    /// A branch of an `If`: the node, and its attribute.
    Branch(usize, usize),
    /// The graph, as an output.
    Output,
}

/// Moves work into branches, in inner graphs too. Returns what moved, in the order in which it runs; a node that moved
/// through several gates stands there once for each.
pub fn sink(model: &mut ModelProto) -> Vec<Moved> {
    let mut moved = vec![];
    let random = random_functions(&model.functions);
    if let Some(graph) = model.graph.as_mut() {
        sink_in(graph, &random, &mut moved);
    }
    moved
}

/// Functions of the model that draw at random, by domain and name.
fn random_functions(functions: &[FunctionProto]) -> HashSet<(String, String)> {
    let mut random: HashSet<(String, String)> = HashSet::new();
    let called = |node: &NodeProto| (node.domain.clone(), node.op_type.clone());
    loop {
        let before = random.len();
        for function in functions {
            if function.node.iter().any(|node| is_random(node) || random.contains(&called(node))) {
                random.insert((function.domain().into(), function.name().into()));
            }
        }
        if random.len() == before {
            return random;
        }
    }
}

fn sink_in(graph: &mut GraphProto, random: &HashSet<(String, String)>, moved: &mut Vec<Moved>) {
    let to = destinations(graph, random);
    let constants = constants_that_follow(graph, &to);
    let mut taken: HashMap<(usize, usize), (Vec<NodeProto>, Vec<TensorProto>)> = HashMap::new();
    for (ix, node) in graph.node.iter().enumerate() {
        let Some(&(gate, attribute)) = to.get(&ix) else { continue };
        moved.push(Moved {
            node: name_of(node),
            gate: name_of(&graph.node[gate]),
            branch: graph.node[gate].attribute[attribute].name.clone(),
        });
        taken.entry((gate, attribute)).or_default().0.push(node.clone());
    }
    for (name, branch) in &constants {
        let tensor = graph.initializer.iter().find(|tensor| tensor.name == *name);
        taken.entry(*branch).or_default().1.extend(tensor.cloned());
    }
    for ((gate, attribute), (nodes, tensors)) in taken {
        let given: HashSet<&String> = nodes.iter().flat_map(|node| &node.output).collect();
        let declared = graph.value_info.iter().filter(|info| given.contains(&info.name));
        let declared: Vec<_> = declared.cloned().collect();
        graph.value_info.retain(|info| !declared.iter().any(|moved| moved.name == info.name));
        if let Some(branch) = graph.node[gate].attribute[attribute].g.as_mut() {
            branch.node.splice(0..0, nodes);
            branch.initializer.extend(tensors);
            branch.value_info.extend(declared);
        }
    }
    graph.initializer.retain(|tensor| !constants.contains_key(&tensor.name));
    let mut ix = 0;
    graph.node.retain(|_| {
        ix += 1;
        !to.contains_key(&(ix - 1))
    });
    let inner = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
    inner.filter_map(|attribute| attribute.g.as_mut()).for_each(|g| sink_in(g, random, moved));
}

/// Where each node that moves goes: the index of the `If`, and of its attribute.
fn destinations(
    graph: &GraphProto,
    random: &HashSet<(String, String)>,
) -> HashMap<usize, (usize, usize)> {
    let readers = readers(graph);
    let mut to: HashMap<usize, (usize, usize)> = HashMap::new();
    // Readers stand behind what they read.
    for (ix, node) in graph.node.iter().enumerate().rev() {
        if is_random(node) || random.contains(&(node.domain.clone(), node.op_type.clone())) {
            continue;
        }
        let own = node.output.iter().filter(|name| !name.is_empty());
        let own = own.flat_map(|name| readers.get(name.as_str()).into_iter().flatten());
        let branch = |reader: &Reader| match *reader {
            Reader::Branch(gate, attribute) => to.get(&gate).or(Some(&(gate, attribute))).copied(),
            Reader::Node(reader) => to.get(&reader).copied(),
            Reader::Output => None,
        };
        let mut wanted = own.map(branch);
        if let Some(Some(first)) = wanted.next()
            && wanted.all(|other| other == Some(first))
            && first.0 > ix
        {
            to.insert(ix, first);
        }
    }
    to
}

/// Constants of a graph that only moved nodes of one branch, or that branch, read. Those that are inputs too stay.
fn constants_that_follow(
    graph: &GraphProto,
    to: &HashMap<usize, (usize, usize)>,
) -> HashMap<String, (usize, usize)> {
    let readers = readers(graph);
    let inputs: HashSet<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
    let mut found = HashMap::new();
    for tensor in graph.initializer.iter().filter(|t| !inputs.contains(t.name.as_str())) {
        let Some(own) = readers.get(tensor.name.as_str()) else { continue };
        let moves = |reader: &Reader| match *reader {
            Reader::Node(ix) => to.get(&ix).copied(),
            Reader::Branch(gate, attribute) => to.get(&gate).or(Some(&(gate, attribute))).copied(),
            Reader::Output => None,
        };
        let is_read_by_moved = own.iter().any(|reader| match *reader {
            Reader::Node(ix) | Reader::Branch(ix, _) => to.contains_key(&ix),
            Reader::Output => false,
        });
        let first = own.first().and_then(moves);
        if let Some(first) = first.filter(|_| is_read_by_moved)
            && own.iter().all(|reader| moves(reader) == Some(first))
        {
            found.insert(tensor.name.clone(), first);
        }
    }
    found
}

/// The readers of each tensor that a graph reads.
fn readers(graph: &GraphProto) -> HashMap<&str, Vec<Reader>> {
    let mut readers: HashMap<&str, Vec<Reader>> = HashMap::new();
    for (ix, node) in graph.node.iter().enumerate() {
        if node.op_type == "If" {
            for name in &node.input {
                readers.entry(name).or_default().push(Reader::Node(ix));
            }
            for (attribute, own) in node.attribute.iter().enumerate() {
                for name in own.g.iter().flat_map(read_inside) {
                    readers.entry(name).or_default().push(Reader::Branch(ix, attribute));
                }
            }
        } else {
            for name in read_by(node) {
                readers.entry(name).or_default().push(Reader::Node(ix));
            }
        }
    }
    for output in &graph.output {
        readers.entry(&output.name).or_default().push(Reader::Output);
    }
    readers
}

fn name_of(node: &NodeProto) -> String {
    match node.name.as_str() {
        "" => node.output.first().cloned().unwrap_or_default(),
        name => name.to_string(),
    }
}
