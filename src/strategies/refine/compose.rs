//! Progressive refinement: a cheap pass on every row; where it is unsure, and the budget allows, a second pass
//! looks again with more care and with what the first one has seen.
//!
//! The second pass reads the data input and any output of the first. Two knobs: a row is refined while its confidence
//! is below `threshold`, and none is while `budget`, what may be spent on a row as a share of the refined model's
//! operations, is below what the second pass costs.

use std::collections::{BTreeMap, HashMap};

use tract_onnx::pb::ModelProto;

use perforate_base::Result;
use perforate_onnx::{Component, GraphBuilder, KnobRange, Metadata, int_attribute};

use perforate_routing::score::Score;

/// Name of the strategy.
pub const NAME: &str = "refine";
/// Name of the knob that is swept.
pub const KNOB: &str = "threshold";
/// Name of the knob that says what may be spent.
pub const BUDGET: &str = "budget";
/// The threshold's ends: confidences lie in [0, 1].
pub const RANGE: KnobRange = KnobRange { default: 0.9, light: 0.0, full: 2.0 };
/// The budget's ends: nothing beyond the cheap pass, and all of it.
pub const BUDGET_RANGE: KnobRange = KnobRange { default: 1.0, light: 0.0, full: 1.0 };
/// Name of the routed model's output, and of each pass's answer.
pub const OUTPUT: &str = "logits";
/// Added to every confidence when the budget is too small: beyond any threshold.
const BEYOND: f32 = 4.0;

/// The two passes.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Reads the data input; gives `logits` and what the second pass reads.
    pub cheap: Component,
    /// Reads the data input and outputs of the cheap pass, by their names; gives `logits`.
    pub refinement: Component,
    /// What the second pass costs, as a share of both.
    pub cost: f32,
    /// Of the cheap pass's answer.
    pub temperature: f32,
}

/// The cheap pass for every row, with its answer alone.
pub fn alone(cheap: &Component) -> Result<ModelProto> {
    let (mut graph, wires) = GraphBuilder::around("cheap", cheap)?;
    let tensors = graph.splice(cheap, "cheap", &wires)?;
    let declared = cheap.output(OUTPUT)?;
    let kept = graph.node("Identity", OUTPUT, &[&tensors[&declared.name]])?;
    graph.output_like(&kept, declared);
    graph.into_model(&Metadata::default())
}

impl Parts {
    /// Splices the second pass; `wires` are the data input's and the cheap pass's tensors.
    fn refine(&self, graph: &mut GraphBuilder, wires: &HashMap<String, String>) -> Result<String> {
        let tensors = graph.splice_onto(&self.refinement, "refinement", wires)?;
        Ok(tensors[&self.refinement.output(OUTPUT)?.name].clone())
    }

    /// Both passes for every row: the model to be replaced.
    pub fn full(&self) -> Result<ModelProto> {
        let (mut graph, mut wires) = GraphBuilder::around("refined", &self.cheap)?;
        wires.extend(graph.splice(&self.cheap, "cheap", &wires)?);
        let answer = self.refine(&mut graph, &wires)?;
        let kept = graph.node("Identity", OUTPUT, &[&answer])?;
        graph.output_like(&kept, self.refinement.output(OUTPUT)?);
        graph.into_model(&Metadata::default())
    }

    /// Composes the routed model. `threshold` is its knob's default; `provenance` says by role where the passes
    /// come from.
    pub fn compose(
        &self,
        threshold: f32,
        provenance: BTreeMap<String, String>,
    ) -> Result<ModelProto> {
        let declared = self.refinement.output(OUTPUT)?;
        let (mut graph, mut wires) = GraphBuilder::around(NAME, &self.cheap)?;
        graph.knob(KNOB, threshold)?;
        graph.knob(BUDGET, BUDGET_RANGE.default)?;
        wires.extend(graph.splice(&self.cheap, "cheap", &wires)?);
        let own = wires[OUTPUT].clone();
        let sure = Score::MaxProbability.wire(
            &mut graph,
            "gate/score",
            &own,
            self.temperature,
            &mut None,
        )?;
        let cost = graph.constant("gate/cost", &[], &[self.cost])?;
        let short = graph.node("Less", "gate/short", &[BUDGET, &cost])?;
        let number = graph.node_with(
            "Cast",
            "gate/short/number",
            &[&short],
            vec![int_attribute("to", 1)],
        )?;
        let beyond = graph.constant("gate/beyond", &[], &[BEYOND])?;
        let blocked = graph.node("Mul", "gate/blocked", &[&number, &beyond])?;
        let score = graph.node("Add", "gate/confidence", &[&sure, &blocked])?;
        let unsure = graph.node("Less", "gate/unsure", &[&score, KNOB])?;
        let mut then = graph.branch("refined");
        let answer = self.refine(&mut then, &wires)?;
        then.output_like(&answer, declared);
        let mut otherwise = then.branch("cheap");
        let kept = otherwise.node("Identity", "cheap/kept", &[&own])?;
        otherwise.output_like(&kept, declared);
        graph.gate("gate", &unsure, then, otherwise, &[OUTPUT])?;
        graph.output_like(OUTPUT, declared);
        let metadata = Metadata {
            strategy: Some(NAME.into()),
            labels: BTreeMap::from([("gate".into(), ["full".into(), "cheap".into()])]),
            knobs: BTreeMap::from([
                (KNOB.into(), KnobRange { default: threshold, ..RANGE }),
                (BUDGET.into(), BUDGET_RANGE),
            ]),
            provenance,
            ..Metadata::default()
        };
        graph.into_model(&metadata)
    }
}
