//! Failure prediction: how likely an answer is lost if it stands, where going on would have kept it.
//!
//! How sure a classifier is says how likely it is wrong, and a cascade needs something else: whether a dearer model would
//! be right (Jitkrittum et al., "When Does Confidence-Based Cascade Deferral Suffice?", NeurIPS 2023). A logistic
//! regression on what the models so far have answered is fitted to that by iteratively reweighted least squares.

use nalgebra::{DMatrix, DVector};

use perforate_base::Result;
use perforate_onnx::{GraphBuilder, int_attribute};

use super::blend::Blend;
use crate::fit::temperature::softmax;

/// Keeps ln(1 − p) finite at p = 1.
pub const TINY: f32 = 1e-6;
/// Most steps of the regression.
const STEPS: usize = 30;
/// Penalty per row on standardised weights.
const PENALTY: f64 = 2e-3;
/// A step that changes no weight by more ends it.
const NEAR: f64 = 1e-7;

/// What a gate reads of a row behind the last of several models: of the average answer p, the probabilities by class and
/// ln(1 − max p); and, from the second model on, how far p agrees with the average before it, p · p′.
pub fn features(blend: &Blend, before: Option<&Blend>, logits: &[&[f32]]) -> Vec<f64> {
    let own = softmax(&blend.apply(logits), blend.temperature);
    let largest = own.iter().copied().fold(0.0, f64::max);
    let mut all = vec![(1.0 + f64::from(TINY) - largest).max(f64::from(TINY) / 2.0).ln()];
    if let Some(before) = before {
        let models = before.weights.len();
        let earlier = softmax(&before.apply(&logits[..models]), before.temperature);
        all.push(own.iter().zip(&earlier).map(|(a, b)| a * b).sum());
    }
    all.extend(own);
    all
}

/// P(lost) = σ(w · features + b).
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// w.
    pub weights: Vec<f64>,
    /// b.
    pub bias: f64,
}

impl Failure {
    /// Fits to whether each row is lost.
    pub fn fit(features: &[Vec<f64>], lost: &[bool]) -> Failure {
        let n = features.len().max(1) as f64;
        let width = features.first().map_or(0, Vec::len);
        let mean = |of: &dyn Fn(&Vec<f64>) -> f64| features.iter().map(of).sum::<f64>() / n;
        let centre: Vec<f64> = (0..width).map(|ix| mean(&|row| row[ix])).collect();
        let spread: Vec<f64> = (0..width)
            .map(|ix| mean(&|row| (row[ix] - centre[ix]).powi(2)).sqrt().max(1e-9))
            .collect();
        let standard = |row: &Vec<f64>| {
            let own = row.iter().zip(&centre).zip(&spread).map(|((v, c), s)| (v - c) / s);
            DVector::from_iterator(width + 1, own.chain([1.0]))
        };
        let rows: Vec<DVector<f64>> = features.iter().map(standard).collect();
        // Half a loss more than there are: without any, the odds would be nothing.
        let losses = lost.iter().filter(|lost| **lost).count() as f64 + 0.5;
        let mut weights = DVector::zeros(width + 1);
        weights[width] = (losses / (n + 1.0 - losses)).ln();
        for _ in 0..STEPS {
            let mut gradient = n * PENALTY * &weights;
            let mut hessian = DMatrix::identity(width + 1, width + 1) * (n * PENALTY);
            // The constant is not held back, but for the half loss.
            gradient[width] = 0.0;
            hessian[(width, width)] = 1e-9;
            for (row, &lost) in rows.iter().zip(lost) {
                let p = sigmoid(row.dot(&weights));
                gradient.axpy(p - f64::from(u8::from(lost)), row, 1.0);
                hessian.syger(p * (1.0 - p), row, row, 1.0);
            }
            gradient[width] += sigmoid(weights[width]) - 0.5;
            hessian[(width, width)] += 0.25;
            hessian.fill_upper_triangle_with_lower_triangle();
            let Some(step) = hessian.cholesky().map(|own| own.solve(&gradient)) else { break };
            let longest = step.amax();
            weights -= &step * if longest > 2.0 { 2.0 / longest } else { 1.0 };
            if longest < NEAR {
                break;
            }
        }
        let scaled: Vec<f64> = (0..width).map(|ix| weights[ix] / spread[ix]).collect();
        let offset: f64 = scaled.iter().zip(&centre).map(|(w, c)| w * c).sum();
        Failure { bias: weights[width] - offset, weights: scaled }
    }

