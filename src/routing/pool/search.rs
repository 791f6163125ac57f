//! Which models of a pool to ask, in which order, and how to weigh what they answer.
//!
//! Every set of a few cheap models, and the costliest one behind them, is fitted and simulated. What is simulated was fitted
//! to other rows: each fifth of the rows is judged by fits to the other four.

use std::collections::BTreeMap;

use super::blend::Blend;
use super::failure::{Failure, features};
use super::judge::Judge;
use crate::fit::classes::argmax;

/// Parts of the rows in cross-validation.
const FOLDS: usize = 5;
/// Steps of the threshold in a simulation.
const STEPS: usize = 200;
/// What a judge costs, as a share of the costliest model: an allowance for what is not counted.
const JUDGE: f64 = 0.01;
/// Share of the risk that a choice may use up: the rest is for the difference to other rows.
const SHARE_OF_RISK: f64 = 0.7;
/// How much a stage's price weighs what it costs to go on: exponents that are tried.
const EXPONENTS: [f64; 3] = [0.0, 0.5, 1.0];

/// Of plans that cost nearly the same, the most accurate one is taken.
const NEARLY: f64 = 1.03;

/// What all models answer on rows that nothing else was fitted to; the costliest model is the last.
#[derive(Debug, Clone, Copy)]
pub struct Answers<'a> {
    /// Logits, `[model][row][class]`.
    pub logits: &'a [&'a [Vec<f32>]],
    /// Operations, as shares of the costliest model's.
    pub costs: &'a [f64],
    /// Right answers; without them those of the costliest model count as right.
    pub labels: Option<&'a [usize]>,
}

/// A choice.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The models, in order; the costliest is the last.
    pub models: Vec<usize>,
    /// Their judges, of all but the last.
    pub judges: Vec<Judge>,
    /// Exponent of what it costs to go on, in a stage's price.
    pub exponent: f64,
    /// Mean operations that it expects, as a share of the costliest model's.
    pub cost: f64,
    /// Share of the rows whose answer it expects to lose.
    pub risk: f64,
}

/// What a stage's odds are divided by: what the next model costs, to a power.
fn price(next: f64, exponent: f64) -> f64 {
    (next + JUDGE).powf(exponent)
}

/// The plan of up to `most` models before the last that is expected to be cheapest while it loses no more than a part of
/// `risk` of the answers; none without a cheap model or rows.
pub fn search(answers: Answers<'_>, most: usize, risk: f64) -> Option<Plan> {
    let fits = Fits::new(answers);
    let cheap = answers.logits.len().checked_sub(1)?;
    if fits.rows() == 0 {
        return None;
    }
    let end = fits.end();
    let mut stages: BTreeMap<Vec<usize>, Stage> = BTreeMap::new();
    let mut tried: Vec<(Plan, Simulated)> = vec![];
    for set in sets(cheap, most) {
        let whole = [&set[..], &[cheap]].concat();
        for length in 1..=set.len() {
            let stage = || fits.cross_fitted(&set[..length]);
            stages.entry(set[..length].to_vec()).or_insert_with(stage);
        }
        let chain: Vec<&Stage> = (1..=set.len()).map(|length| &stages[&set[..length]]).collect();
        for exponent in EXPONENTS {
            let prices: Vec<f64> =
                (1..whole.len()).map(|next| price(answers.costs[whole[next]], exponent)).collect();
            let allowed = risk * SHARE_OF_RISK;
            let simulated = simulate(answers.costs, &whole, (&chain, &end), &prices, allowed);
            let Some(simulated) = simulated else { continue };
            let Simulated { cost, lost, .. } = simulated;
            let models = whole.clone();
            tried.push((Plan { models, judges: vec![], exponent, cost, risk: lost }, simulated));
        }
    }
    let least = tried.iter().map(|(plan, _)| plan.cost).min_by(f64::total_cmp)?;
    let near = tried.into_iter().filter(|(plan, _)| plan.cost <= NEARLY * least);
    let (mut plan, _) = near.max_by(|a, b| a.1.right.total_cmp(&b.1.right))?;
    plan.judges = fits.judges(&plan.models, plan.exponent);
    Some(plan)
}

