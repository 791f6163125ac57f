//! Complexity-aware selection: fuzzy rules on cheap features of an image say how hard it is, and so which of
//! three models answers.
//!
//! Contrast, edges and entropy ([`crate::image_features`]) are each LOW,
//! MEDIUM or HIGH to a degree, by triangular membership functions with their corners at given values. Rules combine
//! degrees by minimum (and) and maximum (or), Mamdani's way; the complexity is the centroid of the rules' singletons
//! 0, ½ and 1, weighted by what fired (Mamdani and Assilian 1975; Sugeno's zero-order form). A row leaves the first
//! model where complexity > `threshold`, and the second where complexity − [`STEP`] > `threshold`.

use std::collections::{BTreeMap, HashMap};

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_onnx::{Component, GraphBuilder, KnobRange, Metadata, Size, int_attribute};

use crate::image_features as features;
use perforate_routing::escalation::{ChainKnob, EscalationChain, ExitRule};

/// Name of the strategy.
pub const NAME: &str = "selection_fuzzy";
/// Name of the knob.
pub const KNOB: &str = "threshold";
/// The threshold's ends: complexities lie in [0, 1], less a step for the second gate.
pub const RANGE: KnobRange = KnobRange { default: 0.5, light: 2.0, full: -2.0 };
/// How much more complex a row must be for the third model than for the second.
pub const STEP: f32 = 0.25;
/// Degrees of membership.
const LEVELS: [&str; 3] = ["low", "medium", "high"];

/// Corners of the membership functions of one feature: LOW falls and MEDIUM rises from `low` to `middle`, MEDIUM
/// falls and HIGH rises from `middle` to `high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Corners {
    /// Up to here it is LOW.
    pub low: f32,
    /// Here it is MEDIUM.
    pub middle: f32,
    /// From here on it is HIGH.
    pub high: f32,
}

/// The rules: what is complex to which level, and when; a rule fires to the least degree of its conditions.
const RULES: [(&str, &[(&str, &str)]); 7] = [
    ("low", &[("edges", "low"), ("entropy", "low")]),
    ("low", &[("edges", "low"), ("contrast", "high")]),
    ("medium", &[("edges", "medium"), ("entropy", "low")]),
    ("medium", &[("edges", "low"), ("entropy", "high")]),
    ("medium", &[("edges", "medium"), ("entropy", "medium")]),
    ("high", &[("edges", "high")]),
    ("high", &[("edges", "medium"), ("entropy", "high")]),
];

/// min(1, max(0, (x − from) / (to − from))): rises from 0 at `from` to 1 at `to`, or falls if `to` is less.
fn ramp(graph: &mut GraphBuilder, name: &str, x: &str, from: f32, to: f32) -> Result<String> {
    let slope = if to == from { 1e6 } else { 1.0 / (to - from) };
    let slope_name = graph.constant(&format!("{name}/slope"), &[1], &[slope])?;
    let shift = graph.constant(&format!("{name}/shift"), &[1], &[-from * slope])?;
    let scaled = graph.node("Mul", &format!("{name}/scaled"), &[x, &slope_name])?;
    let line = graph.node("Add", &format!("{name}/line"), &[&scaled, &shift])?;
    let zero = graph.constant(&format!("{name}/zero"), &[], &[0.0])?;
    let one = graph.constant(&format!("{name}/one"), &[], &[1.0])?;
    graph.node("Clip", name, &[&line, &zero, &one])
}

/// Degrees of membership of a feature in LOW, MEDIUM and HIGH.
fn degrees(graph: &mut GraphBuilder, name: &str, x: &str, corners: Corners) -> Result<[String; 3]> {
    let Corners { low, middle, high } = corners;
    let of = |level: &str| format!("{name}/{level}");
    let is_low = ramp(graph, &of(LEVELS[0]), x, middle, low)?;
    let rising = ramp(graph, &of("rising"), x, low, middle)?;
    let falling = ramp(graph, &of("falling"), x, high, middle)?;
    let is_medium = graph.node("Min", &of(LEVELS[1]), &[&rising, &falling])?;
    let is_high = ramp(graph, &of(LEVELS[2]), x, middle, high)?;
    Ok([is_low, is_medium, is_high])
}

/// Tensors `[N, 1]` on the way to the complexity.
struct Reasoning {
    /// In the order of [`features::NAMES`].
    features: [String; 3],
    /// Of each feature LOW, MEDIUM and HIGH.
    degrees: Vec<String>,
    /// In the order of [`RULES`].
    rules: Vec<String>,
    complexity: String,
}

