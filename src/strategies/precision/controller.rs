//! The controller of a measured scenario: its section, and its live control.

use std::any::Any;

use perforate_bench::sweep::BenchTarget;
use perforate_report::Section;

use super::compose::Plan;
use super::live;
use super::section;
use crate::companion::{Companion, Live, Measured};

/// What the controller goes by.
#[derive(Debug)]
pub struct Controller(pub Plan);

/// The plan of a scenario that switches precisions; none for another strategy's companion.
pub fn plan_of(companion: &dyn Companion) -> Option<&Plan> {
    (companion as &dyn Any).downcast_ref::<Controller>().map(|Controller(plan)| plan)
}

impl Companion for Controller {
    fn sections(&self, measured: &Measured<'_>) -> Vec<Section> {
        vec![section::section(&self.0, measured)]
    }

    fn live(&self, subject: &BenchTarget) -> Option<Box<dyn Live>> {
        let plan = self.0.clone();
        Some(Box::new(live::LiveBudget::new(subject.routed.clone(), &subject.knob, plan)))
    }
}
