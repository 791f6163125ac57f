//! How each model runs its segments on a batch.

use std::vec::IntoIter;

use perforate_base::Result;

use crate::clock::Clock;
use crate::order::Chooser;
use crate::subject::BenchTarget;
use crate::sweep::findings::Findings;
use crate::sweep::model::Model;
use crate::sweep::outcome::Outcome;
use crate::sweep::setup::Setup;
use crate::sweep::timers;

/// Measures, model by model, whether each segment runs row by row or on all rows at once.
#[derive(Debug)]
pub struct ChooseOrders {
    at_hand: Option<(Model, Chooser)>,
    to_come: IntoIter<Model>,
}

impl ChooseOrders {
    /// No order chosen yet.
    pub fn new(subject: &BenchTarget) -> ChooseOrders {
        let models: Vec<Model> = Model::all(subject).collect();
        ChooseOrders { at_hand: None, to_come: models.into_iter() }
    }

    pub fn step(
        &mut self,
        clock: &impl Clock,
        setup: &Setup,
        found: &mut Findings,
    ) -> Result<Outcome> {
        if self.at_hand.is_none() {
            let Some(model) = self.to_come.next() else { return Ok(Outcome::finished(false)) };
            let mut batches = timers::batches(setup, found, setup.options.batch)?;
            let middle = batches.swap_remove(batches.len() / 2);
            let program = model.program(&setup.subject).clone();
            self.at_hand = Some((model, Chooser::new(program, middle)));
        }
        let Some((model, chooser)) = &mut self.at_hand else { return Ok(Outcome::more(false)) };
        if !chooser.step(clock, setup.tick)? {
            found.orders.push((*model, chooser.orders().to_vec()));
            self.at_hand = None;
        }
        Ok(Outcome::more(false))
    }
}