/// The complexity of `x`, and what led to it.
fn wire_complexity(graph: &mut GraphBuilder, x: &str, corners: &[Corners; 3]) -> Result<Reasoning> {
    let features = features::wire(graph, x)?;
    let mut degree = HashMap::new();
    let (mut all_degrees, mut rules) = (vec![], vec![]);
    for ((name, column), &corners) in features::NAMES.iter().zip(&features).zip(corners) {
        let levels = degrees(graph, name, column, corners)?;
        all_degrees.extend(levels.iter().cloned());
        degree.extend(LEVELS.iter().zip(levels).map(|(level, tensor)| ((*name, *level), tensor)));
    }
    let mut fired: HashMap<&str, String> = HashMap::new();
    for (number, (level, conditions)) in RULES.iter().enumerate() {
        let name = format!("rule{}", number + 1);
        let inputs: Vec<&str> = conditions.iter().map(|of| degree[of].as_str()).collect();
        let strength = match inputs[..] {
            [only] => only.to_string(),
            _ => graph.node("Min", &name, &inputs)?,
        };
        rules.push(strength.clone());
        let strongest = match fired.get(level) {
            Some(other) => graph.node("Max", &format!("{name}/{level}"), &[other, &strength])?,
            None => strength,
        };
        fired.insert(level, strongest);
    }
    // (0 · low + ½ · medium + 1 · high) / (low + medium + high)
    let half = graph.constant("complexity/half", &[1], &[0.5])?;
    let medium = graph.node("Mul", "complexity/medium", &[&fired["medium"], &half])?;
    let weighted = graph.node("Add", "complexity/weighted", &[&medium, &fired["high"]])?;
    let all = graph.node("Add", "complexity/low_medium", &[&fired["low"], &fired["medium"]])?;
    let all = graph.node("Add", "complexity/all", &[&all, &fired["high"]])?;
    let tiny = graph.constant("complexity/tiny", &[1], &[1e-6])?;
    let all = graph.node("Add", "complexity/safe", &[&all, &tiny])?;
    let complexity = graph.node("Div", "complexity", &[&weighted, &all])?;
    Ok(Reasoning { features, degrees: all_degrees, rules, complexity })
}

/// A model that gives what led to the complexity of images `x` `[N, 1, height, width]`: features, degrees, strengths of
/// the rules, complexity, `[N, 20]`. See [`tell`].
pub fn reasoning(
    opset: i64,
    (height, width): (usize, usize),
    corners: &[Corners; 3],
) -> Result<ModelProto> {
    let mut graph = GraphBuilder::new("reasoning", opset);
    let shape = [Size::Rows, Size::Fixed(1), Size::Fixed(height), Size::Fixed(width)];
    let x = graph.input("x", &shape)?;
    let Reasoning { features, degrees, rules, complexity } =
        wire_complexity(&mut graph, &x, corners)?;
    let all: Vec<&str> = features
        .iter()
        .chain(&degrees)
        .chain(&rules)
        .chain([&complexity])
        .map(String::as_str)
        .collect();
    let joined = graph.node_with("Concat", "reasoning", &all, vec![int_attribute("axis", 1)])?;
    graph.output(&joined, &[Size::Rows, Size::Fixed(all.len())])?;
    graph.into_model(&Metadata::default())
}

/// The columns of [`reasoning`] in sentences: the features with their degrees, and the rule that fired most.
pub fn tell(values: &[f32]) -> Vec<String> {
    let (features, rest) = values.split_at(features::NAMES.len().min(values.len()));
    let (degrees, rest) = rest.split_at((LEVELS.len() * features.len()).min(rest.len()));
    let (rules, complexity) = rest.split_at(RULES.len().min(rest.len()));
    let mut told: Vec<String> = features::NAMES
        .iter()
        .zip(features)
        .zip(degrees.chunks(LEVELS.len()))
        .map(|((name, value), degrees)| {
            let levels = LEVELS.iter().zip(degrees).filter(|(_, degree)| **degree > 0.0);
            let levels: Vec<String> = levels
                .map(|(level, degree)| format!("{} to {degree:.2}", level.to_uppercase()))
                .collect();
            format!("{name} {value:.3}: {}.", levels.join(", "))
        })
        .collect();
    let strongest = (0..rules.len()).max_by(|&a, &b| rules[a].total_cmp(&rules[b]));
    match strongest.filter(|&ix| rules[ix] > 0.0) {
        Some(ix) => {
            let (level, conditions) = RULES[ix];
            let words =
                conditions.iter().map(|(feature, of)| format!("{feature} {}", of.to_uppercase()));
            told.push(format!(
                "Rule {} fired most, with {:.2}: if {}, then complexity {}.",
                ix + 1,
                rules[ix],
                words.collect::<Vec<_>>().join(" and "),
                level.to_uppercase()
            ));
        }
        None => told.push("No rule fired, so its complexity counts as none.".into()),
    }
    if let Some(complexity) = complexity.first() {
        told.push(format!("The rules together make its complexity {complexity:.3}."));
    }
    told
}

