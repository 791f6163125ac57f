//! Every mix of precisions, one a stage: what each costs and gives, and what the controllers make of a budget beside the
//! best of them, which nobody knows beforehand.

use perforate_base::units::Joules;
use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::energy::EnergyModel;
use perforate_bench::record::argmax;
use perforate_data::Samples;
use perforate_engine::{Path, Session};
use perforate_routing::precision::{self, Plan, Policy};

use super::precision::path_of;
use super::scenario::Opened;

/// Variants of a stage.
const VARIANTS: usize = precision::VARIANTS.len();
/// More mixes than this are not looked at one by one.
const MOST: usize = VARIANTS.pow(8);

/// What a mix gave, as means over the samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Mix {
    /// Variant of each stage, 0 the cheapest.
    pub variants: Vec<usize>,
    /// Energy by operations, as a share of that with every stage in f32.
    pub energy: f64,
    /// Share of right answers; 0 without labels.
    pub accuracy: f64,
    /// Mean absolute difference of the outputs from those in f32.
    pub deviation: f64,
}

/// A budget, and who makes what of it: indices of mixes.
#[derive(Debug, Clone, PartialEq)]
pub struct Spent {
    /// As a share of the energy in f32.
    pub budget: f64,
    /// What the greedy and the look-ahead controller take.
    pub controllers: [usize; 2],
    /// Of all mixes within the budget, the most accurate and the least deviating one, known afterwards.
    pub oracles: [usize; 2],
}

/// Runs the first `rows` test samples down every mix; `told` hears how many are done.
pub fn all(opened: &Opened, rows: usize, mut told: impl FnMut(usize)) -> Result<Vec<Mix>> {
    let plan = plan(opened)?;
    let stages = plan.offers.len();
    let count = VARIANTS.pow(stages as u32);
    if count > MOST {
        let text = format!("{stages} stages have {count} mixes, too many to run each");
        return Err(Error::new(ErrorKind::Config, text));
    }
    let samples: &Samples = &opened.subject.test.0;
    let rows = rows.min(samples.len());
    // Mixes with the same beginning follow each other: it is computed once.
    let digits = |mix: usize| -> Vec<usize> {
        (0..stages).rev().map(|place| mix / VARIANTS.pow(place as u32) % VARIANTS).collect()
    };
    let mut mixes: Vec<Mix> = (0..count)
        .map(|mix| Mix { variants: digits(mix), energy: 0.0, accuracy: 0.0, deviation: 0.0 })
        .collect();
    let paths: Vec<Path> = mixes.iter().map(|mix| path_of(mix.variants.clone())).collect();
    let energy = EnergyModel::default();
    let mut session = Session::new(opened.subject.routed.clone());
    let knobs = opened.subject.routed.neutral_knobs();
    let mut joules = vec![Joules(0.0); count];
    for row in 0..rows {
        let outcomes = session.run_each(&samples.row(row)?, &knobs, &paths)?;
        let full = outcomes[count - 1].first()?;
        for (ix, outcome) in outcomes.iter().enumerate() {
            let own = outcome.first()?;
            joules[ix] += energy.by_operations(outcome.trace.total());
            let apart: f32 = own.iter().zip(&full).map(|(a, b)| (a - b).abs()).sum();
            mixes[ix].deviation += f64::from(apart) / (own.len() * rows) as f64;
            let right = samples.labels().is_some_and(|labels| {
                argmax(&own.iter().copied().collect::<Vec<f32>>()) == labels[row]
            });
            mixes[ix].accuracy += f64::from(u8::from(right)) / rows as f64;
        }
        told(row + 1);
    }
    for (mix, own) in mixes.iter_mut().zip(&joules) {
        mix.energy = *own / joules[count - 1];
    }
    Ok(mixes)
}

/// What the controllers and the oracles make of budgets.
pub fn spend(opened: &Opened, mixes: &[Mix], budgets: &[f64]) -> Result<Vec<Spent>> {
    let plan = plan(opened)?;
    let place =
        |variants: &[usize]| variants.iter().fold(0, |place, variant| VARIANTS * place + variant);
    let spent = |&budget: &f64| {
        let controllers = [Policy::Greedy, Policy::LookAhead]
            .map(|policy| place(&Plan { policy, ..plan.clone() }.mix(budget as f32)));
        // The controllers go by a middling sentence: they may be off by a trifle on others.
        let most = controllers.map(|ix| mixes[ix].energy).into_iter().fold(budget, f64::max);
        let within = || (0..mixes.len()).filter(|&ix| mixes[ix].energy <= most);
        let accurate = within().max_by(|&a, &b| {
            let (a, b) = (&mixes[a], &mixes[b]);
            a.accuracy.total_cmp(&b.accuracy).then(b.deviation.total_cmp(&a.deviation))
        });
        let near = within().min_by(|&a, &b| mixes[a].deviation.total_cmp(&mixes[b].deviation));
        Spent { budget, controllers, oracles: [accurate.unwrap_or(0), near.unwrap_or(0)] }
    };
    Ok(budgets.iter().map(spent).collect())
}

fn plan(opened: &Opened) -> Result<&Plan> {
    opened.plan.as_ref().ok_or_else(|| {
        Error::new(ErrorKind::Config, "it has no controller of precisions, so there are no mixes")
    })
}
