//! A linear layer in f32, as a graph has it.

use ndarray::{Array2, ArrayView1};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use perforate_base::Result;
use perforate_onnx::GraphBuilder;

use super::ridge::Linear;

/// Weights `[inputs, outputs]`, and a constant for each output.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Shape `[inputs, outputs]`.
    pub weights: Array2<f32>,
    /// Length `outputs`.
    pub bias: Vec<f32>,
}

impl Layer {
    /// He initialisation: normal weights of variance 2 / inputs, no constants.
    pub fn random(rng: &mut ChaCha8Rng, inputs: usize, outputs: usize) -> Layer {
        let scale = (2.0 / inputs as f32).sqrt();
        let weights = Array2::from_shape_simple_fn((inputs, outputs), || normal(rng) * scale);
        Layer { weights, bias: vec![0.0; outputs] }
    }

    /// A fitted map, rounded to f32.
    pub fn from_linear(linear: &Linear) -> Layer {
        let (inputs, outputs) = linear.weights.shape();
        let weights =
            Array2::from_shape_fn((inputs, outputs), |(i, j)| linear.weights[(i, j)] as f32);
        Layer { weights, bias: linear.bias.iter().map(|&b| b as f32).collect() }
    }

    /// `xW + b` for rows `x`.
    pub fn apply(&self, x: &Array2<f32>) -> Array2<f32> {
        x.dot(&self.weights) + ArrayView1::from(&self.bias)
    }

    /// Adds `x·W + b` to a graph; returns the tensor's name.
    pub fn wire(&self, graph: &mut GraphBuilder, name: &str, x: &str) -> Result<String> {
        let (inputs, outputs) = self.weights.dim();
        let values: Vec<f32> = self.weights.iter().copied().collect();
        let weights = graph.constant(&format!("{name}/weights"), &[inputs, outputs], &values)?;
        let bias = graph.constant(&format!("{name}/bias"), &[outputs], &self.bias)?;
        graph.node("Gemm", name, &[x, &weights, &bias])
    }
}

/// A normally distributed number.
pub fn normal(rng: &mut ChaCha8Rng) -> f32 {
    StandardNormal.sample(rng)
}
