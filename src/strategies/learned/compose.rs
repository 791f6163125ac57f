//! Selection by what was learned of three cheap features: the honest rival of fuzzy rules on the same ones.
//!
//! The score at each model is linear in contrast, edges and entropy ([`crate::image_features`]), their squares and their
//! products: an estimate of the probability that this model and the last one disagree. A row leaves the model where
//! that exceeds `threshold`.

use std::collections::BTreeMap;

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_onnx::{Component, GraphBuilder, KnobRange, Metadata, Size, int_attribute};

use crate::image_features as features;
use perforate_routing::escalation::{ChainKnob, EscalationChain, ExitRule};

/// Name of the strategy.
pub const NAME: &str = "selection_learned";
/// Name of the knob.
pub const KNOB: &str = "threshold";
/// The threshold's ends: scores estimate probabilities, but nothing keeps them in [0, 1].
pub const RANGE: KnobRange = KnobRange { default: 0.05, light: 1e3, full: -1e3 };
/// Columns of [`terms`].
pub const TERMS: usize = 9;

/// The score at one model: weights of the terms, and a constant.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// In the order of [`terms`]' columns.
    pub terms: [f32; TERMS],
    /// Added to them.
    pub constant: f32,
}

impl Weights {
    /// From nine weights and a constant, in this order.
    pub fn from_slice(values: &[f32]) -> Result<Weights> {
        let split = values.split_first_chunk::<TERMS>();
        match split {
            Some((&terms, &[constant])) if values.iter().all(|v| v.is_finite()) => {
                Ok(Weights { terms, constant })
            }
            _ => Err(Error::new(
                ErrorKind::Config,
                format!("a score has {TERMS} finite weights and a constant, not {values:?}"),
            )),
        }
    }
}

/// A model that gives the terms `[N, 9]` of images `x` `[N, 1, height, width]`: features, squares, products of two.
pub fn terms(opset: i64, height: usize, width: usize) -> Result<ModelProto> {
    let mut graph = GraphBuilder::new("terms", opset);
    let shape = [Size::Rows, Size::Fixed(1), Size::Fixed(height), Size::Fixed(width)];
    let x = graph.input("x", &shape)?;
    let terms = wire(&mut graph, &x)?;
    graph.output(&terms, &[Size::Rows, Size::Fixed(TERMS)])?;
    graph.into_model(&Metadata::default())
}

fn wire(graph: &mut GraphBuilder, x: &str) -> Result<String> {
    let [contrast, edges, entropy] = features::wire(graph, x)?;
    let mut joined = |name: &str, columns: &[&str]| {
        graph.node_with("Concat", name, columns, vec![int_attribute("axis", 1)])
    };
    let plain = joined("features", &[&contrast, &edges, &entropy])?;
    let turned = joined("features/turned", &[&edges, &entropy, &contrast])?;
    let squares = graph.node("Mul", "squares", &[&plain, &plain])?;
    let products = graph.node("Mul", "products", &[&plain, &turned])?;
    let all = [plain.as_str(), &squares, &products];
    graph.node_with("Concat", "terms", &all, vec![int_attribute("axis", 1)])
}

/// Composes the routed model from `models`, cheapest first, with the weights of the score at all but the last.
/// `threshold` is the knob's default; `provenance` says by role where the models come from.
pub fn compose(
    models: &[Component],
    weights: &[Weights],
    threshold: f32,
    provenance: BTreeMap<String, String>,
) -> Result<ModelProto> {
    if models.len() != weights.len() + 1 {
        let text = format!("{} models cannot have {} scores", models.len(), weights.len());
        return Err(Error::new(ErrorKind::Config, text));
    }
    let range = KnobRange { default: threshold, ..RANGE };
    let knob = ChainKnob { strategy: NAME, name: KNOB, range };
    let mut chain = EscalationChain::begin(models, knob)?;
    let image = features::image(&models[0], &chain.wires)?;
    let graph = &mut chain.graph;
    let terms = wire(graph, &image)?;
    let mut scores = vec![];
    for (ix, weights) in weights.iter().enumerate() {
        let name = format!("score{}", ix + 1);
        let slopes = graph.constant(&format!("{name}/weights"), &[TERMS, 1], &weights.terms)?;
        let constant = graph.constant(&format!("{name}/constant"), &[1], &[weights.constant])?;
        scores.push(graph.node("Gemm", &name, &[&terms, &slopes, &constant])?);
    }
    chain.into_model(ExitRule::AboveKnob(scores), provenance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image_features::tests::{SIDE, run};
    use perforate_onnx::OPSET;

    #[test]
    fn terms_are_features_squares_and_products() {
        let plain = run(&features::model(OPSET, SIDE, SIDE).unwrap());
        let terms = run(&terms(OPSET, SIDE, SIDE).unwrap());
        for (own, f) in terms.chunks(TERMS).zip(plain.chunks(3)) {
            let wanted = [
                f[0],
                f[1],
                f[2],
                f[0] * f[0],
                f[1] * f[1],
                f[2] * f[2],
                f[0] * f[1],
                f[1] * f[2],
                f[2] * f[0],
            ];
            assert!(own.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6), "{own:?}");
        }
    }
}
