//! A mixture of experts whose gate weighs what an expert gains against what it costs.
//!
//! Experts stand in order of cost. The gate gives, for every expert but the last, the *price* below which a row
//! should leave it for a dearer one: with p the probability that an expert is right and c its cost, the best expert
//! maximises p − price · c, so a row leaves expert k while price < max (p_j − p_k) / (c_j − c_k) over the dearer
//! ones. The price is the knob: the Lagrange multiplier of an expected cost within a budget. The first expert
//! always runs, since the gate reads what it computes.

use std::collections::BTreeMap;

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_onnx::{Component, KnobRange};

use perforate_routing::escalation::{ChainKnob, EscalationChain, ExitRule};

/// Name of the strategy.
pub const NAME: &str = "experts";
/// Name of the knob.
pub const KNOB: &str = "price";
/// The price's ends: no difference of probabilities is worth the first, any is worth the second. Costs are shares
/// of the dearest expert's, so that a price of 0.1 is a tenth of a right answer for all of its work.
pub const RANGE: KnobRange = KnobRange { default: 0.05, light: 1e6, full: -1e6 };

/// The experts and their gate. All experts read the same data input and give `logits`; the gate may read the
/// outputs of the first one, by their names, and gives `leave1` … of shape `[N, 1]`, one for every expert but the last.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Cheapest first.
    pub experts: Vec<Component>,
    /// Prices below which a row leaves each expert.
    pub gate: Component,
}

/// Composes the routed model. `price` is the knob's default; `provenance` says by role where the components come
/// from.
pub fn compose(
    parts: &Parts,
    price: f32,
    provenance: BTreeMap<String, String>,
) -> Result<ModelProto> {
    if parts.experts.len() < 2 {
        return Err(Error::new(ErrorKind::Config, "a mixture needs two experts or more"));
    }
    let range = KnobRange { default: price, ..RANGE };
    let knob = ChainKnob { strategy: NAME, name: KNOB, range };
    let mut chain = EscalationChain::begin(&parts.experts, knob)?;
    let mut read = chain.wires.clone();
    read.extend(chain.run_first()?);
    let scores = chain.graph.splice_onto(&parts.gate, "gate", &read)?;
    let prices = (1..parts.experts.len())
        .map(|ix| Ok(scores[&parts.gate.output(&format!("leave{ix}"))?.name].clone()))
        .collect::<Result<Vec<String>>>()?;
    chain.into_model(ExitRule::AboveKnob(prices), provenance)
}
