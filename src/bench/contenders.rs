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
}

/// Sessions and batches that the timer runs. Contenders are in the order in which they were added.
#[derive(Debug)]
pub struct Contenders {
    sessions: Vec<Session>,
    contenders: Vec<ModelAtKnobs>,
    batches: Vec<Batch>,
    layout: LayoutRandomizer,
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
            last: ModelId(0),
        }
    }

    /// Adds a model with the order of its segments; returns its handle for [`Contenders::contender`].
    pub fn model(&mut self, program: &Arc<Program>, orders: &[Order]) -> ModelId {
        self.sessions.push(Session::new(program.clone()).with_orders(orders));
        ModelId(self.sessions.len() - 1)
    }

    /// Adds a contender.
    pub fn contender(&mut self, model: ModelId, knobs: Knobs) -> ContenderId {
        self.contenders.push(ModelAtKnobs { model, knobs });
        ContenderId::new(self.contenders.len() - 1)
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
        let ModelAtKnobs { model, knobs } = &self.contenders[contender.index()];
        let outcome = self.sessions[model.0].run(&self.batches[unit], knobs)?;
        #[cfg(test)]
        crate::testing::charge(outcome.trace.total().macs);
        // The result must be used, or a compiler could leave out work.
        std::hint::black_box(&outcome);
        Ok(())
    }

    /// Everything that a run writes to lies elsewhere from now on, inputs included.
    fn next_round(&mut self, round: usize) {
        self.layout.shift(round);
        self.sessions.iter_mut().for_each(Session::renew);
        self.batches.iter_mut().for_each(Batch::reallocate);
    }

    fn answer(&mut self, contender: ContenderId, unit: usize) -> Result<u64> {
        if self.batches[unit].rows() > 1 {
            // Such a batch takes long, and its rows are compared one by one.
            return Ok(0);
        }
        let ModelAtKnobs { model, knobs } = &self.contenders[contender.index()];
        let output = self.sessions[model.0].run(&self.batches[unit], knobs)?.first()?;
        let mut hasher = DefaultHasher::new();
        output.iter().for_each(|value| value.to_bits().hash(&mut hasher));
        Ok(hasher.finish())
    }
}
