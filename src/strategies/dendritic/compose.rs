//! Dendritic routing: a gate looks at the light model's features and sends hard rows to the full model.
//!
//! `score = gate(light(x))`; if `score ≥ threshold` the row goes through the full model, else the
//! light model's answer stands. The light model always runs, since the gate reads what it computes.
//! The gate is dendritic in the published sense, `main(h) + Σ wᵢ ⊙ Dᵢ(h)`: that *adds*
//! computation; what saves computation is the branch that is not taken.

use std::collections::BTreeMap;

use tract_onnx::pb::ModelProto;

use perforate_base::Result;
use perforate_onnx::{Component, GraphBuilder, KnobRange, Metadata};

/// Name of the strategy.
pub const NAME: &str = "dendritic";
/// Name of the knob.
pub const KNOB: &str = "threshold";
/// The threshold's ends: scores lie in [0, 1], both ends included.
pub const RANGE: KnobRange = KnobRange { default: 0.5, light: 2.0, full: 0.0 };
/// Name of the gate's `If` node.
pub const GATE: &str = "gate";
/// Name of the routed model's output.
pub const OUTPUT: &str = "logits";

/// The three parts. All read the same data input; the gate may also read any output of `light`,
/// by its name, and gives `score` of shape `[N, 1]` in `[0, 1]`.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The model to be replaced; gives `logits`.
    pub full: Component,
    /// The approximation; gives `logits` of the same shape, and what the gate reads.
    pub light: Component,
    /// Scores how much a row needs the full model.
    pub gate: Component,
}

/// Composes the routed model. `threshold` is the knob's default; `provenance` says by role where
/// the components come from.
pub fn compose(
    parts: &Parts,
    threshold: f32,
    provenance: BTreeMap<String, String>,
) -> Result<ModelProto> {
    let Parts { full, light, gate } = parts;
    let declared = full.output(OUTPUT)?;
    let (mut main, wires) = GraphBuilder::around(NAME, full)?;
    let knob = main.knob(KNOB, threshold)?;

    let light_tensors = main.splice(light, "light", &wires)?;
    let light_logits = light_tensors[&light.output(OUTPUT)?.name].clone();

    let mut gate_wires = wires.clone();
    gate_wires.extend(light_tensors);
    let gate_tensors = main.splice_onto(gate, "gate", &gate_wires)?;
    let score = gate_tensors[&gate.output("score")?.name].clone();
    let hard = main.node("GreaterOrEqual", "gate/needs_full", &[&score, &knob])?;

    let mut then = main.branch("full");
    let full_tensors = then.splice(full, "full", &wires)?;
    then.output_like(&full_tensors[&declared.name], declared);

    // A branch must define what it gives: the light model's answer passes through an Identity.
    let mut otherwise = then.branch("light");
    let kept = otherwise.node("Identity", "light/kept", &[&light_logits])?;
    otherwise.output_like(&kept, declared);

    main.gate(GATE, &hard, then, otherwise, &[OUTPUT])?;
    main.output_like(OUTPUT, declared);
    let metadata = Metadata {
        strategy: Some(NAME.into()),
        labels: BTreeMap::from([(GATE.into(), ["full".into(), "light".into()])]),
        knobs: BTreeMap::from([(KNOB.into(), KnobRange { default: threshold, ..RANGE })]),
        provenance,
        ..Metadata::default()
    };
    main.into_model(&metadata)
}
