//! Runs: a whole batch, step by step, down given paths, or one segment again.

use std::collections::HashMap;
use std::sync::Arc;

use tract_onnx::prelude::Tensor;

use perforate_base::units::Bytes;
use perforate_base::{Error, ErrorKind, Result};

use super::outcome::{Outcome, Routing};
use super::state::{Invocation, Session};
use crate::batch::{Batch, Knobs};
use crate::frame::{ActiveRows, set_knobs, value};
use crate::path::Path;
use crate::program::Program;
use crate::trace::{RowTrace, Trace};
use crate::work::Work;

/// A run on its way.
#[derive(Debug)]
pub struct Execution {
    program: Arc<Program>,
    frame: ActiveRows,
    trace: Trace,
    routing: Routing,
    next: usize,
}

impl Execution {
    /// Turns the knobs for the steps that are still to come.
    pub fn turn(&mut self, knobs: &Knobs) -> Result<()> {
        set_knobs(&self.program, &mut self.frame.slots, knobs)
    }

    /// What was done so far.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// What the run gave.
    ///
    /// # Errors
    /// If steps are left to take.
    pub fn finish(self) -> Result<Outcome> {
        let Execution { program, frame, trace, .. } = self;
        let outputs = program
            .outputs
            .iter()
            .zip(&program.root.outputs)
            .map(|(name, &slot)| Ok((name.clone(), value(&frame, &program, slot)?)))
            .collect::<Result<_>>()?;
        Ok(Outcome { outputs, trace })
    }
}

impl Session {
    /// Runs the batch at these knobs; each row takes its own path.
    pub fn run(&mut self, batch: &Batch, knobs: &Knobs) -> Result<Outcome> {
        self.run_with(batch, knobs, Routing::Scores)
    }

    /// Runs the batch; `routing` says who decides at the gates.
    pub fn run_with(&mut self, batch: &Batch, knobs: &Knobs, routing: Routing) -> Result<Outcome> {
        let mut walk = self.begin(batch, knobs, routing)?;
        while self.advance(&mut walk)? {}
        walk.finish()
    }

    /// Begins a run that is taken step by step: what stands at the top of the program, segments and gates.
    pub fn begin(&self, batch: &Batch, knobs: &Knobs, routing: Routing) -> Result<Execution> {
        let program = self.program.clone();
        let frame = self.entry(&program, batch, knobs)?;
        let rows = frame.rows.len();
        let trace = Trace {
            rows: vec![RowTrace::default(); rows],
            shared: Work::default(),
            scores: program.gates.iter().map(|_| vec![f32::NAN; rows]).collect(),
        };
        Ok(Execution { program, frame, trace, routing, next: 0 })
    }

    /// Takes the next step of a run; returns whether there was one.
    pub fn advance(&mut self, walk: &mut Execution) -> Result<bool> {
        let Execution { program, frame, trace, routing, next } = walk;
        let program = program.clone();
        let Some(step) = program.root.steps.get(*next) else { return Ok(false) };
        self.take(&program, step, frame, trace, *routing)?;
        *next += 1;
        Ok(true)
    }

    /// Runs the batch down each of `paths`. What two paths share is computed once, and charged to both.
    pub fn run_each(
        &mut self,
        batch: &Batch,
        knobs: &Knobs,
        paths: &[Path],
    ) -> Result<Vec<Outcome>> {
        self.known = Some(HashMap::new());
        let outcomes =
            paths.iter().map(|&path| self.run_with(batch, knobs, Routing::Forced(path))).collect();
        self.known = None;
        outcomes
    }

    /// Runs the batch and returns the calls of its segments, in the order in which they ran.
    pub fn calls(
        &mut self,
        batch: &Batch,
        knobs: &Knobs,
        routing: Routing,
    ) -> Result<Vec<Invocation>> {
        self.calls = Some(vec![]);
        let outcome = self.run_with(batch, knobs, routing);
        let calls = self.calls.take().unwrap_or_default();
        outcome.map(|_| calls)
    }

    /// Most bytes alive at once inside a segment while the batch is run, constants left out.
    pub fn peak(&mut self, batch: &Batch, knobs: &Knobs) -> Result<Bytes> {
        let program = self.program.clone();
        let calls = self.calls(batch, knobs, Routing::Scores)?;
        calls.iter().try_fold(Bytes(0.0), |most, call| {
            let segment = &program.segments[call.segment.index()];
            let inputs: Vec<&Tensor> = call.inputs.iter().map(|value| &**value).collect();
            let own = segment.cost().peak_with(&segment.symbol_values(&inputs))?;
            Ok(if own > most { own } else { most })
        })
    }

    /// Runs one segment again, on what it was given then.
    pub fn repeat(&mut self, call: &Invocation) -> Result<()> {
        let program = self.program.clone();
        let outputs = self.execute(&program, call.segment, call.inputs.clone(), call.rows)?;
        std::hint::black_box(&outputs);
        Ok(())
    }

    /// Checks the inputs and puts them into the first frame.
    fn entry(&self, program: &Program, batch: &Batch, knobs: &Knobs) -> Result<ActiveRows> {
        let mut slots = vec![None; program.slots.len()];
        let rows = program.rows_of(batch);
        for name in batch.names() {
            if !program.inputs.iter().any(|input| input.name == name) {
                let known: Vec<_> =
                    program.inputs.iter().map(|i| format!("`{}`", i.name)).collect();
                return Err(Error::new(
                    ErrorKind::Input,
                    format!("the model has no such input; it takes {}", known.join(", ")),
                )
                .at(format!("input `{name}`")));
            }
        }
        for input in &program.inputs {
            let place = || format!("input `{}`", input.name);
            let given = batch.get(&input.name).ok_or_else(|| {
                Error::new(ErrorKind::Input, "it is missing from the batch").at(place())
            })?;
            let tensor = input.accept(given)?;
            if program.is_input_dependent() {
                input.refuse_not_finite(&tensor)?;
            }
            if !program.is_whole() && (tensor.shape()[0] != rows || rows == 0) {
                let text = match rows {
                    0 => "it has no rows".to_string(),
                    _ => format!("it has {} rows, another input has {rows}", tensor.shape()[0]),
                };
                return Err(Error::new(ErrorKind::Input, text).at(place()));
            }
            slots[input.slot] = Some(tensor);
        }
        set_knobs(program, &mut slots, knobs)?;
        Ok(ActiveRows { rows: (0..rows).collect(), slots })
    }
}
