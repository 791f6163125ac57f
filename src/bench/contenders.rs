//! The contenders of a sweep as a workload for the timer: full, light, and the routed model at each knob value.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use perforate_base::Result;
use perforate_engine::{Batch, Knobs, Order, Program, Session};

use super::contender::ContenderId;
use super::layout::LayoutRandomizer;
use super::timing::Workload;

/// A model among those that [`Contenders`] runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelId(usize);

/// One contender: which model, at which knobs.
#[derive(Debug, Clone)]
struct ModelAtKnobs {
    model: ModelId,
    knobs: Knobs,
    /// Units of a pass, the first of them spread over it, that are run twice.
    repeated: usize,
}

/// Sessions and batches that the timer runs. Contenders are in the order in which they were added.
#[derive(Debug)]
pub struct Contenders {
    sessions: Vec<Session>,
    contenders: Vec<ModelAtKnobs>,
    batches: Vec<Batch>,
    layout: LayoutRandomizer,
    /// Of each session, whether it has not run since it gave its memory up.
    fresh: Vec<bool>,
    /// The session that ran last: it has the scratch memory of what it shares with others.
    last: ModelId,
}

impl Contenders {
    /// No contender yet; every unit is one of `batches`.
    pub fn new(batches: Vec<Batch>) -> Contenders {
        Contenders {
            sessions: vec![],
            contenders: vec![],
            batches,
            layout: LayoutRandomizer::default(),
            fresh: vec![],
            last: ModelId(0),
        }
    }

    /// Adds a model with the order of its segments; returns its handle for [`Contenders::contender`].
    pub fn model(&mut self, program: &Arc<Program>, orders: &[Order]) -> ModelId {
        self.sessions.push(Session::new(program.clone()).with_orders(orders));
        self.fresh.push(true);
        ModelId(self.sessions.len() - 1)
    }

    /// Adds a contender.
    pub fn contender(&mut self, model: ModelId, knobs: Knobs) -> ContenderId {
        self.slowed(model, knobs, 0.0)
    }

    /// Adds a contender that repeats about this share of its units, at least one of them if it is not zero.
    pub fn slowed(&mut self, model: ModelId, knobs: Knobs, share: f64) -> ContenderId {
        let repeated = (share * self.batches.len() as f64).round() as usize;
        let repeated = if share > 0.0 { repeated.max(1) } else { 0 };
        self.contenders.push(ModelAtKnobs { model, knobs, repeated });
        ContenderId::new(self.contenders.len() - 1)
    }

    /// Whether a contender runs a unit twice.
    pub fn repeats(&self, contender: ContenderId, unit: usize) -> bool {
        let (repeated, units) = (self.contenders[contender.index()].repeated, self.batches.len());
        (unit + 1) * repeated / units > unit * repeated / units
    }

    /// Makes a model's session ready. What models share runs in the same memory in each of them: where scratch memory lies
    /// makes equal work differ by percents, and that is no model's doing.
    fn ready(&mut self, model: ModelId) {
        if self.last == model {
            return;
        }
        let (before, rest) = self.sessions.split_at_mut(model.0);
        let Some((own, after)) = rest.split_first_mut() else { return };
        before.iter_mut().chain(after).for_each(|other| own.take_over(other));
        self.last = model;
    }

    /// Rows in one pass.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(Batch::rows).sum()
    }
}

impl Workload for Contenders {
    fn contenders(&self) -> usize {
        self.contenders.len()
    }

    fn units(&self, _: ContenderId) -> usize {
        self.batches.len()
    }

    fn run(&mut self, contender: ContenderId, unit: usize) -> Result<()> {
        self.ready(self.contenders[contender.index()].model);
        self.fresh[self.contenders[contender.index()].model.0] = false;
        let times = if self.repeats(contender, unit) { 2 } else { 1 };
        let ModelAtKnobs { model, knobs, .. } = &self.contenders[contender.index()];
        for _ in 0..times {
            let outcome = self.sessions[model.0].run(&self.batches[unit], knobs)?;
            #[cfg(test)]
            crate::testing::charge(outcome.trace.total().macs);
            // The result must be used, or a compiler could leave out work.
            std::hint::black_box(&outcome);
        }
        Ok(())
    }

    fn is_fresh(&self, contender: ContenderId) -> bool {
        self.fresh[self.contenders[contender.index()].model.0]
    }

    /// Everything that a run writes to lies elsewhere from now on, inputs included.
    fn next_round(&mut self, round: usize) {
        self.layout.shift(round);
        self.sessions.iter_mut().for_each(Session::renew);
        self.fresh.fill(true);
        self.batches.iter_mut().for_each(Batch::reallocate);
    }

    fn answer(&mut self, contender: ContenderId, unit: usize) -> Result<u64> {
        if self.batches[unit].rows() > 1 {
            // Such a batch takes long, and its rows are compared one by one.
            return Ok(0);
        }
        let ModelAtKnobs { model, knobs, .. } = &self.contenders[contender.index()];
        let output = self.sessions[model.0].run(&self.batches[unit], knobs)?.first()?;
        let mut hasher = DefaultHasher::new();
        output.iter().for_each(|value| value.to_bits().hash(&mut hasher));
        Ok(hasher.finish())
    }
}