/// All sets of one to `most` of `count` models, in order of cost.
fn sets(count: usize, most: usize) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = vec![];
    for bits in 1u32..1 << count.min(20) {
        if bits.count_ones() as usize <= most {
            all.push((0..count).filter(|ix| bits >> ix & 1 == 1).collect());
        }
    }
    all
}

/// What a stage says of each row, by fits to other rows.
#[derive(Debug, Clone)]
struct Stage {
    /// Log-odds of a loss; empty at the end.
    odds: Vec<f64>,
    lost: Vec<bool>,
    right: Vec<bool>,
}

/// What a plan comes to on the rows.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Simulated {
    cost: f64,
    /// Share of answers lost.
    lost: f64,
    /// Share of right answers.
    right: f64,
}

/// At the lowest threshold that keeps the risk; none without rows.
fn simulate(
    costs: &[f64],
    models: &[usize],
    (gated, end): (&[&Stage], &Stage),
    prices: &[f64],
    risk: f64,
) -> Option<Simulated> {
    let rows = end.lost.len();
    let scores: Vec<Vec<f64>> = gated
        .iter()
        .zip(prices)
        .map(|(stage, price)| stage.odds.iter().map(|odds| odds - price.ln()).collect())
        .collect();
    let mut sorted: Vec<f64> = scores.concat();
    sorted.sort_by(f64::total_cmp);
    let mut best: Option<Simulated> = None;
    let thresholds = (0..=STEPS).map(|step| sorted[(sorted.len() - 1) * step / STEPS]);
    // From the safest on, where all rows go on: the odds of a loss may be ever larger.
    for threshold in std::iter::once(f64::NEG_INFINITY).chain(thresholds) {
        let (mut lost, mut right, mut cost) = (0, 0, 0.0);
        for row in 0..rows {
            let stays = scores.iter().position(|score| score[row] <= threshold);
            let last = stays.unwrap_or(gated.len());
            let answers = gated.get(last).copied().unwrap_or(end);
            lost += usize::from(answers.lost[row]);
            right += usize::from(answers.right[row]);
            let ran = models[..=last].iter().map(|&ix| costs[ix]).sum::<f64>();
            cost += ran + JUDGE * (last + 1).min(gated.len()) as f64;
        }
        let share = |count: usize| count as f64 / rows as f64;
        if share(lost) > risk {
            break;
        }
        let cost = cost / rows as f64;
        if best.is_none_or(|best| cost < best.cost) {
            best = Some(Simulated { cost, lost: share(lost), right: share(right) });
        }
    }
    best
}

/// Fits to parts of the rows.
struct Fits<'a> {
    answers: Answers<'a>,
    /// What counts as right.
    truth: Vec<usize>,
    /// What the costliest model answers.
    full: Vec<usize>,
}

impl<'a> Fits<'a> {
    fn new(answers: Answers<'a>) -> Fits<'a> {
        let last = answers.logits.last().copied().unwrap_or_default();
        let full: Vec<usize> = last.iter().map(|row| argmax(row)).collect();
        let truth = answers.labels.map_or_else(|| full.clone(), <[usize]>::to_vec);
        Fits { answers, truth, full }
    }

    fn rows(&self) -> usize {
        self.truth.len()
    }

    fn lost(&self, row: usize, answer: usize) -> bool {
        self.full[row] == self.truth[row] && answer != self.truth[row]
    }

    fn logits(&self, models: &[usize], row: usize) -> Vec<&'a [f32]> {
        models.iter().map(|&ix| self.answers.logits[ix][row].as_slice()).collect()
    }

