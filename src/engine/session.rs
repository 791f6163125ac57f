//! Walks a program: sends every row down its own path, charges what it runs, keeps the trace.

use std::collections::HashMap;
use std::sync::Arc;

use ndarray::ArrayD;
use tract_onnx::prelude::*;

use perforate_base::error::{Error, ErrorKind, Result, one_line};
use perforate_base::units::{Bytes, Macs};

use super::batch::{Batch, Knobs, to_array};
use super::cut::{Block, Fork, Step};
use super::frame::{
    Frame, gather, internal, numbers, per_row_value, row_by_row, same, scatter, set_knobs, state,
    truth, value,
};
use super::ops::tally;
use super::program::Program;
use super::segment::{Order, PlanState};
use super::trace::{Path, RowTrace, Trace};
use super::work::Work;

/// Who decides at the gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Routing {
    /// The model's own scores and knobs.
    #[default]
    Scores,
    /// Every row takes this path, whatever its scores.
    Forced(Path),
}

/// What a run gives.
#[derive(Debug)]
pub struct Outcome {
    outputs: Vec<(String, TValue)>,
    /// What the run did.
    pub trace: Trace,
}

impl Outcome {
    /// The output `name`, shape `[rows, …]`.
    pub fn output(&self, name: &str) -> Result<ArrayD<f32>> {
        match self.outputs.iter().find(|(n, _)| n == name) {
            Some((_, tensor)) => to_array(tensor),
            None => Err(Error::new(ErrorKind::Config, format!("the model has no output `{name}`"))),
        }
    }

    /// The first output, shape `[rows, …]`: for a classifier, its logits.
    pub fn first(&self) -> Result<ArrayD<f32>> {
        to_array(&self.outputs[0].1)
    }

    /// All outputs.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.outputs.iter().map(|(name, tensor)| (name.as_str(), &**tensor))
    }
}

/// One run of a segment, with what it was given, so that it can be run again by itself.
#[derive(Debug, Clone)]
pub struct Call {
    /// Index of the segment.
    pub segment: usize,
    rows: usize,
    inputs: TVec<TValue>,
}

/// Runs a program; holds the scratch memory of its plans, so that runs do not allocate them anew.
#[derive(Debug)]
pub struct Session {
    program: Arc<Program>,
    /// The calls of the run at hand, while somebody wants them.
    calls: Option<Vec<Call>>,
    /// What segments gave for what inputs, while runs on the same batch follow each other.
    known: Option<HashMap<usize, Known>>,
    /// What each segment computes whose operations depend on more than rows, by the sizes of its inputs.
    work: Vec<HashMap<TVec<usize>, Work>>,
    orders: Vec<Order>,
    single: Vec<Option<PlanState>>,
    batch: Vec<Option<PlanState>>,
}

/// The inputs that a segment was run on, and what it gave.
#[derive(Debug)]
struct Known {
    inputs: TVec<TValue>,
    outputs: TVec<TValue>,
    /// What operators left out, by row.
    spared: Vec<Macs>,
}

/// A run on its way.
#[derive(Debug)]
pub struct Walk {
    program: Arc<Program>,
    frame: Frame,
    trace: Trace,
    routing: Routing,
    next: usize,
}

impl Walk {
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
        let Walk { program, frame, trace, .. } = self;
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
    /// A session of `program`.
    pub fn new(program: Arc<Program>) -> Session {
        let count = program.segments.len();
        let empty = || std::iter::repeat_with(|| None).take(count).collect();
        Session {
            orders: vec![Order::RowByRow; count],
            work: vec![HashMap::new(); count],
            single: empty(),
            batch: empty(),
            program,
            calls: None,
            known: None,
        }
    }

    /// Gives up all scratch memory: the next run takes it anew, from wherever it then is.
    pub fn renew(&mut self) {
        self.single.iter_mut().chain(&mut self.batch).for_each(|state| *state = None);
    }

