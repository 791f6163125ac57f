//! Passes gates: splits the rows of a batch, sends each part down its branch, joins what comes out.

use perforate_base::Result;

use super::outcome::Routing;
use super::state::Session;
use crate::frame::{ActiveRows, gather, numbers, per_row_value, scatter, truth, truths, value};
use crate::program::Program;
use crate::trace::Trace;
use crate::tree::{Block, GateNode, Step};

impl Session {
    fn walk(
        &mut self,
        program: &Program,
        block: &Block,
        frame: &mut ActiveRows,
        trace: &mut Trace,
        routing: Routing,
    ) -> Result<()> {
        for step in &block.steps {
            self.take(program, step, frame, trace, routing)?;
        }
        Ok(())
    }

    /// Takes one step: runs a segment, or passes a gate.
    pub(super) fn take(
        &mut self,
        program: &Program,
        step: &Step,
        frame: &mut ActiveRows,
        trace: &mut Trace,
        routing: Routing,
    ) -> Result<()> {
        match step {
            Step::Run(segment) => self.segment(program, *segment, frame, trace),
            Step::Branch(fork) => self.fork(program, fork, frame, trace, routing),
        }
    }

    /// Passes a gate: splits the rows, walks each branch with its own, joins their outputs.
    fn fork(
        &mut self,
        program: &Program,
        fork: &GateNode,
        frame: &mut ActiveRows,
        trace: &mut Trace,
        routing: Routing,
    ) -> Result<()> {
        let decisions = self.decide(program, fork, frame, trace, routing)?;
        for (&row, &then) in frame.rows.iter().zip(&decisions) {
            trace.rows[row].path = trace.rows[row].path.through(fork.gate, then);
        }
        let first = decisions[0];
        if decisions.iter().all(|&then| then == first) {
            let block = &fork.branches[usize::from(!first)];
            self.walk(program, block, frame, trace, routing)?;
            for (&slot, &inner) in fork.outputs.iter().zip(&block.outputs) {
                let joined = if program.slots[slot].per_row {
                    per_row_value(frame, program, inner, decisions.len())?
                } else {
                    value(frame, program, inner)?
                };
                frame.slots[slot] = Some(joined);
            }
            return Ok(());
        }
        let mut parts = vec![];
        for then in [true, false] {
            let local: Vec<usize> =
                (0..decisions.len()).filter(|&i| decisions[i] == then).collect();
            let block = &fork.branches[usize::from(!then)];
            let mut inner = gather(program, block, frame, &local)?;
            self.walk(program, block, &mut inner, trace, routing)?;
            let outputs = block
                .outputs
                .iter()
                .map(|&slot| per_row_value(&inner, program, slot, local.len()))
                .collect::<Result<Vec<_>>>()?;
            parts.push((local, outputs));
        }
        for (ix, &slot) in fork.outputs.iter().enumerate() {
            frame.slots[slot] = Some(scatter(&parts, ix, decisions.len())?);
        }
        Ok(())
    }

    /// The branch of each of the frame's rows; notes the scores in the trace.
    fn decide(
        &mut self,
        program: &Program,
        fork: &GateNode,
        frame: &ActiveRows,
        trace: &mut Trace,
        routing: Routing,
    ) -> Result<Vec<bool>> {
        if let Some(slot) = fork.score {
            let scores = value(frame, program, slot)?;
            let view = numbers(&scores)?;
            for (&row, &score) in frame.rows.iter().zip(view) {
                trace.scores[fork.gate][row] = score;
            }
        } else if let Some(score) = program.gates[fork.gate].constant_score {
            frame.rows.iter().for_each(|&row| trace.scores[fork.gate][row] = score);
        }
        if let Routing::Forced(path) = routing
            && let Some(then) = path.at(fork.gate)
        {
            return Ok(vec![then; frame.rows.len()]);
        }
        let decision = value(frame, program, fork.decision)?;
        if !program.gates[fork.gate].per_row {
            return Ok(vec![truth(program, fork, &decision)?; frame.rows.len()]);
        }
        truths(program, fork, &decision)
    }
}
