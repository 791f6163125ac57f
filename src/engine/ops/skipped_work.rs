//! What operators leave out of the work that they would do for the sizes of their inputs, row by row: what they skip
//! depends on values, which nobody but they knows. The engine takes it off what it charges.
//!
//! Kept by thread: a session runs its plans on its own.

use std::cell::RefCell;

use perforate_base::units::Macs;

#[derive(Default)]
struct SkippedWork {
    /// What the rows before those at hand have skipped is not touched any more.
    from: usize,
    skipped: Vec<Macs>,
}

thread_local! {
    static SKIPPED: RefCell<SkippedWork> = RefCell::default();
}

/// Says that rows from `row` on are run from now on, counted in the whole batch.
pub fn at_row(row: usize) {
    SKIPPED.with_borrow_mut(|skipped_work| skipped_work.from = row);
}

/// Says that row `row` of those at hand was skipped these operations.
pub fn record(row: usize, macs: Macs) {
    SKIPPED.with_borrow_mut(|skipped_work| {
        let row = skipped_work.from + row;
        if skipped_work.skipped.len() <= row {
            skipped_work.skipped.resize(row + 1, Macs(0.0));
        }
        skipped_work.skipped[row] += macs;
    });
}

/// What was skipped since the last time, by row; rows at the end that were skipped nothing are missing.
pub fn take() -> Vec<Macs> {
    SKIPPED.with_borrow_mut(|skipped_work| {
        skipped_work.from = 0;
        std::mem::take(&mut skipped_work.skipped)
    })
}
