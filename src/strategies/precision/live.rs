//! A network that switches its precision, a stage at a time, on a budget that may be turned between two stages.

use std::sync::Arc;

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::record::argmax;
use perforate_data::Samples;
use perforate_engine::{Execution, Knobs, Program, Routing, Session};
use perforate_report::text::percent;

use super::compose::{Plan, VARIANTS};
use super::variants::mix_of;
use crate::companion::{Live, Moment};

/// Inputs are taken one after the other, by stages.
#[derive(Debug)]
pub struct LiveBudget {
    plan: Plan,
    knob: String,
    session: Session,
    /// The next input.
    next: usize,
    /// The execution, what is known of the input, and the variants taken so far.
    on_its_way: Option<(Execution, Moment, f32)>,
}

impl LiveBudget {
    /// Nothing on its way.
    pub fn new(program: Arc<Program>, knob: &str, plan: Plan) -> LiveBudget {
        let session = Session::new(program);
        LiveBudget { plan, knob: knob.into(), session, next: 0, on_its_way: None }
    }
}

impl Live for LiveBudget {
    fn advance(&mut self, samples: &Samples, budget: f32) -> Result<Moment> {
        if !(0.0..=1.0).contains(&budget) {
            let text = format!("{budget} must be a share of the full model's energy, from 0 to 1");
            return Err(Error::new(ErrorKind::Config, text).node("budget"));
        }
        let knobs = Knobs::new().with(&self.knob, budget);
        let (mut walk, mut moment, mut spent) = match self.on_its_way.take() {
            Some(on_its_way) => on_its_way,
            None => {
                let input = self.next % samples.len();
                self.next = input + 1;
                let walk = self.session.begin(&samples.row(input)?, &knobs, Routing::Scores)?;
                let moment = Moment {
                    input,
                    text: samples.text(input).map(str::to_string),
                    stages: vec![None; self.plan.costs_by_stage.len()],
                    truth: samples.labels().map(|labels| labels[input]),
                    ..Moment::default()
                };
                (walk, moment, self.plan.base)
            }
        };
        walk.turn(&knobs)?;
        let before = walk.trace().rows[0].path;
        while walk.trace().rows[0].path == before {
            if !self.session.advance(&mut walk)? {
                break;
            }
        }
        let stages = moment.stages.len();
        let stage = moment.stages.iter().flatten().count();
        let variant = mix_of(walk.trace().rows[0].path, stages)[stage];
        moment.stages[stage] = Some(VARIANTS[variant].into());
        spent += self.plan.extra_energy(stage, variant);
        moment.told = format!(
            "{} of the energy in f32 spent or set aside, of a budget of {}; estimated from operations",
            percent(f64::from(spent)),
            percent(f64::from(budget))
        );
        if stage + 1 < stages {
            self.on_its_way = Some((walk, moment.clone(), spent));
            return Ok(moment);
        }
        while self.session.advance(&mut walk)? {}
        let answer = walk.finish()?.first()?;
        moment.answer = Some(argmax(&answer.into_iter().collect::<Vec<f32>>()));
        Ok(moment)
    }
}
