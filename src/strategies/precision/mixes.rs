//! Every mix of precisions, one a stage: what each costs and gives, and what the controllers make of a budget beside the
//! best of them, which nobody knows beforehand.

use perforate_base::units::Joules;
use perforate_base::{Error, ErrorKind, Result};
use perforate_bench::energy::EnergyModel;
use perforate_bench::record::argmax;
use perforate_bench::sweep::BenchTarget;
use perforate_data::Samples;
use perforate_engine::{Path, Session};

use super::compose::{self, Plan, Policy};
use super::controller::plan_of;
use super::variants::path_of;
#[cfg(feature = "commands")]
use crate::command::{Argument, Command, Host, Value};

/// Variants of a stage.
const VARIANTS: usize = compose::VARIANTS.len();
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
pub fn all(
    (subject, plan): (&BenchTarget, &Plan),
    rows: usize,
    mut told: impl FnMut(usize),
) -> Result<Vec<Mix>> {
    let stages = plan.costs_by_stage.len();
    let count = VARIANTS.pow(stages as u32);
    if count > MOST {
        let text = format!("{stages} stages have {count} mixes, too many to run each");
        return Err(Error::new(ErrorKind::Config, text));
    }
    let samples: &Samples = &subject.test.0;
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
    let mut session = Session::new(subject.routed.clone());
    let knobs = subject.routed.neutral_knobs();
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
pub fn spend(plan: &Plan, mixes: &[Mix], budgets: &[f64]) -> Result<Vec<Spent>> {
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

/// The subcommand `mixes`.
pub fn command() -> Command {
    let table = "Table of sentences to run, as for `bench`; the built-in ones unless given";
    Command {
        name: "mixes",
        about: "Run every mix of precisions of six layers, and compare the controllers' choices with the best mix for each budget",
        arguments: vec![
            Argument::new("table", Value::OptionalFile, table),
            Argument::new(
                "rows",
                Value::Count(200),
                "Samples, at most: each takes about two seconds",
            ),
        ],
        run: study,
    }
}

fn study(host: &dyn Host) -> Result<()> {
    let (subject, companion) = host.open(compose::NAME, "table")?;
    let plan = plan_of(&*companion).ok_or_else(|| {
        Error::new(ErrorKind::Internal, "the scenario has no controller of precisions")
    })?;
    let rows = host.count("rows").min(subject.test.0.len());
    let all = all((&subject, plan), rows, |row| host.progress(row, rows))?;
    let budgets: Vec<f64> = (3..=20).map(|step| f64::from(step) / 20.0).collect();
    let row = |budget: f64, who: &str, ix: usize| {
        let mix = &all[ix];
        let names: Vec<&str> = mix.variants.iter().map(|&v| compose::VARIANTS[v]).collect();
        vec![
            format!("{:.0} %", 100.0 * budget),
            who.to_string(),
            format!("{:.1} %", 100.0 * mix.energy),
            format!("{:.2} %", 100.0 * mix.accuracy),
            format!("{:.4}", mix.deviation),
            names.join(" "),
        ]
    };
    let spent = spend(plan, &all, &budgets)?;
    let rows_of = |spent: &Spent| {
        let ([greedy, ahead], [accurate, near]) = (spent.controllers, spent.oracles);
        [("greedy", greedy), ("look-ahead", ahead), ("most accurate", accurate), ("nearest", near)]
            .map(|(who, ix)| row(spent.budget, who, ix))
    };
    host.say(&format!("{} mixes on {rows} samples", all.len()))?;
    let titles = ["budget", "controller", "energy", "accuracy", "deviation", "stages"];
    host.table(&titles, spent.iter().flat_map(rows_of).collect())
}