/// Composes the routed model from three models, cheapest first. `corners` are the features' in the order of
/// [`features::NAMES`]; `threshold` is the knob's default; `provenance` says by role where the models come from.
pub fn compose(
    models: &[Component],
    corners: &[Corners; 3],
    threshold: f32,
    provenance: BTreeMap<String, String>,
) -> Result<ModelProto> {
    let [first, _, _] = models else {
        return Err(Error::new(
            ErrorKind::Config,
            format!("the rules choose among three models, and there are {}", models.len()),
        ));
    };
    let range = KnobRange { default: threshold, ..RANGE };
    let knob = ChainKnob { strategy: NAME, name: KNOB, range };
    let mut chain = EscalationChain::begin(models, knob)?;
    let image = features::image(first, &chain.wires)?;
    let graph = &mut chain.graph;
    let complexity = wire_complexity(graph, &image, corners)?.complexity;
    let step = graph.constant("complexity/step", &[1], &[STEP])?;
    let beyond = graph.node("Sub", "complexity/beyond", &[&complexity, &step])?;
    chain.into_model(ExitRule::AboveKnob(vec![complexity, beyond]), provenance)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ndarray::ArrayD;

    use super::*;
    use perforate_engine::{Batch, Knobs, Program, Session};
    use perforate_onnx::{OPSET, encode};

    use crate::image_features::tests::{SIDE, run};

    #[test]
    fn degrees_cross_at_the_middle_of_two_corners() {
        let mut graph = GraphBuilder::new("degrees", OPSET);
        let shape = [Size::Rows, Size::Fixed(1)];
        let x = graph.input("x", &shape).unwrap();
        let corners = Corners { low: 1.0, middle: 2.0, high: 4.0 };
        let levels = degrees(&mut graph, "f", &x, corners).unwrap();
        let levels: Vec<&str> = levels.iter().map(String::as_str).collect();
        let joined =
            graph.node_with("Concat", "all", &levels, vec![int_attribute("axis", 1)]).unwrap();
        graph.output(&joined, &[Size::Rows, Size::Fixed(3)]).unwrap();
        let model = graph.into_model(&Metadata::default()).unwrap();
        let program = Arc::new(Program::load("degrees", &encode(&model)).unwrap());
        let x = ArrayD::from_shape_vec(vec![5, 1], vec![0.0, 1.5, 2.0, 3.0, 9.0]).unwrap();
        let outcome = Session::new(program).run(&Batch::new().with("x", x), &Knobs::new()).unwrap();
        let rows: Vec<f32> = outcome.first().unwrap().into_iter().collect();
        let wanted = [1.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 1.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 1.0];
        assert_eq!(rows, wanted);
    }

    #[test]
    fn what_led_to_a_complexity_is_told() {
        let corners = [
            Corners { low: 0.1, middle: 0.3, high: 0.6 },
            Corners { low: 0.05, middle: 0.1, high: 0.15 },
            Corners { low: 0.1, middle: 0.3, high: 0.5 },
        ];
        let rows = run(&reasoning(OPSET, (SIDE, SIDE), &corners).unwrap());
        let flat = tell(&rows[..20]);
        assert_eq!(flat[0], "contrast 0.000: LOW to 1.00.");
        assert!(flat[3].starts_with("Rule 1 fired most, with 1.00: if edges LOW and entropy LOW"));
        let step = tell(&rows[20..40]);
        assert!(step[3].contains("if edges HIGH, then complexity HIGH"), "{step:?}");
        assert!(tell(&[]).len() == 1, "nothing is told of nothing, without a panic");
    }

    #[test]
    fn what_has_edges_is_complex() {
        let mut graph = GraphBuilder::new("complexity", OPSET);
        let side = Size::Fixed(SIDE);
        let x = graph.input("x", &[Size::Rows, Size::Fixed(1), side.clone(), side]).unwrap();
        let corners = [
            Corners { low: 0.1, middle: 0.3, high: 0.6 },
            Corners { low: 0.05, middle: 0.1, high: 0.15 },
            Corners { low: 0.1, middle: 0.3, high: 0.5 },
        ];
        let complexity = wire_complexity(&mut graph, &x, &corners).unwrap().complexity;
        graph.output(&complexity, &[Size::Rows, Size::Fixed(1)]).unwrap();
        let scores = run(&graph.into_model(&Metadata::default()).unwrap());
        // Flat: all LOW. The step: edges HIGH. The chessboard: no edges for Sobel, but entropy MEDIUM to HIGH.
        assert!(scores[0] < 1e-3 && scores[1] > 0.99, "{scores:?}");
        assert!(scores[2] > scores[0], "{scores:?}");
    }
}
