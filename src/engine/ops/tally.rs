//! What operators leave out of the work that they would do for the sizes of their inputs, row by row: what they skip
//! depends on values, which nobody but they knows. The engine takes it off what it charges.
//!
//! Kept by thread: a session runs its plans on its own.

use std::cell::RefCell;

use perforate_base::units::Macs;

#[derive(Default)]
struct Tally {
    /// What the rows before those at hand have spared is not touched any more.
    from: usize,
    spared: Vec<Macs>,
}

thread_local! {
    static TALLY: RefCell<Tally> = RefCell::default();
}

/// Says that rows from `row` on are run from now on, counted in the whole batch.
pub fn at_row(row: usize) {
    TALLY.with_borrow_mut(|tally| tally.from = row);
}

/// Says that row `row` of those at hand was spared these operations.
pub fn spare(row: usize, macs: Macs) {
    TALLY.with_borrow_mut(|tally| {
        let row = tally.from + row;
        if tally.spared.len() <= row {
            tally.spared.resize(row + 1, Macs(0.0));
        }
        tally.spared[row] += macs;
    });
}

/// What was spared since the last time, by row; rows at the end that were spared nothing are missing.
pub fn take() -> Vec<Macs> {
    TALLY.with_borrow_mut(|tally| {
        tally.from = 0;
        std::mem::take(&mut tally.spared)
    })
}