    /// The average of these models that explains the rows best.
    fn blend(&self, models: &[usize], rows: &[usize]) -> Blend {
        let select = |ix: &usize| -> Vec<Vec<f32>> {
            rows.iter().map(|&row| self.answers.logits[*ix][row].clone()).collect()
        };
        let answers: Vec<Vec<Vec<f32>>> = models.iter().map(select).collect();
        let answers: Vec<&[Vec<f32>]> = answers.iter().map(Vec::as_slice).collect();
        let labels: Vec<usize> = rows.iter().map(|&row| self.truth[row]).collect();
        Blend::fit(&answers, &labels)
    }

    /// The blends of this stage and the one before it, and what predicts a loss.
    fn stage(&self, models: &[usize], rows: &[usize]) -> (Blend, Option<Blend>, Failure) {
        let blend = self.blend(models, rows);
        let before = (models.len() > 1).then(|| self.blend(&models[..models.len() - 1], rows));
        let own = |&row: &usize| {
            let logits = self.logits(models, row);
            let lost = self.lost(row, argmax(&blend.apply(&logits)));
            (features(&blend, before.as_ref(), &logits), lost)
        };
        let (read, lost): (Vec<Vec<f64>>, Vec<bool>) = rows.iter().map(own).unzip();
        let failure = Failure::fit(&read, &lost);
        (blend, before, failure)
    }

    /// The end, where the costliest model answers alone: an average with it would be better still, and loses answers that no
    /// threshold wins back.
    fn end(&self) -> Stage {
        let right = (0..self.rows()).map(|row| self.full[row] == self.truth[row]);
        Stage { odds: vec![], lost: vec![false; self.rows()], right: right.collect() }
    }

    /// What a stage says of every row, by fits to four fifths that do not hold it.
    fn cross_fitted(&self, models: &[usize]) -> Stage {
        let rows = self.rows();
        let none = || vec![false; rows];
        let mut stage = Stage { odds: vec![0.0; rows], lost: none(), right: none() };
        for fold in 0..FOLDS {
            let (own, others): (Vec<usize>, Vec<usize>) =
                (0..rows).partition(|row| row % FOLDS == fold);
            let (blend, before, failure) = self.stage(models, &others);
            for row in own {
                let logits = self.logits(models, row);
                let answer = argmax(&blend.apply(&logits));
                stage.odds[row] = failure.log_odds(&features(&blend, before.as_ref(), &logits));
                stage.lost[row] = self.lost(row, answer);
                stage.right[row] = answer == self.truth[row];
            }
        }
        stage
    }

