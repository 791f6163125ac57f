//! Runs segments and charges them to the rows.

use tract_onnx::prelude::*;

use perforate_base::error::{Error, ErrorKind, Result, one_line};
use perforate_base::guard::{Panicked, guarded};
use perforate_base::units::Macs;

use super::state::{CachedRun, Invocation, Session};
use crate::frame::{ActiveRows, row_by_row, same, state, value};
use crate::ops::skipped_work;
use crate::program::Program;
use crate::segment::{Order, Segment, SegmentId};
use crate::trace::Trace;
use crate::work::Work;

impl Session {
    /// Runs a segment on the frame's rows and charges it to them.
    pub(super) fn segment(
        &mut self,
        program: &Program,
        id: SegmentId,
        frame: &mut ActiveRows,
        trace: &mut Trace,
    ) -> Result<()> {
        let segment = &program.segments[id.index()];
        let inputs: TVec<TValue> = segment
            .inputs
            .iter()
            .map(|&slot| value(frame, program, slot))
            .collect::<Result<_>>()?;
        let work = self.work_of(segment, id, &inputs)?;
        let rows = frame.rows.len();
        if let Some(calls) = &mut self.calls {
            calls.push(Invocation { segment: id, rows, inputs: inputs.clone() });
        }
        let began = self.times.as_ref().map(|times| (times.clock)());
        let (outputs, spared) = self.execute_unless_known(program, id, inputs, rows)?;
        if let Some((times, began)) = self.times.as_mut().zip(began) {
            let own = &mut times.segments[id.index()];
            own.runs += 1;
            own.rows += rows as u64;
            own.time += (times.clock)() - began;
        }
        if segment.per_row {
            for (at, &row) in frame.rows.iter().enumerate() {
                let spared = spared.get(at).copied().unwrap_or(Macs(0.0));
                trace.rows[row].work = trace.rows[row].work + work.without(spared);
            }
        } else {
            trace.shared = trace.shared + work;
        }
        for (&slot, output) in segment.outputs.iter().zip(outputs) {
            frame.slots[slot] = Some(output);
        }
        Ok(())
    }

    /// What a segment computes for one row with these inputs.
    fn work_of(&mut self, segment: &Segment, id: SegmentId, inputs: &[TValue]) -> Result<Work> {
        if let Some(work) = segment.work_per_row() {
            return Ok(work);
        }
        let sizes: TVec<usize> = inputs.iter().flat_map(|v| v.shape()).copied().collect();
        if let Some(work) = self.work[id.index()].get(&sizes) {
            return Ok(*work);
        }
        let tensors: Vec<&Tensor> = inputs.iter().map(|v| &**v).collect();
        let work = segment.cost().with_symbols(&segment.symbol_values(&tensors))?;
        self.work[id.index()].insert(sizes, work);
        Ok(work)
    }

    /// The outputs of a segment, and what its operators left out by row; taken from the run before if that had the very
    /// same inputs and runs are kept.
    fn execute_unless_known(
        &mut self,
        program: &Program,
        id: SegmentId,
        inputs: TVec<TValue>,
        rows: usize,
    ) -> Result<(TVec<TValue>, Vec<Macs>)> {
        if let Some(known) = self.known.as_ref().and_then(|all| all.get(&id))
            && same(&known.inputs, &inputs)
        {
            return Ok((known.outputs.clone(), known.spared.clone()));
        }
        let given = self.known.is_some().then(|| inputs.clone());
        let outputs = self.execute(program, id, inputs, rows)?;
        let spared = skipped_work::take();
        if let Some((all, inputs)) = self.known.as_mut().zip(given) {
            let (outputs, spared) = (outputs.clone(), spared.clone());
            all.insert(id, CachedRun { inputs, outputs, spared });
        }
        Ok((outputs, spared))
    }

    /// Runs the plan of a segment on `rows` rows.
    pub(super) fn execute(
        &mut self,
        program: &Program,
        id: SegmentId,
        inputs: TVec<TValue>,
        rows: usize,
    ) -> Result<TVec<TValue>> {
        let ix = id.index();
        let segment = &program.segments[ix];
        let fault = |e: TractError| {
            Error::new(ErrorKind::Model, format!("the run failed ({})", one_line(&e)))
                .node(&segment.name)
                .with_source(e)
        };
        let panicked = |panic: Panicked| {
            let text = format!(
                "the run failed ({panic}): check that the inputs lie in the ranges that the model was made for"
            );
            Error::new(panic.kind(ErrorKind::Input), text).node(&segment.name)
        };
        skipped_work::take();
        let each = self.orders[ix] == Order::RowByRow && !segment.dynamic_rows;
        let one_by_one = segment.per_row && (rows == 1 || each);
        let cell = if one_by_one { &mut self.single[ix] } else { &mut self.batch[ix] };
        let outputs = guarded(panicked, || {
            if !one_by_one {
                let state = state(cell, || segment.batch()?.spawn().map_err(fault))?;
                return state.run(inputs).map_err(fault);
            }
            let state = state(cell, || segment.single()?.spawn().map_err(fault))?;
            if rows == 1 {
                state.run(inputs).map_err(fault)
            } else {
                row_by_row(program, &segment.inputs, state, &inputs, rows).map_err(fault)
            }
        });
        // What a run that failed has left half done is not used again.
        if outputs.is_err() {
            *cell = None;
        }
        outputs
    }
}
