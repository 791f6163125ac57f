//! A session: a program with the scratch memory of its plans, and how each segment runs.

use std::collections::HashMap;
use std::sync::Arc;

use tract_onnx::prelude::{TValue, TVec};

use perforate_base::units::{Macs, Seconds};

use crate::compiled::PlanState;
use crate::program::Program;
use crate::segment::{Order, SegmentId};
use crate::work::Work;

/// One run of a segment, with what it was given, so that it can be run again by itself.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The segment.
    pub segment: SegmentId,
    pub(super) rows: usize,
    pub(super) inputs: TVec<TValue>,
}

/// What a segment took.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct SegmentTime {
    /// How often it ran.
    pub runs: u64,
    /// Rows in these runs.
    pub rows: u64,
    /// Time of all of them.
    pub time: Seconds,
}

/// A clock, and what each segment took by it.
#[derive(Debug)]
pub(super) struct Times {
    pub clock: fn() -> Seconds,
    pub segments: Vec<SegmentTime>,
}

/// Runs a program; holds the scratch memory of its plans, so that runs do not allocate them anew.
#[derive(Debug)]
pub struct Session {
    pub(super) program: Arc<Program>,
    /// The calls of the run at hand, while somebody wants them.
    pub(super) calls: Option<Vec<Invocation>>,
    /// What segments gave for what inputs, while runs on the same batch follow each other.
    pub(super) known: Option<HashMap<SegmentId, CachedRun>>,
    /// What each segment computes whose operations depend on more than rows, by the sizes of its inputs.
    pub(super) work: Vec<HashMap<TVec<usize>, Work>>,
    pub(super) orders: Vec<Order>,
    /// What each segment took, while somebody wants to know.
    pub(super) times: Option<Times>,
    pub(super) single: Vec<Option<PlanState>>,
    pub(super) batch: Vec<Option<PlanState>>,
}

/// The inputs that a segment was run on, and what it gave.
#[derive(Debug)]
pub(super) struct CachedRun {
    pub inputs: TVec<TValue>,
    pub outputs: TVec<TValue>,
    /// What operators left out, by row.
    pub spared: Vec<Macs>,
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
            times: None,
        }
    }

    /// From now on times every segment that runs with `clock`, which tells the time since any moment; without one, no more.
    /// The engine itself reads no clock.
    pub fn time_segments(&mut self, clock: Option<fn() -> Seconds>) {
        let empty = vec![SegmentTime::default(); self.program.segments.len()];
        self.times = clock.map(|clock| Times { clock, segments: empty });
    }

    /// What each segment took since then, by the place of its [`SegmentId`]; empty where none is timed.
    pub fn segment_times(&self) -> &[SegmentTime] {
        self.times.as_ref().map_or(&[], |times| &times.segments)
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

    /// How each segment runs on several rows, by the place of its [`SegmentId`].
    pub fn orders(&self) -> &[Order] {
        &self.orders
    }

    /// Sets how a segment runs on several rows; a file that fixes one row leaves no choice.
    pub fn set_order(&mut self, segment: SegmentId, order: Order) {
        if !self.program.is_one_row() {
            self.orders[segment.index()] = order;
        }
    }

    /// The same session with these orders, one a segment.
    pub fn with_orders(mut self, orders: &[Order]) -> Session {
        for (ix, &order) in orders.iter().enumerate() {
            self.set_order(SegmentId::new(ix), order);
        }
        self
    }

    /// The program that it runs.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }
}