    /// Takes the scratch memory of `other`'s segments that are also its own, as far as it has none: equal work in
    /// two programs then writes to the same places.
    pub fn take_over(&mut self, other: &mut Session) {
        let program = self.program.clone();
        for (ix, segment) in program.segments.iter().enumerate() {
            let same = other.program.segments.iter().position(|theirs| theirs.is_same_as(segment));
            let Some(theirs) = same else { continue };
            if self.single[ix].is_none() {
                self.single[ix] = other.single[theirs].take();
            }
            if self.batch[ix].is_none() {
                self.batch[ix] = other.batch[theirs].take();
            }
        }
    }

    /// How each segment runs on several rows.
    pub fn orders(&self) -> &[Order] {
        &self.orders
    }

    /// Sets how segment `ix` runs on several rows; a file that fixes one row leaves no choice.
    pub fn set_order(&mut self, ix: usize, order: Order) {
        if !self.program.is_one_row() {
            self.orders[ix] = order;
        }
    }

    /// The same session with these orders, one a segment.
    pub fn with_orders(mut self, orders: &[Order]) -> Session {
        orders.iter().enumerate().for_each(|(ix, &order)| self.set_order(ix, order));
        self
    }

    /// The program that it runs.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

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
    pub fn begin(&self, batch: &Batch, knobs: &Knobs, routing: Routing) -> Result<Walk> {
        let program = self.program.clone();
        let frame = self.entry(&program, batch, knobs)?;
        let rows = frame.rows.len();
        let trace = Trace {
            rows: vec![RowTrace::default(); rows],
            shared: Work::default(),
            scores: program.gates.iter().map(|_| vec![f32::NAN; rows]).collect(),
        };
        Ok(Walk { program, frame, trace, routing, next: 0 })
    }

