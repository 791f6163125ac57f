//! A battery run down by each policy, at several budgets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use perforate_base::units::{Joules, three_digits};
use perforate_bench::sweep::{PathResult, Point, Results};
use perforate_bench::verdict::VerdictClass;

use super::simulation::{Candidate, Moment, Policy, drain};
use crate::companion::Measured;

/// Budgets, as shares of what the most expensive model needs for the whole stream.
const BUDGETS: [f64; 12] = [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.35, 0.6, 1.0];
/// The budget that the finding is about.
const SHOWN: usize = 5;

/// A stream of inputs on a budget of energy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatteryReport {
    /// Inputs in the stream: the test samples, in their order.
    pub inputs: usize,
    /// The models, by path, with what each inference costs by operations.
    pub candidates: BTreeMap<String, CandidateReport>,
    /// What each policy makes of each budget.
    pub budgets: Vec<BudgetReport>,
    /// Index of the budget that the finding is about.
    pub shown: usize,
    /// The finding, in a sentence.
    pub finding: String,
}

/// A model that may answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CandidateReport {
    /// Joules of one inference, estimated by operations.
    pub energy_j: f64,
    /// Share of right answers on the calibration samples, by which policies rank.
    pub calibration_accuracy: f64,
    /// Share of right answers on the stream.
    pub accuracy: f64,
}

/// One budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BudgetReport {
    /// Share of what the most expensive model needs for all inputs.
    pub share: f64,
    /// The same in joules.
    pub joules: f64,
    /// What each policy makes of it.
    pub drains: BTreeMap<Policy, DrainReport>,
    /// The most accurate single model that lasts for all inputs, and its right answers; none if none lasts.
    pub best_single: Option<(String, usize)>,
}

/// A battery run down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrainReport {
    /// Inputs answered before it was empty.
    pub answered: usize,
    /// Right answers.
    pub right: usize,
    /// How often each model answered.
    pub shares: BTreeMap<String, usize>,
    /// Some moments on the way.
    pub course: Vec<Moment>,
}

/// What the policies make of the budgets; none where gates look at the rows, or without labels or costs.
pub fn report<'a>(measured: &Measured<'a>) -> Option<BatteryReport> {
    let Measured { subject, results, energy, .. } = *measured;
    let candidate = |path: &'a PathResult| -> Option<Candidate<'a>> {
        let answers = path.answers.as_ref()?;
        Some(Candidate {
            name: &path.label,
            cost: energy.by_operations(subject.routed.work(path.path)?),
            accuracy: answers.calibration_accuracy,
            right: &answers.right,
        })
    };
    let candidates = results.paths.iter().map(candidate).collect::<Option<Vec<Candidate>>>()?;
    let inputs = candidates.first()?.right.len();
    let dearest = candidates.iter().map(|c| c.cost.0).fold(0.0, f64::max);
    let named = |shares: &[usize]| -> BTreeMap<String, usize> {
        let names = candidates.iter().map(|candidate| candidate.name.to_string());
        names.zip(shares.iter().copied()).collect()
    };
    let rights = |candidate: &Candidate| candidate.right.iter().filter(|&&right| right).count();
    let at = |&share: &f64| {
        let budget = Joules(dearest * inputs as f64 * share);
        let drains = Policy::ALL.map(|policy| {
            let drain = drain(&candidates, budget, policy);
            let shares = named(&drain.shares);
            let (answered, right) = (drain.answered, drain.right);
            (policy, DrainReport { answered, right, shares, course: drain.course })
        });
        let lasts = |candidate: &&Candidate| candidate.cost * inputs as f64 <= budget;
        let lasting = candidates.iter().filter(lasts);
        let best_single = lasting.max_by(|a, b| a.accuracy.total_cmp(&b.accuracy));
        BudgetReport {
            share,
            joules: budget.0,
            drains: drains.into(),
            best_single: best_single.map(|one| (one.name.to_string(), rights(one))),
        }
    };
    let budgets: Vec<BudgetReport> = BUDGETS.iter().map(at).collect();
    let finding = finding(&budgets[SHOWN], inputs);
    let of = |candidate: &Candidate| {
        let report = CandidateReport {
            energy_j: candidate.cost.0,
            calibration_accuracy: candidate.accuracy,
            accuracy: rights(candidate) as f64 / inputs.max(1) as f64,
        };
        (candidate.name.to_string(), report)
    };
    let candidates = candidates.iter().map(of).collect();
    Some(BatteryReport { inputs, candidates, budgets, shown: SHOWN, finding })
}

impl BatteryReport {
    /// Whether choosing by the energy left gives more right answers than any one model.
    pub fn verdict(&self) -> VerdictClass {
        let Some(budget) = self.budgets.get(self.shown) else { return VerdictClass::Measuring };
        let always = budget.right(Policy::Dearest).max(budget.right(Policy::Cheapest));
        let single = budget.best_single.as_ref().map_or(0, |(_, right)| *right);
        match budget.best().1 > always.max(single) {
            true => VerdictClass::PaysUncertified,
            false => VerdictClass::DoesNotPay,
        }
    }

    /// Single models on the same battery, in a sentence or two.
    pub fn beside(&self) -> Option<String> {
        let budget = self.budgets.get(self.shown)?;
        let [big, small] = [Policy::Dearest, Policy::Cheapest].map(|policy| budget.right(policy));
        let single = match &budget.best_single {
            Some((name, right)) => format!(", always {name} {right}"),
            None => String::new(),
        };
        Some(format!(
            "On the same charge: always the full model {big}, always the light model {small}{single}. Energy is estimated from operations."
        ))
    }

    /// What the models take in time, in a sentence; an estimate of energy says nothing of that.
    pub fn times(&self, results: &Results) -> Option<String> {
        let speedup = |(ix, path): (usize, &PathResult)| {
            let takes = |point: &&Point| point.quality.paths[ix] == 1.0;
            let timing = results.curve.iter().find(takes)?.batch1?;
            Some(format!("{} {}×", path.label, three_digits(timing.speedup.median)))
        };
        let all: Vec<String> = results.paths.iter().enumerate().filter_map(speedup).collect();
        (!all.is_empty()).then(|| {
            format!(
                "Measured in time, against the full model, the models run at {}.",
                all.join(", ")
            )
        })
    }
}

impl BudgetReport {
    /// Right answers under a policy.
    fn right(&self, policy: Policy) -> usize {
        self.drains.get(&policy).map_or(0, |drain| drain.right)
    }

    /// The better of the policies that look at the battery, and its right answers.
    fn best(&self) -> (Policy, usize) {
        let [greedy, paced] = [Policy::Greedy, Policy::Paced].map(|policy| self.right(policy));
        if paced > greedy { (Policy::Paced, paced) } else { (Policy::Greedy, greedy) }
    }
}

/// What the adaptive policies gain at this budget, in a sentence or two.
fn finding(budget: &BudgetReport, inputs: usize) -> String {
    let (policy, best) = budget.best();
    let policy = policy.name();
    let big = budget.right(Policy::Dearest);
    match &budget.best_single {
        Some((name, right)) if *right >= best => format!(
            "Routing does not pay here. On one charge {name} alone gives {right} right answers; the {policy} policy, {best}."
        ),
        _ => format!(
            "{best} right answers of {inputs} on one charge ({policy} policy). Always the full model: {big}."
        ),
    }
}
