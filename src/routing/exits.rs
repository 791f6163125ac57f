//! A network in stages, each with a head; the first head that is sure ends it.
//!
//! Teerapittayanon et al., "BranchyNet: Fast Inference via Early Exiting from Deep Neural Networks"
//! (ICPR 2016). After stage k, a row whose confidence is below `threshold` goes on to stage k + 1; else
//! the head's answer stands. The last stage has no gate. Heads that are passed cost what they cost.

use std::collections::{BTreeMap, HashMap};

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_onnx::{Component, GraphBuilder, KnobRange, Metadata, chain};

use super::score::{Passed, Score};

/// Name of the knob.
pub const KNOB: &str = "threshold";
/// The threshold's ends: at 0 no row goes on, at 2 all rows do, since confidences lie in [0, 1].
pub const RANGE: KnobRange = KnobRange { default: 0.9, light: 0.0, full: 2.0 };
/// Name of the routed model's output.
pub const OUTPUT: &str = "logits";

/// How sure a head must be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Confidence {
    /// How sureness is computed from logits.
    pub score: Score,
    /// Temperatures of the early heads, in order; 1 where there is none. They make one threshold mean the same at
    /// all heads.
    pub temperatures: Vec<f32>,
}

/// Tensors at hand, by the names that stages know them by.
type Wires = HashMap<String, String>;

/// The stages, in order. The first reads the data inputs; stage k gives `logits{k}` and what the next
/// one reads, by that name, and `sure{k}` where a fitted gate is to decide; the last one gives `logits`. Before them may stand a trunk without a head.
#[derive(Debug, Clone)]
pub struct Stages(Vec<Component>);

impl Stages {
    /// Checks that there are two stages or more, and that each has the outputs that it must have.
    pub fn new(mut stages: Vec<Component>) -> Result<Stages> {
        if stages.len() > 2 && stages[0].output(&head(0)).is_err() {
            let first = stages.remove(1);
            let kept: Vec<String> = first.outputs().iter().map(|o| o.name.clone()).collect();
            let kept: Vec<(&str, &str)> = kept.iter().map(|o| (o.as_str(), o.as_str())).collect();
            stages[0] = chain(&[stages[0].clone(), first], &kept)?;
        }
        let Some((last, heads)) = stages.split_last().filter(|(_, heads)| !heads.is_empty()) else {
            return Err(Error::new(
                ErrorKind::Config,
                "a network with exits needs two stages or more, the first with a head of its own",
            ));
        };
        last.output(OUTPUT)?;
        for (ix, stage) in heads.iter().enumerate() {
            stage.output(&head(ix))?;
        }
        Ok(Stages(stages))
    }

    /// The whole network without its early heads, `logits` at its end: the model to be replaced.
    pub fn full(&self) -> Result<ModelProto> {
        self.prefix(self.0.len())
    }

    /// The network up to the early head `ix`, whose answer is called `logits`.
    pub fn up_to_head(&self, ix: usize) -> Result<ModelProto> {
        self.prefix(ix + 1)
    }

    /// The network with the answers of all its early heads: outputs `logits1`, `logits2` …
    pub fn all_heads(&self) -> Result<ModelProto> {
        let (mut graph, wires) = self.in_a_row(self.heads())?;
        for (ix, stage) in self.0[..self.heads()].iter().enumerate() {
            let kept = graph.node("Identity", &head(ix), &[&wires[&head(ix)]])?;
            graph.output_like(&kept, stage.output(&head(ix))?);
        }
        graph.into_model(&Metadata::default())
    }

    /// The first `count` stages in a row, without gates, the last one's answer as output.
    fn prefix(&self, count: usize) -> Result<ModelProto> {
        let (mut graph, wires) = self.in_a_row(count)?;
        let answer = if count == self.0.len() { OUTPUT.to_string() } else { head(count - 1) };
        let kept = graph.node("Identity", OUTPUT, &[&wires[&answer]])?;
        graph.output_like(&kept, self.0[count - 1].output(&answer)?);
        graph.into_model(&Metadata::default())
    }

    /// The first `count` stages in a graph without outputs, and the tensors that they give.
    fn in_a_row(&self, count: usize) -> Result<(GraphBuilder, Wires)> {
        let (mut graph, mut wires) = GraphBuilder::around("stages", &self.0[0])?;
        for (ix, stage) in self.0[..count].iter().enumerate() {
            wires.extend(graph.splice(stage, &prefix(ix), &wires)?);
        }
        Ok((graph, wires))
    }

    /// Number of early heads.
    pub fn heads(&self) -> usize {
        self.0.len() - 1
    }

    /// Stage `ix` in `graph`, and the gate behind it with all that follows; returns the answer's tensor, which is called
    /// `root` behind the first gate.
    fn nest(
        &self,
        graph: &mut GraphBuilder,
        mut wires: Wires,
        (ix, root): (usize, &str),
        confidence: &Confidence,
        mut passed: Option<Passed>,
    ) -> Result<String> {
        let stage = &self.0[ix];
        wires.extend(graph.splice(stage, &prefix(ix), &wires)?);
        if ix + 1 == self.0.len() {
            return Ok(wires[OUTPUT].clone());
        }
        let own = wires[&head(ix)].clone();
        let temperature = confidence.temperatures.get(ix).copied().unwrap_or(1.0);
        let prefix_of_score = format!("{}/score", gate(ix));
        let sure = match confidence.score {
            Score::Gate => wires[&stage.output(&sure(ix))?.name].clone(),
            score => score.wire(graph, &prefix_of_score, &own, temperature, &mut passed)?,
        };
        let unsure = graph.node("Less", &format!("{}/unsure", gate(ix)), &[&sure, KNOB])?;

        let mut deeper = graph.branch(&prefix(ix + 1));
        let answer = self.nest(&mut deeper, wires, (ix + 1, root), confidence, passed)?;
        let declared = self.0[self.0.len() - 1].output(OUTPUT)?;
        deeper.output_like(&answer, declared);
        let mut exit = deeper.branch(&exit(ix));
        // A branch must define what it gives.
        let kept = exit.node("Identity", &format!("{}/kept", gate(ix)), &[&own])?;
        exit.output_like(&kept, stage.output(&head(ix))?);
        let joined = if ix == 0 { root.to_string() } else { format!("{}/answer", gate(ix)) };
        graph.gate(&gate(ix), &unsure, deeper, exit, &[&joined])?;
        Ok(joined)
    }
}

