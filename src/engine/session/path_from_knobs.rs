//! The path that follows from the knobs alone.

use perforate_base::Result;

use super::state::Session;
use crate::batch::Knobs;
use crate::frame::{ActiveRows, set_knobs, truth, value};
use crate::path::Path;
use crate::program::Program;
use crate::tree::{Block, Step};

impl Session {
    /// The path that every row takes at these knobs; none where gates look at the rows. Only what follows from the knobs
    /// is run.
    pub fn path_from_knobs(&mut self, knobs: &Knobs) -> Result<Option<Path>> {
        let program = self.program.clone();
        if program.is_input_dependent() {
            return Ok(None);
        }
        let mut frame = ActiveRows { rows: vec![0], slots: vec![None; program.slots.len()] };
        set_knobs(&program, &mut frame.slots, knobs)?;
        let mut path = Path::default();
        self.follow(&program, &program.root, &mut frame, &mut path)?;
        Ok(Some(path))
    }

    fn follow(
        &mut self,
        program: &Program,
        block: &Block,
        frame: &mut ActiveRows,
        path: &mut Path,
    ) -> Result<()> {
        for step in &block.steps {
            match step {
                Step::Run(id) => {
                    let segment = &program.segments[id.index()];
                    if segment.inputs.iter().any(|&slot| program.slots[slot].from_rows) {
                        continue;
                    }
                    let inputs = segment.inputs.iter().map(|&slot| value(frame, program, slot));
                    let outputs = self.execute(program, *id, inputs.collect::<Result<_>>()?, 1)?;
                    for (&slot, output) in segment.outputs.iter().zip(outputs) {
                        frame.slots[slot] = Some(output);
                    }
                }
                Step::Branch(fork) => {
                    let then = truth(program, fork, &value(frame, program, fork.decision)?)?;
                    *path = path.through(fork.gate, then);
                    let branch = &fork.branches[usize::from(!then)];
                    self.follow(program, branch, frame, path)?;
                    for (&slot, &inner) in fork.outputs.iter().zip(&branch.outputs) {
                        frame.slots[slot] = frame.slots[inner].clone();
                    }
                }
            }
        }
        Ok(())
    }
}
