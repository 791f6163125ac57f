//! Chooses, by measuring at load, how each segment runs on a batch: row by row or all rows at once.

use std::sync::Arc;

use crate::clock::Clock;
use crate::engine::{Batch, Knobs, Order, Program, Routing, Session};
use crate::error::Result;
use crate::units::Seconds;

use super::stats::median;
use super::timing::MIN_TICKS;

/// Rounds of a comparison; its result is a choice, not a reported figure.
const ROUNDS: usize = 3;
/// Most runs in one reading, where runs are shorter than the clock can tell.
const MAX_REPEATS: usize = 64;

/// Measures both orders for every segment on `batch`, interleaved, and returns the faster of each.
///
/// The runs compared differ in the order of the one segment alone and take the path that holds it,
/// so that it sees its real inputs.
pub fn choose_orders(
    program: &Arc<Program>,
    batch: &Batch,
    clock: &impl Clock,
    tick: Seconds,
) -> Result<Vec<Order>> {
    let mut session = Session::new(program.clone());
    if program.is_one_row() || batch.rows() < 2 {
        return Ok(session.orders().to_vec());
    }
    let knobs = program.neutral_knobs();
    for ix in 0..program.segments().len() {
        let Some(path) = program.path_to_segment(ix) else { continue };
        let mut seconds = [vec![], vec![]];
        // The first round builds the plans and is not counted.
        for round in 0..=ROUNDS {
            for (slot, order) in [Order::RowByRow, Order::Compacted].into_iter().enumerate() {
                session.set_order(ix, order);
                let spent =
                    time_run(&mut session, batch, &knobs, Routing::Forced(path), clock, tick)?;
                if round > 0 {
                    seconds[slot].push(spent.0);
                }
            }
        }
        let row_by_row = median(&seconds[0]) <= median(&seconds[1]);
        session.set_order(ix, if row_by_row { Order::RowByRow } else { Order::Compacted });
    }
    Ok(session.orders().to_vec())
}

fn time_run(
    session: &mut Session,
    batch: &Batch,
    knobs: &Knobs,
    routing: Routing,
    clock: &impl Clock,
    tick: Seconds,
) -> Result<Seconds> {
    let start = clock.now();
    for repeats in 1..=MAX_REPEATS {
        session.run_with(batch, knobs, routing)?;
        let elapsed = clock.now() - start;
        if elapsed.0 >= tick.0 * MIN_TICKS || repeats == MAX_REPEATS {
            return Ok(elapsed / repeats as f64);
        }
    }
    Ok(clock.now() - start)
}
