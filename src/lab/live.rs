//! A network that switches its precision, a stage at a time, on a budget that may be turned between two stages.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::record::argmax;
use perforate_data::Samples;
use perforate_engine::{Knobs, Program, Routing, Session, Walk};
use perforate_routing::precision::{Plan, VARIANTS};

use super::precision::mix_of;
use super::text::percent;

/// Inputs are taken one after the other, by stages.
#[derive(Debug)]
pub struct Live {
    plan: Plan,
    knob: String,
    session: Session,
    /// The next input.
    next: usize,
    on_its_way: Option<(Walk, Moment)>,
}

/// Where an input stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// Which input it is.
    pub input: usize,
    /// The input, if it is text.
    pub text: Option<String>,
    /// The variants taken so far, stage by stage.
    pub mix: Vec<String>,
    /// The budget that each was chosen on.
    pub budgets: Vec<f32>,
    /// Energy of the choices so far with the cheapest ones of the stages to come, as a share of the full model's.
    pub spent: f32,
    /// Stages in all.
    pub stages: usize,
    /// The class that is answered, at the end.
    pub answer: Option<usize>,
    /// The right one, if that is known.
    pub truth: Option<usize>,
}

impl Live {
    /// Nothing on its way.
    pub fn new(program: Arc<Program>, knob: &str, plan: Plan) -> Live {
        let session = Session::new(program);
        Live { plan, knob: knob.into(), session, next: 0, on_its_way: None }
    }

    /// Takes the input on its way one stage further, or the next one through its first stage.
    pub fn advance(&mut self, samples: &Samples, budget: f32) -> Result<Moment> {
        if !(0.0..=1.0).contains(&budget) {
            let text = format!("{budget} must be a share of the full model's energy, from 0 to 1");
            return Err(Error::new(ErrorKind::Config, text).node("budget"));
        }
        let knobs = Knobs::new().with(&self.knob, budget);
        let (mut walk, mut moment) = match self.on_its_way.take() {
            Some(on_its_way) => on_its_way,
            None => {
                let input = self.next % samples.len();
                self.next = input + 1;
                let walk = self.session.begin(&samples.row(input)?, &knobs, Routing::Scores)?;
                let moment = Moment {
                    input,
                    text: samples.text(input).map(str::to_string),
                    spent: self.plan.base,
                    stages: self.plan.offers.len(),
                    truth: samples.labels().map(|labels| labels[input]),
                    ..Moment::default()
                };
                (walk, moment)
            }
        };
        walk.turn(&knobs)?;
        let before = walk.trace().rows[0].path;
        while walk.trace().rows[0].path == before {
            if !self.session.advance(&mut walk)? {
                break;
            }
        }
        let stage = moment.mix.len();
        let variant = mix_of(walk.trace().rows[0].path, moment.stages)[stage];
        moment.mix.push(VARIANTS[variant].into());
        moment.budgets.push(budget);
        moment.spent += self.plan.extra(stage, variant);
        if moment.mix.len() < moment.stages {
            self.on_its_way = Some((walk, moment.clone()));
            return Ok(moment);
        }
        while self.session.advance(&mut walk)? {}
        let answer = walk.finish()?.first()?;
        moment.answer = Some(argmax(&answer.into_iter().collect::<Vec<f32>>()));
        Ok(moment)
    }
}

/// A network on a live budget.
#[derive(Debug, Serialize)]
pub struct LiveState {
    /// What the input on its way has spent of which budget.
    told: String,
    /// The inputs that went through last, newest first.
    rows: Vec<LiveRow>,
}

/// An input's way through the stages.
#[derive(Debug, Serialize)]
pub struct LiveRow {
    text: String,
    /// Variant by stage; nothing yet for those to come.
    cells: Vec<Option<String>>,
    answer: String,
}

impl LiveState {
    /// Of the inputs that went through last, the newest first.
    pub fn of(moments: &[Moment], classes: &[&str]) -> LiveState {
        let class = |ix: usize| classes.get(ix).map_or(format!("class {ix}"), |c| c.to_string());
        let rows = moments.iter().map(|moment| LiveRow {
            text: moment.text.clone().unwrap_or_else(|| format!("Test sample {}", moment.input)),
            cells: (0..moment.stages).map(|stage| moment.mix.get(stage).cloned()).collect(),
            answer: moment.answer.map_or("…".into(), |answer| match moment.truth {
                Some(truth) if truth == answer => format!("{}, right", class(answer)),
                Some(_) => format!("{}, wrong", class(answer)),
                None => class(answer),
            }),
        });
        let told = moments.first().map_or(String::new(), |moment| {
            let budget = moment.budgets.last().copied().unwrap_or_default();
            format!(
                "{} of the energy in f32 set aside or spent, of a budget of {}; an estimate, by operations",
                percent(f64::from(moment.spent)),
                percent(f64::from(budget))
            )
        });
        LiveState { told, rows: rows.collect() }
    }
}
