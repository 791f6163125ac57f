//! The arms of a sweep as a workload for the timer: full, light, and the routed model at each knob value.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::engine::{Batch, Knobs, Order, Program, Session};
use crate::error::Result;

use super::ballast::Ballast;
use super::timing::Workload;

/// One arm: which model, at which knobs.
#[derive(Debug, Clone)]
struct Arm {
    session: usize,
    knobs: Knobs,
}

/// Sessions and batches that the timer runs. Arms are in the order in which they were added.
#[derive(Debug)]
pub struct Arms {
    sessions: Vec<Session>,
    arms: Vec<Arm>,
    batches: Vec<Batch>,
    ballast: Ballast,
    /// The session that ran last: it has the scratch memory of what it shares with others.
    last: usize,
}

impl Arms {
    /// No arm yet; every unit is one of `batches`.
    pub fn new(batches: Vec<Batch>) -> Arms {
        Arms { sessions: vec![], arms: vec![], batches, ballast: Ballast::default(), last: 0 }
    }

    /// Adds a model with the order of its segments; returns its handle for [`Arms::arm`].
    pub fn model(&mut self, program: &Arc<Program>, orders: &[Order]) -> usize {
        self.sessions.push(Session::new(program.clone()).with_orders(orders));
        self.sessions.len() - 1
    }

    /// Adds an arm; returns its index.
    pub fn arm(&mut self, model: usize, knobs: Knobs) -> usize {
        self.arms.push(Arm { session: model, knobs });
        self.arms.len() - 1
    }

    /// Makes an arm's session ready. What models share runs in the same memory in each of them: where scratch memory lies
    /// makes equal work differ by percents, and that is no model's doing.
    fn ready(&mut self, arm: usize) {
        let ix = self.arms[arm].session;
        if self.last == ix {
            return;
        }
        let (before, rest) = self.sessions.split_at_mut(ix);
        let Some((own, after)) = rest.split_first_mut() else { return };
        before.iter_mut().chain(after).for_each(|other| own.take_over(other));
        self.last = ix;
    }

    /// Rows in one pass.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(Batch::rows).sum()
    }
}

impl Workload for Arms {
    fn arms(&self) -> usize {
        self.arms.len()
    }

    fn units(&self, _: usize) -> usize {
        self.batches.len()
    }

    fn run(&mut self, arm: usize, unit: usize) -> Result<()> {
        self.ready(arm);
        let Arm { session, knobs } = &self.arms[arm];
        let outcome = self.sessions[*session].run(&self.batches[unit], knobs)?;
        // The result must be used, or a compiler could leave out work.
        std::hint::black_box(&outcome);
        Ok(())
    }

    /// Everything that a run writes to lies elsewhere from now on, inputs included.
    fn next_round(&mut self, round: usize) {
        self.ballast.shift(round);
        self.sessions.iter_mut().for_each(Session::renew);
        self.batches.iter_mut().for_each(Batch::reallocate);
    }

    fn answer(&mut self, arm: usize, unit: usize) -> Result<u64> {
        let Arm { session, knobs } = &self.arms[arm];
        let output = self.sessions[*session].run(&self.batches[unit], knobs)?.first()?;
        let mut hasher = DefaultHasher::new();
        output.iter().for_each(|value| value.to_bits().hash(&mut hasher));
        Ok(hasher.finish())
    }
}

/// `count` rows of 0…n whose scores stand at evenly spaced ranks, so that at every threshold the
/// share of rows beyond it is that of all rows, to within one in `count`. Without scores: evenly spaced rows.
pub fn stratified_rows(scores: &[f32], n: usize, count: usize) -> Vec<usize> {
    let mut ranked: Vec<usize> = (0..n).collect();
    if scores.len() == n {
        ranked.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    }
    let count = count.min(n);
    let mut rows: Vec<usize> = (0..count).map(|i| ranked[(2 * i + 1) * n / (2 * count)]).collect();
    // Any order but by score, so that batches hold hard and easy rows mixed.
    rows.sort_by_key(|&row| (row as u32).wrapping_mul(2_654_435_761));
    rows
}

#[cfg(test)]
mod tests {
    use super::stratified_rows;

    #[test]
    fn shares_beyond_any_threshold_are_kept() {
        let scores: Vec<f32> = (0..1000).map(|i| ((i * 377) % 1000) as f32 / 1000.0).collect();
        let rows = stratified_rows(&scores, 1000, 40);
        assert_eq!(rows.len(), 40);
        for threshold in [0.1, 0.25, 0.5, 0.9] {
            let share = rows.iter().filter(|&&r| scores[r] >= threshold).count() as f32 / 40.0;
            assert!((share - (1.0 - threshold)).abs() <= 1.0 / 40.0 + 1e-6);
        }
        let distinct: std::collections::HashSet<_> = rows.iter().collect();
        assert_eq!(distinct.len(), 40);
    }
}
