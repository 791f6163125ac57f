//! Temperature scaling: one number that makes a classifier's confidence mean what it says.
//!
//! Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017): softmax(z / T) with the T of least negative
//! log-likelihood on samples that serve nothing else. It changes no answer. Between samples it changes the order
//! of confidences, and between the heads of one network it makes them comparable.

use serde::{Deserialize, Serialize};

/// Bounds of the search, as T; at either end the labels tell nothing more.
const RANGE: (f64, f64) = (0.05, 20.0);
/// Steps of the golden-section search: the interval shrinks to 10⁻⁹ of its width.
const STEPS: usize = 45;
/// Bins of the expected calibration error.
const BINS: usize = 15;

/// How well confidence fits: both are smaller where it fits better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Mean negative log-likelihood of the labels, in nats.
    pub nll: f64,
    /// Expected calibration error: mean |confidence − accuracy| over 15 bins of equal width, by their samples.
    pub ece: f64,
}

/// The temperature of least negative log-likelihood. `logits` are `[n][classes]`; 1 where there is nothing to fit.
///
/// Half a row counts as wrong beside those that are: answers that are all right on few rows would be made certain else,
/// and no threshold could tell them apart.
pub fn fit(logits: &[Vec<f32>], labels: &[usize]) -> f64 {
    if logits.is_empty() {
        return 1.0;
    }
    let wrong = 0.5 / (logits.len() as f64 + 1.0);
    // Unimodal in ln T, since it is convex in 1 / T.
    let loss = |log_t: f64| {
        let t = log_t.exp();
        (1.0 - wrong) * mean_nll(logits, labels, t) + wrong * mean_nll_of_others(logits, labels, t)
    };
    let (mut a, mut b) = (RANGE.0.ln(), RANGE.1.ln());
    let golden = (5f64.sqrt() - 1.0) / 2.0;
    let (mut c, mut d) = (b - golden * (b - a), a + golden * (b - a));
    let (mut at_c, mut at_d) = (loss(c), loss(d));
    for _ in 0..STEPS {
        if at_c < at_d {
            (b, d, at_d) = (d, c, at_c);
            c = b - golden * (b - a);
            at_c = loss(c);
        } else {
            (a, c, at_c) = (c, d, at_d);
            d = a + golden * (b - a);
            at_d = loss(d);
        }
    }
    ((a + b) / 2.0).exp()
}

/// How well softmax(z / `temperature`) fits the labels.
pub fn judge(logits: &[Vec<f32>], labels: &[usize], temperature: f64) -> Fit {
    let mut bins = [(0.0, 0.0); BINS];
    for (row, &label) in logits.iter().zip(labels) {
        let probabilities = softmax(row, temperature);
        let (answer, confidence) = probabilities
            .iter()
            .copied()
            .enumerate()
            .fold((0, f64::NEG_INFINITY), |best, (ix, p)| if p > best.1 { (ix, p) } else { best });
        let bin = ((confidence * BINS as f64) as usize).min(BINS - 1);
        bins[bin].0 += confidence;
        bins[bin].1 += f64::from(answer == label);
    }
    let n = logits.len().max(1) as f64;
    let ece = bins.iter().map(|(confidence, right)| (confidence - right).abs()).sum::<f64>() / n;
    Fit { nll: mean_nll(logits, labels, temperature), ece }
}

fn mean_nll(logits: &[Vec<f32>], labels: &[usize], temperature: f64) -> f64 {
    let total: f64 = logits
        .iter()
        .zip(labels)
        .map(|(row, &label)| {
            let scaled = |z: &f32| f64::from(*z) / temperature;
            let largest = row.iter().map(scaled).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|z| (scaled(z) - largest).exp()).sum();
            // A label beyond the classes cannot be explained at all.
            row.get(label).map_or(f64::INFINITY, |z| largest + sum.ln() - scaled(z))
        })
        .sum();
    total / logits.len().max(1) as f64
}

/// The same of all other classes, on average.
fn mean_nll_of_others(logits: &[Vec<f32>], labels: &[usize], temperature: f64) -> f64 {
    let total: f64 = logits
        .iter()
        .zip(labels)
        .map(|(row, &label)| {
            let scaled: Vec<f64> = row.iter().map(|z| f64::from(*z) / temperature).collect();
            let largest = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = scaled.iter().map(|z| (z - largest).exp()).sum();
            let others = scaled.iter().enumerate().filter(|(class, _)| *class != label);
            let loss: f64 = others.map(|(_, z)| largest + sum.ln() - z).sum();
            loss / (row.len().max(2) - 1) as f64
        })
        .sum();
    total / logits.len().max(1) as f64
}

/// softmax(z / `temperature`).
pub fn softmax(row: &[f32], temperature: f64) -> Vec<f64> {
    let scaled: Vec<f64> = row.iter().map(|&z| f64::from(z) / temperature).collect();
    let largest = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials: Vec<f64> = scaled.iter().map(|z| (z - largest).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.into_iter().map(|e| e / sum).collect()
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Labels drawn from softmax(z), logits given as 3 z: the temperature is 3.
    fn overconfident(n: usize) -> (Vec<Vec<f32>>, Vec<usize>) {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        (0..n)
            .map(|_| {
                let z: Vec<f32> = (0..4).map(|_| rng.random_range(-2.0..2.0f32)).collect();
                let mut draw: f64 = rng.random();
                let label = softmax(&z, 1.0).iter().position(|p| {
                    draw -= p;
                    draw < 0.0
                });
                (z.iter().map(|v| 3.0 * v).collect(), label.unwrap_or(3))
            })
            .unzip()
    }

    #[test]
    fn a_known_temperature_is_found() {
        let (logits, labels) = overconfident(20_000);
        let temperature = fit(&logits, &labels);
        assert!((temperature - 3.0).abs() < 0.1, "{temperature}");
        let (before, after) = (judge(&logits, &labels, 1.0), judge(&logits, &labels, temperature));
        assert!(
            after.nll < before.nll && after.ece < 0.02 && before.ece > 0.1,
            "{before:?} {after:?}"
        );
    }

    #[test]
    fn answers_that_are_all_right_on_few_rows_are_not_made_certain() {
        let rows: Vec<Vec<f32>> = (0..100).map(|ix| vec![2.0 + 0.01 * ix as f32, 0.0]).collect();
        let temperature = fit(&rows, &[0; 100]);
        let mean = rows.iter().map(|row| softmax(row, temperature)[0]).sum::<f64>() / 100.0;
        assert!((0.99..0.999).contains(&mean), "{mean} at {temperature}");
    }

    #[test]
    fn nothing_to_fit_is_no_scaling() {
        assert_eq!(fit(&[], &[]), 1.0);
    }

    #[test]
    fn the_likelihood_is_the_textbooks() {
        let fit = judge(&[vec![0.0, 0.0]], &[1], 1.0);
        assert!((fit.nll - std::f64::consts::LN_2).abs() < 1e-12);
        // Confidence ½, and the first of equals is the answer, which is wrong.
        assert!((fit.ece - 0.5).abs() < 1e-12);
    }
}