    /// The log-odds of a loss.
    pub fn log_odds(&self, features: &[f64]) -> f64 {
        self.bias + self.weights.iter().zip(features).map(|(w, v)| w * v).sum::<f64>()
    }

    /// Confidence that the answer is not lost: 1 − P(lost), the odds of a loss divided by `price`, the cost of going on.
    pub fn sure(&self, features: &[f64], price: f64) -> f32 {
        sigmoid(price.ln() - self.log_odds(features)) as f32
    }

    /// Adds [`Failure::sure`] to a graph as `name`, `[N, 1]`. `average` is the blend's tensor `[N, classes]`, and `before` the
    /// probabilities of the average before it. Also returns this one's probabilities.
    pub fn wire(
        &self,
        graph: &mut GraphBuilder,
        name: &str,
        (average, temperature): (&str, f64),
        before: Option<&str>,
        price: f64,
    ) -> Result<(String, String)> {
        let inner = |part: &str| format!("{name}/{part}");
        let inverse =
            graph.constant(&inner("inverse_temperature"), &[1], &[(1.0 / temperature) as f32])?;
        let scaled = graph.node("Mul", &inner("scaled"), &[average, &inverse])?;
        let axis = || vec![int_attribute("axis", 1)];
        let p = graph.node_with("Softmax", &inner("probabilities"), &[&scaled], axis())?;
        let largest = graph.reduce("ReduceMax", &inner("largest"), &p, 1)?;
        let one = graph.constant(&inner("one"), &[1], &[1.0 + TINY])?;
        let left = graph.node("Sub", &inner("left"), &[&one, &largest])?;
        let doubt = graph.node("Log", &inner("doubt"), &[&left])?;
        let mut read = vec![doubt];
        if let Some(before) = before {
            let product = graph.node("Mul", &inner("both"), &[&p, before])?;
            read.push(graph.reduce("ReduceSum", &inner("agreement"), &product, 1)?);
        }
        read.push(p.clone());
        let read: Vec<&str> = read.iter().map(String::as_str).collect();
        let joined = graph.node_with("Concat", &inner("features"), &read, axis())?;
        let values: Vec<f32> = self.weights.iter().map(|&w| -w as f32).collect();
        let weights = graph.constant(&inner("weights"), &[values.len(), 1], &values)?;
        let bias = graph.constant(&inner("bias"), &[1], &[(price.ln() - self.bias) as f32])?;
        let odds = graph.node("Gemm", &inner("odds"), &[&joined, &weights, &bias])?;
        Ok((graph.node("Sigmoid", name, &[&odds])?, p))
    }
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn known_odds_are_found() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let (mut rows, mut lost) = (vec![], vec![]);
        for _ in 0..40_000 {
            let row = vec![rng.random_range(-2.0..2.0), rng.random_range(5.0..9.0), 3.0];
            let odds: f64 = 1.5 * row[0] - 0.5 * row[1] + 1.0;
            lost.push(rng.random::<f64>() < sigmoid(odds));
            rows.push(row);
        }
        let fit = Failure::fit(&rows, &lost);
        assert!(
            (fit.weights[0] - 1.5).abs() < 0.1 && (fit.weights[1] + 0.5).abs() < 0.1,
            "{fit:?}"
        );
        assert!((fit.log_odds(&[0.0, 7.0, 3.0]) + 2.5).abs() < 0.15, "{fit:?}");
        // A constant says nothing.
        assert!(fit.weights[2].abs() < 1e-3, "{fit:?}");
        assert!(fit.sure(&rows[0], 2.0) > fit.sure(&rows[0], 1.0));
    }

    #[test]
    fn without_a_loss_all_is_nearly_sure() {
        let rows: Vec<Vec<f64>> = (0..500).map(|ix| vec![f64::from(ix)]).collect();
        let fit = Failure::fit(&rows, &[false; 500]);
        assert!(rows.iter().all(|row| fit.sure(row, 1.0) > 0.98), "{fit:?}");
    }
}
