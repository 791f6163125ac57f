//! Chooses, by measuring at load, how each segment runs on a batch: row by row or all rows at once.

use std::sync::Arc;

use crate::clock::Clock;
use perforate_base::Result;
use perforate_base::units::{Bytes, Seconds};
use perforate_engine::{Batch, Order, Program, Routing, SegmentId, Session};

use super::slice::{TimeSlice, time_call};

/// Rounds of a comparison; its result is a choice, not a reported figure.
const ROUNDS: usize = 5;
/// Fewest rounds that count.
const FEWEST: usize = 2;
/// Once the rounds took this long, no more than the fewest are needed to tell which is faster.
const ENOUGH: Seconds = Seconds(0.5);
/// Most runs in one reading, where runs are shorter than the clock can tell.
const MAX_REPEATS: usize = 64;

/// Above this, tensors of a whole batch fit no cache and, in a page, take memory that may be missing: such a segment
/// runs row by row without a comparison.
const LARGEST: Bytes = Bytes(32e6);

/// The choice for one program, a segment at a time.
#[derive(Debug)]
pub struct Chooser {
    session: Session,
    batch: Batch,
    next: usize,
}

impl Chooser {
    /// Nothing measured yet; `batch` is what the segments will be run on.
    pub fn new(program: Arc<Program>, batch: Batch) -> Chooser {
        Chooser { session: Session::new(program), batch, next: 0 }
    }

    /// The orders of the segments, row by row where nothing is measured.
    pub fn orders(&self) -> &[Order] {
        self.session.orders()
    }

    /// Measures both orders for the next segment, interleaved, and keeps the faster. Returns whether
    /// there was one.
    ///
    /// It is run by itself, on what it gets on a path that holds it.
    pub fn step(&mut self, clock: &impl Clock, tick: Seconds) -> Result<bool> {
        let program = self.session.program().clone();
        let session = &mut self.session;
        let ix = self.next;
        let choice = !program.is_one_row() && self.batch.rows() > 1;
        if !choice || ix >= program.segments().len() {
            return Ok(false);
        }
        self.next += 1;
        let id = SegmentId::new(ix);
        let peak = program.segments().nth(ix).and_then(|segment| segment.peak);
        if peak.is_some_and(|peak| peak.0 * self.batch.rows() as f64 > LARGEST.0) {
            return Ok(true);
        }
        let Some(path) = program.path_to_segment(id) else { return Ok(true) };
        let calls = session.calls(&self.batch, &program.neutral_knobs(), Routing::Forced(path))?;
        let Some(call) = calls.into_iter().find(|call| call.segment == id) else { return Ok(true) };
        let mut seconds = [vec![], vec![]];
        let enough = TimeSlice::begin(clock, ENOUGH);
        // The first round builds the plans and is not counted.
        for round in 0..=ROUNDS {
            if round > FEWEST && enough.is_over(clock) {
                break;
            }
            for (slot, order) in [Order::RowByRow, Order::Compacted].into_iter().enumerate() {
                session.set_order(id, order);
                let spent = time_call(clock, tick, MAX_REPEATS, || session.repeat(&call))?;
                if round > 0 {
                    seconds[slot].push(spent.0);
                }
            }
        }
        // Whatever disturbs a reading makes it longer: the shortest is the truest.
        let shortest = |seconds: &[f64]| seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let row_by_row = shortest(&seconds[0]) <= shortest(&seconds[1]);
        session.set_order(id, if row_by_row { Order::RowByRow } else { Order::Compacted });
        Ok(true)
    }
}
