//! Memory of a run: how many bytes of tensors are alive at once, computed from the graph.

use perforate_base::units::Bytes;

use super::cost::bytes_per_row;
use super::path::Path;
use super::program::Program;
use super::tree::{Block, Step};

impl Program {
    /// Most bytes of tensors alive at once while one row takes `path`: what passed between segments so
    /// far, which a run keeps to its end, and inside the segment at hand what is still to be read. Weights
    /// and the scratch of kernels are not in it. None where sizes depend on more than the number of rows.
    pub fn peak_bytes(&self, path: Path) -> Option<Bytes> {
        let given = self.inputs.iter().map(|input| input.slot);
        let given = given.chain(self.knobs.iter().map(|knob| knob.slot));
        let mut held = given.map(|slot| self.slot_bytes(slot)).sum::<Option<Bytes>>()?;
        let mut peak = held;
        self.follow(&self.root, path, &mut held, &mut peak)?;
        Some(peak)
    }

    /// Bytes of all weights, as loaded; segments that are equal count once each time they stand in the file.
    pub fn weight_bytes(&self) -> Bytes {
        self.segments.iter().map(|segment| segment.cost().bytes).sum()
    }

    fn follow(&self, block: &Block, path: Path, held: &mut Bytes, peak: &mut Bytes) -> Option<()> {
        for step in &block.steps {
            match step {
                Step::Run(id) => {
                    let segment = &self.segments[id.index()];
                    let inside = *held + segment.peak_per_row()?;
                    if inside > *peak {
                        *peak = inside;
                    }
                    for &slot in &segment.outputs {
                        *held += self.slot_bytes(slot)?;
                    }
                }
                Step::Branch(fork) => {
                    let branch = &fork.branches[usize::from(!path.at(fork.gate)?)];
                    // The gate's outputs are the branch's own: nothing is copied for one row.
                    self.follow(branch, path, held, peak)?;
                }
            }
        }
        Some(())
    }

    fn slot_bytes(&self, slot: usize) -> Option<Bytes> {
        let fact = &self.slots[slot].fact;
        let rows = self.rows.as_ref();
        bytes_per_row(&fact.mem_size(), rows)
    }
}
