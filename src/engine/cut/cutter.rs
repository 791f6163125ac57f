//! What is gathered while a graph is cut, and what its tensor names mean.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::TensorProto;
use tract_onnx::prelude::TypedFact;

use perforate_base::{Error, ErrorKind, Result};

use crate::compiler::Compiler;
use crate::gate::Gate;
use crate::segment::Segment;
use crate::tree::{Slot, Step};

/// Everything that cutting produces.
pub(crate) struct Partitioner {
    pub compiler: Compiler,
    pub slots: Vec<Slot>,
    pub segments: Vec<Segment>,
    pub gates: Vec<Gate>,
    /// Names of the inputs that are knobs.
    pub knobs: HashSet<String>,
    /// Branch labels by gate name, from the metadata.
    pub labels: HashMap<String, [String; 2]>,
}

/// What a tensor name means in the graph at hand.
#[derive(Clone)]
pub(super) enum Binding<'a> {
    Slot(usize),
    Constant(&'a TensorProto),
}

pub(super) type Scope<'a> = HashMap<&'a str, Binding<'a>>;

/// The slot that a name means, if it is no constant.
pub(super) fn slot_of(scope: &Scope, name: &str) -> Option<usize> {
    match scope.get(name) {
        Some(Binding::Slot(slot)) => Some(*slot),
        _ => None,
    }
}

impl Partitioner {
    /// Adds a slot; `from_rows` says whether anything of the data inputs is in it.
    pub fn slot(&mut self, name: &str, fact: TypedFact, from_rows: bool) -> usize {
        let per_row = self.compiler.is_per_row(&fact);
        self.slots.push(Slot { name: name.to_string(), fact, per_row, from_rows });
        self.slots.len() - 1
    }

    /// The fact of a tensor that comes from either branch: types must agree, and so must the row axis.
    pub(super) fn joined_fact(&self, a: usize, b: usize, place: &str) -> Result<TypedFact> {
        let (a, b) = (&self.slots[a], &self.slots[b]);
        if a.fact.datum_type != b.fact.datum_type || a.fact.rank() != b.fact.rank() {
            return Err(Error::new(
                ErrorKind::Model,
                format!(
                    "the branches give `{}` as {:?} and `{}` as {:?}; both must have the same type and rank",
                    a.name, a.fact, b.name, b.fact
                ),
            )
            .node(place));
        }
        Ok(if a.per_row { a.fact.clone() } else { b.fact.clone() })
    }

    /// Slots that these steps and outputs use and that no step before sets.
    pub(super) fn reads(&self, steps: &[Step], outputs: &[usize]) -> Vec<usize> {
        let mut set = HashSet::new();
        let mut reads = vec![];
        let mut read = |slot: usize, set: &HashSet<usize>| {
            if !set.contains(&slot) && !reads.contains(&slot) {
                reads.push(slot);
            }
        };
        for step in steps {
            match step {
                Step::Run(segment) => {
                    let segment = &self.segments[segment.index()];
                    segment.inputs.iter().for_each(|&slot| read(slot, &set));
                    set.extend(&segment.outputs);
                }
                Step::Branch(fork) => {
                    read(fork.decision, &set);
                    fork.score.iter().for_each(|&slot| read(slot, &set));
                    let inner = fork.branches.iter().flat_map(|block| &block.reads);
                    inner.for_each(|&slot| read(slot, &set));
                    set.extend(&fork.outputs);
                }
            }
        }
        outputs.iter().for_each(|&slot| read(slot, &set));
        reads
    }
}
