//! Energy-aware selection: of a pool of whole models, the best one whose cost is within a budget answers.
//!
//! The `budget` is what one inference may take, as a share of the dearest model's energy; the gates compare it with
//! what each model costs and do not look at the input. Somebody else keeps the battery and says before every inference
//! what it may take, by a policy of its own.

use std::collections::BTreeMap;

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_onnx::{Component, KnobRange};

use perforate_routing::escalation::{ChainKnob, EscalationChain, ExitRule};
use perforate_routing::names::short_names;

/// Name of the strategy.
pub const NAME: &str = "selection_energy";
/// Name of the knob.
pub const KNOB: &str = "budget";
/// The budget's ends: nothing, so that the cheapest model answers, and all that the dearest one takes.
pub const RANGE: KnobRange = KnobRange { default: 0.5, light: 0.0, full: 1.0 };

/// Composes the routed model from `models`, cheapest first and each more accurate than those before, all with the
/// same data input and `logits`. `costs` are the energies of all but the first, as shares of the last one's, rising
/// to 1; `budget` is the knob's default; `provenance` says by role where the models come from.
pub fn compose(
    models: &[Component],
    costs: &[f32],
    budget: f32,
    provenance: BTreeMap<String, String>,
) -> Result<ModelProto> {
    let fault = |text: String| Err(Error::new(ErrorKind::Config, text));
    if costs.len() + 1 != models.len() {
        return fault(format!("{} models cannot have {} costs", models.len(), costs.len()));
    }
    let rising = costs.windows(2).all(|pair| pair[0] < pair[1]);
    if !rising || !costs.iter().all(|cost| *cost > 0.0 && *cost <= RANGE.full) {
        return fault(format!("costs must rise from more than 0 to 1, not be {costs:?}"));
    }
    let range = KnobRange { default: budget, ..RANGE };
    let knob = ChainKnob { strategy: NAME, name: KNOB, range };
    let names = short_names(models.iter().map(Component::name));
    let mut chain = EscalationChain::begin(models, knob)?.with_names(names);
    let costs = costs
        .iter()
        .enumerate()
        .map(|(ix, &cost)| chain.graph.constant(&format!("cost{}", ix + 2), &[], &[cost]))
        .collect::<Result<Vec<String>>>()?;
    chain.into_model(ExitRule::WithinKnob(costs), provenance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use perforate_onnx::{GraphBuilder, Metadata};

    #[test]
    fn costs_that_do_not_rise_are_refused() {
        let model = |name: &str| {
            let mut graph = GraphBuilder::new(name, perforate_onnx::OPSET);
            let x = graph.input("x", &[perforate_onnx::Size::Rows]).unwrap();
            graph.node("Identity", "logits", &[&x]).unwrap();
            graph.output("logits", &[perforate_onnx::Size::Rows]).unwrap();
            Component::new(name, graph.into_model(&Metadata::default()).unwrap()).unwrap()
        };
        let models = ["a", "b", "c"].map(model);
        let fault =
            |costs: &[f32]| compose(&models, costs, 0.5, BTreeMap::new()).unwrap_err().to_string();
        assert!(compose(&models, &[0.25, 1.0], 0.5, BTreeMap::new()).is_ok());
        assert!(fault(&[0.5, 0.5]).contains("must rise"));
        assert!(fault(&[0.5, f32::NAN]).contains("must rise"));
        assert!(fault(&[0.5]).contains("3 models cannot have 1 costs"));
    }
}
