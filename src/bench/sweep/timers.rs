//! The timers of a sweep: which arms stand against each other, on which rows.

use crate::arms::{Arms, balanced_rows, stratified_rows};
use crate::clock::Clock;
use crate::segments::SegmentRuns;
use crate::timing::Interleaved;
use perforate_base::Result;
use perforate_engine::{Batch, Knobs};

use super::{FIRST_WHERE_ALL_ARE_ALIKE, Sweep};

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
        let arms = crate::timing::Workload::arms(&runs);
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

    /// The `count` test samples that are timed: they stand for all that are recorded when they are chosen.
    fn timed_rows(&self, count: usize) -> Vec<usize> {
        if self.test.follows_settings() {
            // Where all take the same path, fewer stand for all; a whole batch there must be.
            let enough = count.min(FIRST_WHERE_ALL_ARE_ALIKE.max(self.options.batch));
            return (0..enough.min(self.subject.test.0.len())).collect();
        }
        if self.subject.routed.gates().len() == 1 {
            let scores = &self.test.paths[self.cheap].scores;
            return stratified_rows(
                &scores.iter().map(|gates| gates[0]).collect::<Vec<_>>(),
                count,
            );
        }
        let knob = |&value: &f32| Knobs::new().with(&self.subject.knob, value);
        let settings: Vec<Knobs> = self.grid.iter().map(knob).collect();
        let costs = |row: usize| {
            settings.iter().map(|knobs| self.weight(self.test.at(row, knobs).work)).collect()
        };
        let n = self.first_rows_recorded(&self.subject.test.0);
        balanced_rows(&(0..n).map(costs).collect::<Vec<_>>(), count, self.options.seed)
    }

    /// The timed rows in batches of `size`: at least one, and all of that size if there are enough rows.
    pub(super) fn batches(&self, size: usize) -> Result<Vec<Batch>> {
        let samples = &self.subject.test.0;
        let mut rows = self.timed_rows(self.options.timed_rows.max(size));
        // Rows of one length stand in one batch, so that little is padding.
        rows.sort_by_key(|&row| if size > 1 { samples.length(row) } else { None });
        rows.chunks(size)
            .filter(|chunk| chunk.len() == size || rows.len() < size)
            .map(|chunk| samples.rows(chunk))
            .collect()
    }

    /// The timer and its arms for batches of `size`.
    pub(super) fn timing(&self, size: usize) -> Result<(Interleaved, Arms)> {
        let mut arms = Arms::new(self.batches(size)?);
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
        for (program, &model) in self.subject.others.iter().zip(&models[3..]) {
            arms.arm(model, program.neutral_knobs());
        }
        let count = self.grid.len() + 2 + self.subject.others.len();
        Ok((Interleaved::new(count, self.options.rounds, self.tick, self.options.slice), arms))
    }
}