/// Whether an output of this name is an early head's answer.
pub fn is_head(output: &str) -> bool {
    let number = output.strip_prefix(OUTPUT).and_then(|rest| rest.parse::<usize>().ok());
    number.is_some_and(|number| number > 0)
}

/// Name of the output that is the early head `ix`'s answer.
pub fn head(ix: usize) -> String {
    format!("logits{}", ix + 1)
}

/// Name of the output with which a stage's own gate says how sure its head is.
pub fn sure(ix: usize) -> String {
    format!("sure{}", ix + 1)
}

/// Whether an output of this name is a stage's own gate.
pub fn is_sure(output: &str) -> bool {
    output.strip_prefix("sure").is_some_and(|rest| rest.parse::<usize>().is_ok())
}

fn prefix(ix: usize) -> String {
    format!("stage{}", ix + 1)
}

fn gate(ix: usize) -> String {
    format!("gate{}", ix + 1)
}

pub fn exit(ix: usize) -> String {
    format!("exit{}", ix + 1)
}

/// Names of the paths that end at the early heads: `exit1`, `exit2` …
pub fn exit_names(stages: &Stages) -> Vec<String> {
    (0..stages.heads()).map(exit).collect()
}

/// Composes the routed model under the name of a strategy, whose paths that end at an early head are called `exits`.
/// `threshold` is the knob's default; `provenance` says by role where the stages come from.
pub fn compose(
    stages: &Stages,
    confidence: &Confidence,
    (strategy, exits): (&str, &[String]),
    threshold: f32,
    provenance: BTreeMap<String, String>,
) -> Result<ModelProto> {
    let (mut graph, wires) = GraphBuilder::around(strategy, &stages.0[0])?;
    graph.knob(KNOB, threshold)?;
    compose_in(graph, wires, stages, confidence, (strategy, exits), threshold, provenance)
}

/// The same in a graph that has the knob and the tensors that the stages read, `wires`.
pub fn compose_in(
    mut graph: GraphBuilder,
    wires: Wires,
    stages: &Stages,
    confidence: &Confidence,
    (strategy, exits): (&str, &[String]),
    threshold: f32,
    provenance: BTreeMap<String, String>,
) -> Result<ModelProto> {
    let mut provenance = provenance;
    let answer = stages.nest(&mut graph, wires, (0, OUTPUT), confidence, None)?;
    let last = stages.0.len() - 1;
    graph.output_like(&answer, stages.0[last].output(OUTPUT)?);
    provenance.insert("score".into(), confidence.score.name().into());
    let metadata = Metadata {
        strategy: Some(strategy.into()),
        labels: labels(exits, "full"),
        knobs: BTreeMap::from([(KNOB.into(), KnobRange { default: threshold, ..RANGE })]),
        provenance,
        ..Metadata::default()
    };
    graph.into_model(&metadata)
}

/// A row that goes on is labelled by where it ends: at one of `exits`, or behind the last.
fn labels(exits: &[String], end: &str) -> BTreeMap<String, [String; 2]> {
    let label = |(ix, name): (usize, &String)| {
        let on = if ix + 1 == exits.len() { end.to_string() } else { String::new() };
        (gate(ix), [on, name.clone()])
    };
    exits.iter().enumerate().map(label).collect()
}

/// A gate for those who compose stages that only come near a model: at thresholds that a confidence can reach, the stages
/// run, the last of which answers as `end`; beyond, where none of them would stand, `full` does.
pub fn compose_beside(
    full: &Component,
    stages: &Stages,
    confidence: &Confidence,
    (strategy, exits, end): (&str, &[String], &str),
    threshold: f32,
    provenance: BTreeMap<String, String>,
) -> Result<ModelProto> {
    let mut provenance = provenance;
    let (mut graph, wires) = GraphBuilder::around(strategy, full)?;
    let knob = graph.knob(KNOB, threshold)?;
    let surest = graph.constant("near/surest", &[], &[1.0])?;
    let reachable = graph.node("GreaterOrEqual", "near/reachable", &[&surest, &knob])?;
    let declared = full.output(OUTPUT)?;
    let mut near = graph.branch("near");
    let answer = stages.nest(&mut near, wires.clone(), (0, "near/answer"), confidence, None)?;
    near.output_like(&answer, declared);
    let mut whole = graph.branch("full");
    let given = whole.splice(full, "full", &wires)?;
    let kept = whole.node("Identity", "full/answer", &[&given[OUTPUT]])?;
    whole.output_like(&kept, declared);
    graph.gate("near", &reachable, near, whole, &[OUTPUT])?;
    graph.output_like(OUTPUT, declared);
    provenance.insert("score".into(), confidence.score.name().into());
    let mut labels = labels(exits, end);
    labels.insert("near".into(), [String::new(), "full".into()]);
    let knobs = BTreeMap::from([(KNOB.into(), KnobRange { default: threshold, ..RANGE })]);
    let strategy = Some(strategy.into());
    graph.into_model(&Metadata { strategy, labels, knobs, provenance, ..Metadata::default() })
}
