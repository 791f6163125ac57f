//! The timers of a sweep: which arms stand against each other, on which rows.

use crate::bench::arms::{Arms, stratified_rows};
use crate::bench::segments::SegmentRuns;
use crate::bench::timing::Interleaved;
use crate::clock::Clock;
use crate::engine::{Batch, Knobs};
use crate::error::Result;

use super::Sweep;

/// Rows of a pass, and rounds for each round of the curve, when the router is timed by itself.
const OVERHEAD_ROWS: usize = 32;
const OVERHEAD_ROUNDS: usize = 3;

impl<C: Clock> Sweep<C> {
    /// The first test samples, one by one.
    fn first_rows(&self) -> Result<Vec<Batch>> {
        let rows = OVERHEAD_ROWS.min(self.options.timed_rows).min(self.subject.test.0.len());
        (0..rows).map(|row| self.subject.test.0.row(row)).collect()
    }

    /// The timer for the segments of the routed model.
    pub(super) fn segment_timing(&self) -> Result<(Interleaved, SegmentRuns)> {
        let paths: Vec<_> = self.test.paths.iter().map(|record| record.path).collect();
        let runs =
            SegmentRuns::new(&self.subject.routed, &self.subject.full, &paths, self.first_rows()?)?;
        let arms = crate::bench::timing::Workload::arms(&runs);
        Ok((Interleaved::new(arms, self.options.rounds, self.tick, self.options.slice), runs))
    }

    /// The timer for (routed, all computation active) against (full model), by themselves: a
    /// difference of a few percent needs more rounds, and nearer to each other, than the curve has.
    pub(super) fn overhead_timing(&self) -> Result<(Interleaved, Arms)> {
        let mut arms = Arms::new(self.first_rows()?);
        let full = arms.model(&self.subject.full, &[]);
        let routed = arms.model(&self.subject.routed, &[]);
        let light = arms.model(&self.subject.light, &[]);
        arms.arm(full, self.subject.full.neutral_knobs());
        arms.arm(routed, Knobs::new().with(&self.subject.knob, self.subject.range.always));
        arms.arm(light, self.subject.light.neutral_knobs());
        let rounds = OVERHEAD_ROUNDS * self.options.rounds;
        Ok((Interleaved::new(3, rounds, self.tick, self.options.slice), arms))
    }

    /// The timer and its arms for batches of `size`.
    pub(super) fn timing(&self, size: usize) -> Result<(Interleaved, Arms)> {
        let samples = &self.subject.test.0;
        let scores: Vec<f32> =
            self.test.paths[self.cheap].scores.iter().map(|gates| gates[0]).collect();
        let count = self.options.timed_rows.max(size).min(samples.len());
        let mut rows = stratified_rows(&scores, samples.len(), count);
        // Rows of one length stand in one batch, so that little is padding.
        rows.sort_by_key(|&row| if size > 1 { samples.length(row) } else { None });
        let batches = rows
            .chunks(size)
            .filter(|chunk| chunk.len() == size || rows.len() < size)
            .map(|chunk| samples.rows(chunk))
            .collect::<Result<Vec<_>>>()?;
        let mut arms = Arms::new(batches);
        let orders = |ix: usize| self.orders.get(ix).map_or(&[][..], Vec::as_slice);
        let models: Vec<usize> = self
            .programs()
            .enumerate()
            .map(|(ix, program)| arms.model(program, orders(ix)))
            .collect();
        arms.arm(models[0], self.subject.full.neutral_knobs());
        arms.arm(models[1], self.subject.light.neutral_knobs());
        for &knob in &self.grid {
            arms.arm(models[2], Knobs::new().with(&self.subject.knob, knob));
        }
        for (program, &model) in self.subject.statics.iter().zip(&models[3..]) {
            arms.arm(model, program.neutral_knobs());
        }
        let count = self.grid.len() + 2 + self.subject.statics.len();
        Ok((Interleaved::new(count, self.options.rounds, self.tick, self.options.slice), arms))
    }
}
