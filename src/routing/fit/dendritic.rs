//! The dendritic gate in closed form: `score = σ(main(h) + Σ wᵢ tanh(Dᵢ(h)))`. The dendrites Dᵢ are random, and `main`
//! and `w` come from one ridge regression, on features h, to how far off a cheap answer is.

use nalgebra::DMatrix;
use ndarray::{Array2, Axis, concatenate, s};
use rand_chacha::ChaCha8Rng;

use perforate_base::Result;
use perforate_onnx::GraphBuilder;

use super::layer::{Layer, normal};
use super::ridge::ridge_cv;

/// Parts of the data in cross-validation.
const FOLDS: usize = 5;
/// Deviations below this are the same.
const LEAST: f32 = 1e-6;

/// A gate.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    main: Layer,
    dendrites: Layer,
    soma: Layer,
}

impl Gate {
    /// Fits a gate with so many dendrites to the logarithm of `deviation`, standardised: the larger the score, the
    /// farther off. `features` are rows h, and `lambdas` the penalties that are tried.
    pub fn fit(
        rng: &mut ChaCha8Rng,
        features: &Array2<f32>,
        deviation: &[f32],
        dendrites: usize,
        lambdas: &[f64],
    ) -> Result<Gate> {
        let width = features.ncols();
        let mut dendrites = Layer::random(rng, width, dendrites);
        let spread = features.std(0.0).max(1e-6);
        dendrites.weights.mapv_inplace(|w| w / spread);
        // Centred, so that the branches bend where the features lie.
        let centre = features.sum_axis(Axis(0)) / features.nrows() as f32;
        let middle = centre.dot(&dendrites.weights);
        dendrites.bias = middle.iter().map(|m| normal(rng) - m).collect();
        let branches = dendrites.apply(features).mapv_into(f32::tanh);
        let joined = concatenate![Axis(1), *features, branches];
        let logs: Vec<f64> = deviation.iter().map(|&d| f64::from(d.max(LEAST)).ln()).collect();
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        let variance = logs.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / logs.len() as f64;
        let scale = variance.sqrt().max(f64::MIN_POSITIVE);
        let targets =
            DMatrix::from_iterator(logs.len(), 1, logs.iter().map(|v| (v - mean) / scale));
        let (fit, _) = ridge_cv(&to_matrix(&joined), &targets, lambdas, FOLDS)?;
        let all = Layer::from_linear(&fit);
        let part = |from: usize, to: usize, bias: Vec<f32>| Layer {
            weights: all.weights.slice(s![from..to, ..]).to_owned(),
            bias,
        };
        Ok(Gate {
            main: part(0, width, all.bias.clone()),
            soma: part(width, all.weights.nrows(), vec![0.0]),
            dendrites,
        })
    }

    /// The scores of rows h, in 0…1.
    pub fn score(&self, features: &Array2<f32>) -> Vec<f32> {
        let branches = self.dendrites.apply(features).mapv_into(f32::tanh);
        let sum = self.main.apply(features) + self.soma.apply(&branches);
        sum.iter().map(|&z| 1.0 / (1.0 + (-z).exp())).collect()
    }

    /// The same gate with 1 − score: the larger, the nearer.
    pub fn turned(mut self) -> Gate {
        for layer in [&mut self.main, &mut self.soma] {
            layer.weights.mapv_inplace(|w| -w);
            layer.bias.iter_mut().for_each(|b| *b = -*b);
        }
        self
    }

    /// Multiplications for one row.
    pub fn macs(&self) -> usize {
        [&self.main, &self.dendrites, &self.soma].iter().map(|layer| layer.weights.len()).sum()
    }

    /// Adds the gate to a graph, its inner names beginning with `prefix`; `score` is the tensor that it gives, `[N, 1]`.
    pub fn wire(
        &self,
        graph: &mut GraphBuilder,
        prefix: &str,
        h: &str,
        score: &str,
    ) -> Result<String> {
        let name = |part: &str| format!("{prefix}/{part}");
        let direct = self.main.wire(graph, &name("main"), h)?;
        let raw = self.dendrites.wire(graph, &name("dendrites"), h)?;
        let branches = graph.node("Tanh", &name("dendrites/tanh"), &[&raw])?;
        let summed = self.soma.wire(graph, &name("soma"), &branches)?;
        let both = graph.node("Add", &name("sum"), &[&direct, &summed])?;
        graph.node("Sigmoid", score, &[&both])
    }
}

/// Rows in f64, as the regression wants them.
pub fn to_matrix(x: &Array2<f32>) -> DMatrix<f64> {
    DMatrix::from_fn(x.nrows(), x.ncols(), |i, j| f64::from(x[[i, j]]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_gate_tells_near_from_far() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let h = Array2::from_shape_simple_fn((400, 6), || normal(&mut rng));
        // Far from the origin along the first axis, on either side: no line can tell.
        let deviation: Vec<f32> = h.rows().into_iter().map(|row| row[0].abs()).collect();
        let gate = Gate::fit(&mut rng, &h, &deviation, 64, &[1e-3, 1e-2, 1e-1]).unwrap();
        let scores = gate.score(&h);
        let mean = |far: bool| {
            let chosen: Vec<f32> =
                (0..400).filter(|&ix| (deviation[ix] > 1.0) == far).map(|ix| scores[ix]).collect();
            chosen.iter().sum::<f32>() / chosen.len() as f32
        };
        assert!(mean(true) > mean(false) + 0.15, "{} {}", mean(true), mean(false));
        let turned = gate.clone().turned().score(&h);
        assert!(scores.iter().zip(turned).all(|(a, b)| (a + b - 1.0).abs() < 1e-5));
        assert_eq!(gate.macs(), 6 + 6 * 64 + 64);
    }
}