    /// Takes the next step of a run; returns whether there was one.
    pub fn advance(&mut self, walk: &mut Walk) -> Result<bool> {
        let Walk { program, frame, trace, routing, next } = walk;
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
    pub fn calls(&mut self, batch: &Batch, knobs: &Knobs, routing: Routing) -> Result<Vec<Call>> {
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
            let segment = &program.segments[call.segment];
            let inputs: Vec<&Tensor> = call.inputs.iter().map(|value| &**value).collect();
            let own = segment.cost().peak_with(&segment.symbol_values(&inputs))?;
            Ok(if own > most { own } else { most })
        })
    }

    /// Runs one segment again, on what it was given then.
    pub fn repeat(&mut self, call: &Call) -> Result<()> {
        let program = self.program.clone();
        let outputs = self.execute(&program, call.segment, call.inputs.clone(), call.rows)?;
        std::hint::black_box(&outputs);
        Ok(())
    }

    /// Checks the inputs and puts them into the first frame.
    fn entry(&self, program: &Program, batch: &Batch, knobs: &Knobs) -> Result<Frame> {
        let mut slots = vec![None; program.slots.len()];
        let rows = batch.rows();
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
            if tensor.shape()[0] != rows || rows == 0 {
                let text = match rows {
                    0 => "it has no rows".to_string(),
                    _ => format!("it has {} rows, another input has {rows}", tensor.shape()[0]),
                };
                return Err(Error::new(ErrorKind::Input, text).at(place()));
            }
            slots[input.slot] = Some(tensor);
        }
        set_knobs(program, &mut slots, knobs)?;
        Ok(Frame { rows: (0..rows).collect(), slots })
    }

    /// The path that every row takes at these knobs; none where gates look at the rows. Only what follows from the knobs
    /// is run.
    pub fn foresee(&mut self, knobs: &Knobs) -> Result<Option<Path>> {
        let program = self.program.clone();
        if program.reads_rows() {
            return Ok(None);
        }
        let mut frame = Frame { rows: vec![0], slots: vec![None; program.slots.len()] };
        set_knobs(&program, &mut frame.slots, knobs)?;
        let mut path = Path::default();
        self.follow(&program, &program.root, &mut frame, &mut path)?;
        Ok(Some(path))
    }

    fn follow(
        &mut self,
        program: &Program,
        block: &Block,
        frame: &mut Frame,
        path: &mut Path,
    ) -> Result<()> {
        for step in &block.steps {
            match step {
                Step::Run(ix) => {
                    let segment = &program.segments[*ix];
                    if segment.inputs.iter().any(|&slot| program.slots[slot].from_rows) {
                        continue;
                    }
                    let inputs = segment.inputs.iter().map(|&slot| value(frame, program, slot));
                    let outputs = self.execute(program, *ix, inputs.collect::<Result<_>>()?, 1)?;
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

    fn walk(
        &mut self,
        program: &Program,
        block: &Block,
        frame: &mut Frame,
        trace: &mut Trace,
        routing: Routing,
    ) -> Result<()> {
        for step in &block.steps {
            self.take(program, step, frame, trace, routing)?;
        }
        Ok(())
    }

    fn take(
        &mut self,
        program: &Program,
        step: &Step,
        frame: &mut Frame,
        trace: &mut Trace,
        routing: Routing,
    ) -> Result<()> {
        match step {
            Step::Run(segment) => self.segment(program, *segment, frame, trace),
            Step::Branch(fork) => self.fork(program, fork, frame, trace, routing),
        }
    }

    /// Runs a segment on the frame's rows and charges it to them.
    fn segment(
        &mut self,
        program: &Program,
        ix: usize,
        frame: &mut Frame,
        trace: &mut Trace,
    ) -> Result<()> {
        let segment = &program.segments[ix];
        let inputs: TVec<TValue> = segment
            .inputs
            .iter()
            .map(|&slot| value(frame, program, slot))
            .collect::<Result<_>>()?;
        let work = match segment.work_per_row() {
            Some(work) => work,
            None => {
                let sizes: TVec<usize> = inputs.iter().flat_map(|v| v.shape()).copied().collect();
                match self.work[ix].get(&sizes) {
                    Some(work) => *work,
                    None => {
                        let tensors: Vec<&Tensor> = inputs.iter().map(|v| &**v).collect();
                        let work = segment.cost().with_symbols(&segment.symbol_values(&tensors))?;
                        self.work[ix].insert(sizes, work);
                        work
                    }
                }
            }
        };
        let rows = frame.rows.len();
        if let Some(calls) = &mut self.calls {
            calls.push(Call { segment: ix, rows, inputs: inputs.clone() });
        }
        let (outputs, spared) = match self.known.as_ref().and_then(|all| all.get(&ix)) {
            Some(known) if same(&known.inputs, &inputs) => {
                (known.outputs.clone(), known.spared.clone())
            }
            _ => {
                let given = self.known.is_some().then(|| inputs.clone());
                let outputs = self.execute(program, ix, inputs, rows)?;
                let spared = tally::take();
                if let Some((all, inputs)) = self.known.as_mut().zip(given) {
                    let (outputs, spared) = (outputs.clone(), spared.clone());
                    all.insert(ix, Known { inputs, outputs, spared });
                }
                (outputs, spared)
            }
        };
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

    /// Runs the plan of segment `ix` on `rows` rows.
    fn execute(
        &mut self,
        program: &Program,
        ix: usize,
        inputs: TVec<TValue>,
        rows: usize,
    ) -> Result<TVec<TValue>> {
        let segment = &program.segments[ix];
        let fault = |e: TractError| {
            Error::new(ErrorKind::Model, format!("the run failed ({})", one_line(e)))
                .node(&segment.name)
        };
        tally::take();
        let each = self.orders[ix] == Order::RowByRow && !segment.ragged;
        let one_by_one = segment.per_row && (rows == 1 || each);
        if !one_by_one {
            let state = state(&mut self.batch[ix], || segment.batch()?.spawn().map_err(fault))?;
            return state.run(inputs).map_err(fault);
        }
        let state = state(&mut self.single[ix], || segment.single()?.spawn().map_err(fault))?;
        if rows == 1 {
            state.run(inputs).map_err(fault)
        } else {
            row_by_row(program, &segment.inputs, state, &inputs, rows).map_err(fault)
        }
    }

    /// Passes a gate: splits the rows, walks each branch with its own, joins their outputs.
    fn fork(
        &mut self,
        program: &Program,
        fork: &Fork,
        frame: &mut Frame,
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
        fork: &Fork,
        frame: &Frame,
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
        let truths = decision.cast_to::<bool>().map_err(internal)?;
        let view = truths.to_plain_array_view::<bool>().map_err(internal)?;
        Ok(view.iter().copied().collect())
    }
}