    /// The judges of a chain but its end, fitted to all rows.
    fn judges(&self, models: &[usize], exponent: f64) -> Vec<Judge> {
        let rows: Vec<usize> = (0..self.rows()).collect();
        let judge = |length: usize| {
            let (blend, _, failure) = self.stage(&models[..length], &rows);
            let price = price(self.answers.costs[models[length]], exponent);
            Judge { blend, failure, price }
        };
        (1..models.len()).map(judge).collect()
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::fit::layer::normal;

    /// Three models that see one truth, each with noise of its own, the cheaper the more; hard rows are noisier for all.
    fn pool(n: usize) -> (Vec<Vec<Vec<f32>>>, Vec<usize>) {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let mut all = vec![vec![]; 3];
        let mut labels = vec![];
        for _ in 0..n {
            let label = rng.random_range(0..4usize);
            labels.push(label);
            let hard = if rng.random::<f64>() < 0.3 { 2.5 } else { 0.6 };
            for (own, noise) in all.iter_mut().zip([0.7, 0.5, 0.4]) {
                let row = (0..4).map(|class| {
                    let signal = if class == label { 4.0 } else { 0.0 };
                    signal + 2.0 * noise * hard * normal(&mut rng)
                });
                own.push(row.collect::<Vec<f32>>());
            }
        }
        (all, labels)
    }

    #[test]
    fn a_pool_saves_and_keeps_the_risk_on_rows_that_it_has_not_seen() {
        let (all, labels) = pool(6000);
        let part = |rows: std::ops::Range<usize>| -> (Vec<Vec<Vec<f32>>>, Vec<usize>) {
            (all.iter().map(|own| own[rows.clone()].to_vec()).collect(), labels[rows].to_vec())
        };
        let costs = [0.02, 0.2, 1.0];
        let (own, truth) = part(0..3000);
        let logits: Vec<&[Vec<f32>]> = own.iter().map(Vec::as_slice).collect();
        let with = Answers { logits: &logits, costs: &costs, labels: Some(&truth) };
        let plan = search(with, 3, 0.02).unwrap();
        assert!(plan.models.len() >= 2 && plan.models.last() == Some(&2), "{plan:?}");
        assert!(plan.cost < 0.6 && plan.risk <= 0.02, "{} {}", plan.cost, plan.risk);
        // On rows that it has not seen: at some threshold, as cheap as it expects at little more risk.
        let (other, truth) = part(3000..6000);
        let at = |threshold: f32| {
            let (mut lost, mut cost, mut right) = (0, 0.0, 0);
            for row in 0..3000 {
                let of = |models: &[usize]| -> Vec<&[f32]> {
                    models.iter().map(|&ix| other[ix][row].as_slice()).collect()
                };
                let mut answer = argmax(&other[2][row]);
                let mut stays = false;
                for (length, judge) in (1..).zip(&plan.judges) {
                    let logits = of(&plan.models[..length]);
                    cost += costs[plan.models[length - 1]] / 3000.0;
                    let before = (length > 1).then(|| &plan.judges[length - 2].blend);
                    let read = features(&judge.blend, before, &logits);
                    stays = judge.failure.sure(&read, judge.price) >= threshold;
                    if stays {
                        answer = argmax(&judge.blend.apply(&logits));
                        break;
                    }
                }
                cost += if stays { 0.0 } else { 1.0 / 3000.0 };
                let full = argmax(&other[2][row]) == truth[row];
                lost += usize::from(full && answer != truth[row]);
                right += usize::from(answer == truth[row]);
            }
            (cost, lost, right)
        };
        let settings = (0..400).map(|step| at(1.0 - (-0.05 * step as f32).exp()));
        let kept = settings.filter(|(_, lost, _)| *lost < 60);
        let (cost, lost, right) = kept.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        let full = (0..3000).filter(|&row| argmax(&other[2][row]) == truth[row]).count();
        assert!(cost < 1.2 * plan.cost + 0.05, "{cost} {lost}, expected {}", plan.cost);
        assert!(right + 30 > full, "{right} of {full}: averages make up for what is lost");
    }

    #[test]
    fn without_labels_the_costliest_model_is_right() {
        let (all, _) = pool(2000);
        let logits: Vec<&[Vec<f32>]> = all.iter().map(Vec::as_slice).collect();
        let answers = Answers { logits: &logits, costs: &[0.02, 0.2, 1.0], labels: None };
        // Its own mistakes on hard rows are nobody else's.
        let plan = search(answers, 2, 0.1).unwrap();
        assert_eq!(plan.judges.len(), plan.models.len() - 1);
        assert!(plan.cost < 0.7 && plan.risk <= 0.1, "{} {}", plan.cost, plan.risk);
        assert!(search(Answers { logits: &logits[..1], ..answers }, 2, 0.02).is_none());
    }

    #[test]
    fn where_nothing_may_be_lost_all_rows_go_on() {
        // The cheap model is sure of a wrong answer.
        let cheap = vec![vec![9.0, 0.0]; 60];
        let full = vec![vec![0.0, 1.0]; 60];
        let logits: [&[Vec<f32>]; 2] = [&cheap, &full];
        let labels = vec![1; 60];
        let answers = Answers { logits: &logits, costs: &[0.1, 1.0], labels: Some(&labels) };
        let plan = search(answers, 3, 0.01).unwrap();
        assert!(plan.cost > 1.0 && plan.risk == 0.0, "{plan:?}");
    }

    #[test]
    fn all_sets_of_a_few() {
        assert_eq!(sets(3, 2).len(), 6);
        assert_eq!(sets(2, 5), [vec![0], vec![1], vec![0, 1]]);
    }
}
