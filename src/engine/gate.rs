//! A gate: an `If` of the model, and the decision of each row that stands under its condition.
//!
//! ONNX's `If` takes one scalar. A routed file therefore asks "does *any* row need the branch?":
//! `If(Cast(ReduceMax(Cast(score < threshold))))`. [`find_decision`] walks back through that
//! reduction to the decision of the single rows.

use std::collections::HashMap;

use tract_onnx::pb::NodeProto;

/// How a gate compares its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// score < knob
    Less,
    /// score ≤ knob
    LessOrEqual,
    /// score > knob
    Greater,
    /// score ≥ knob
    GreaterOrEqual,
}

impl Comparison {
    fn of(op_type: &str) -> Option<Comparison> {
        Some(match op_type {
            "Less" => Comparison::Less,
            "LessOrEqual" => Comparison::LessOrEqual,
            "Greater" => Comparison::Greater,
            "GreaterOrEqual" => Comparison::GreaterOrEqual,
            _ => return None,
        })
    }

    /// The same comparison with its sides exchanged.
    fn flipped(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        }
    }

    /// Whether `score` passes against `knob`; false if either is NaN, as in ONNX.
    pub fn holds(self, score: f32, knob: f32) -> bool {
        match self {
            Comparison::Less => score < knob,
            Comparison::LessOrEqual => score <= knob,
            Comparison::Greater => score > knob,
            Comparison::GreaterOrEqual => score >= knob,
        }
    }
}

/// A gate of a program, as others see it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Gate {
    /// Name of the `If` node.
    pub name: String,
    /// Labels of the branches, `[then, else]`; from the file's metadata, else the gate's name and branch.
    pub labels: [String; 2],
    /// Whether each row decides for itself; if not, one scalar decides for the whole batch.
    pub per_row: bool,
    /// Tensor of booleans that decides: where it is true, the then-branch runs.
    pub decision: String,
    /// Tensor holding the score that is compared, if the decision is a plain comparison.
    pub score: Option<String>,
    /// The comparison, and the name of the knob if the other side is one.
    pub comparison: Option<(Comparison, Option<String>)>,
    /// The score, if it is one number for all rows: what a path costs, say.
    pub constant_score: Option<f32>,
    /// Tensor or knob that the score is compared with.
    pub against: Option<String>,
    /// Whether the decision depends on the rows; if not, the knobs alone decide.
    pub is_input_dependent: bool,
}

impl Gate {
    /// Whether each row's branch follows from its own score and a knob alone, or from knobs alone, so that it is known
    /// without a run.
    pub fn is_foreseeable(&self) -> bool {
        if !self.is_input_dependent {
            return true;
        }
        let knob = self.comparison.as_ref().is_some_and(|(_, knob)| knob.is_some());
        knob && self.per_row
    }

    /// The branch that a row with this score takes at this value of the knob, if the gate compares
    /// its score with a knob.
    pub fn decide(&self, score: f32, knob: f32) -> Option<bool> {
        self.comparison
            .as_ref()
            .filter(|(_, name)| name.is_some())
            .map(|(compare, _)| compare.holds(score, knob))
    }
}

/// Where a gate's decision comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decision {
    /// The boolean tensor of the rows' decisions.
    pub tensor: String,
    /// Left and right side, if the decision is a plain comparison.
    pub sides: Option<(Comparison, String, String)>,
}

/// Walks from an `If`'s condition back over casts, reshapes and "any" reductions.
pub(crate) fn find_decision(producers: &HashMap<&str, &NodeProto>, condition: &str) -> Decision {
    const PASSED_OVER: &[&str] =
        &["Cast", "Squeeze", "Unsqueeze", "Reshape", "Flatten", "Identity", "ReduceMax"];
    let mut tensor = condition;
    // No further than there are nodes: in a damaged file they may lead round in a circle.
    for _ in 0..producers.len() {
        let Some(node) = producers.get(tensor) else { break };
        if !PASSED_OVER.contains(&node.op_type.as_str()) {
            break;
        }
        let Some(input) = node.input.first() else { break };
        // A cast from a number is no longer a decision: `If(Cast(count))` tests count ≠ 0.
        if !producers.contains_key(input.as_str()) {
            break;
        }
        tensor = input;
    }
    let sides = producers.get(tensor).and_then(|node| {
        let compare = Comparison::of(&node.op_type)?;
        Some((compare, node.input.first()?.clone(), node.input.get(1)?.clone()))
    });
    let is_logical = producers
        .get(tensor)
        .is_some_and(|node| ["And", "Or", "Not", "Xor", "Equal"].contains(&node.op_type.as_str()));
    if sides.is_some() || is_logical {
        Decision { tensor: tensor.to_string(), sides }
    } else {
        Decision { tensor: condition.to_string(), sides: None }
    }
}

impl Decision {
    /// The comparison with the score on its left, `(comparison, score, other side)`; only one side is one.
    pub(crate) fn with_score_left(
        &self,
        is_score: impl Fn(&str) -> bool,
    ) -> Option<(Comparison, String, String)> {
        let (compare, left, right) = self.sides.clone()?;
        match (is_score(&left), is_score(&right)) {
            (true, false) => Some((compare, left, right)),
            (false, true) => Some((compare.flipped(), right, left)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(op_type: &str, input: &[&str], output: &str) -> NodeProto {
        NodeProto {
            op_type: op_type.into(),
            input: input.iter().map(|s| s.to_string()).collect(),
            output: vec![output.into()],
            ..NodeProto::default()
        }
    }

    #[test]
    fn finds_the_rows_decision_under_the_reduction() {
        let nodes = [
            node("Less", &["threshold", "score"], "unsure"),
            node("Cast", &["unsure"], "number"),
            node("ReduceMax", &["number"], "any"),
            node("Cast", &["any"], "condition"),
        ];
        let producers = nodes.iter().map(|n| (n.output[0].as_str(), n)).collect();
        let decision = find_decision(&producers, "condition");
        assert_eq!(decision.tensor, "unsure");
        assert_eq!(
            decision.with_score_left(|name| name == "score"),
            Some((Comparison::Greater, "score".into(), "threshold".into()))
        );
    }

    #[test]
    fn leaves_a_condition_of_another_kind_alone() {
        let nodes = [node("NonZero", &["x"], "count"), node("Cast", &["count"], "condition")];
        let producers = nodes.iter().map(|n| (n.output[0].as_str(), n)).collect();
        assert_eq!(find_decision(&producers, "condition").tensor, "condition");
    }

    #[test]
    fn a_circle_is_walked_once() {
        let nodes = [node("Cast", &["any"], "number"), node("ReduceMax", &["number"], "any")];
        let producers = nodes.iter().map(|n| (n.output[0].as_str(), n)).collect();
        assert_eq!(find_decision(&producers, "number").tensor, "number");
    }

    #[test]
    fn nan_never_passes() {
        for compare in [Comparison::Less, Comparison::GreaterOrEqual] {
            assert!(!compare.holds(f32::NAN, 0.0));
            assert!(!compare.holds(0.0, f32::NAN));
        }
    }
}
