//! Complexity-aware selection: fuzzy rules on cheap features of an image say how hard it is, and so which of
//! three models answers.
//!
//! Three features, each `[N, 1]`: *contrast*, the standard deviation of the pixels; *edges*, the mean absolute
//! response to the two Sobel kernels; *entropy* of an eight-bin histogram whose bins overlap linearly. Each is LOW,
//! MEDIUM or HIGH to a degree, by triangular membership functions with their corners at given values. Rules combine
//! degrees by minimum (and) and maximum (or), Mamdani's way; the complexity is the centroid of the rules' singletons
//! 0, ½ and 1, weighted by what fired (Mamdani and Assilian 1975; Sugeno's zero-order form). A row leaves the first
//! model where complexity > `threshold`, and the second where complexity − [`STEP`] > `threshold`.

use std::collections::{BTreeMap, HashMap};

use tract_onnx::pb::ModelProto;

use crate::error::{Error, ErrorKind, Result};
use crate::onnx::{Component, GraphBuilder, KnobRange, Metadata, Size, int_attribute};

use super::ladder::Ladder;

/// Name of the strategy.
pub const STRATEGY: &str = "selection_fuzzy";
/// Name of the knob.
pub const KNOB: &str = "threshold";
/// The threshold's ends: complexities lie in [0, 1], less a step for the second gate.
pub const RANGE: KnobRange = KnobRange { default: 0.5, never: 2.0, always: -2.0 };
/// How much more complex a row must be for the third model than for the second.
pub const STEP: f32 = 0.25;
/// The features, in the order of [`features`]' columns.
pub const FEATURES: [&str; 3] = ["contrast", "edges", "entropy"];

/// Bins of the histogram.
const BINS: usize = 8;
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

/// A model that gives the three features `[N, 3]` of images `x` `[N, 1, height, width]`.
pub fn features(opset: i64, height: usize, width: usize) -> Result<ModelProto> {
    let mut graph = GraphBuilder::new("features", opset);
    let shape = [Size::Rows, Size::Fixed(1), Size::Fixed(height), Size::Fixed(width)];
    let x = graph.input("x", &shape)?;
    let columns = wire_features(&mut graph, &x)?;
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let joined = graph.node_with("Concat", "features", &columns, vec![int_attribute("axis", 1)])?;
    graph.output(&joined, &[Size::Rows, Size::Fixed(FEATURES.len())])?;
    graph.into_model(&Metadata::default())
}

/// Mean over height and width, `[N, C, H, W]` to `[N, C]`.
fn mean(graph: &mut GraphBuilder, name: &str, x: &str) -> Result<String> {
    let pooled = graph.node("GlobalAveragePool", &format!("{name}/pool"), &[x])?;
    graph.node_with("Flatten", name, &[&pooled], vec![int_attribute("axis", 1)])
}

/// The features, `[N, 1]` each.
fn wire_features(graph: &mut GraphBuilder, x: &str) -> Result<[String; 3]> {
    // Contrast: sqrt(E x² − (E x)²).
    let square = graph.node("Mul", "contrast/square", &[x, x])?;
    let second = mean(graph, "contrast/second", &square)?;
    let first = mean(graph, "contrast/first", x)?;
    let first = graph.node("Mul", "contrast/first/square", &[&first, &first])?;
    let variance = graph.node("Sub", "contrast/difference", &[&second, &first])?;
    // Rounding may leave less than nothing.
    let variance = graph.node("Relu", "contrast/variance", &[&variance])?;
    let contrast = graph.node("Sqrt", "contrast", &[&variance])?;

    let sobel = [1., 0., -1., 2., 0., -2., 1., 0., -1., 1., 2., 1., 0., 0., 0., -1., -2., -1.];
    let kernels = graph.constant("edges/sobel", &[2, 1, 3, 3], &sobel)?;
    let gradient = graph.node("Conv", "edges/gradient", &[x, &kernels])?;
    let size = graph.node("Abs", "edges/size", &[&gradient])?;
    let both = mean(graph, "edges/both", &size)?;
    let halves = graph.constant("edges/halves", &[2, 1], &[0.5, 0.5])?;
    let edges = graph.node("MatMul", "edges", &[&both, &halves])?;

    // Bins at k / 7: 1 − |7 x − k|, where positive; between two bins a pixel counts for both, to one in all.
    let ones = graph.constant("entropy/scale", &[BINS, 1, 1, 1], &[(BINS - 1) as f32; BINS])?;
    let centres: Vec<f32> = (0..BINS).map(|k| -(k as f32)).collect();
    let centres = graph.constant("entropy/centres", &[BINS], &centres)?;
    let offset = graph.node("Conv", "entropy/offset", &[x, &ones, &centres])?;
    let distance = graph.node("Abs", "entropy/distance", &[&offset])?;
    let one = graph.constant("entropy/one", &[1], &[1.0])?;
    let near = graph.node("Sub", "entropy/near", &[&one, &distance])?;
    let shares = graph.node("Relu", "entropy/shares", &[&near])?;
    let p = mean(graph, "entropy/p", &shares)?;
    let tiny = graph.constant("entropy/tiny", &[1], &[1e-9])?;
    let safe = graph.node("Add", "entropy/safe", &[&p, &tiny])?;
    let log = graph.node("Log", "entropy/log", &[&safe])?;
    let terms = graph.node("Mul", "entropy/terms", &[&p, &log])?;
    let scale = graph.constant("entropy/minus", &[BINS, 1], &[-1.0 / (BINS as f32).ln(); BINS])?;
    let entropy = graph.node("MatMul", "entropy", &[&terms, &scale])?;
    Ok([contrast, edges, entropy])
}

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

/// The complexity `[N, 1]` of `x`.
fn wire_complexity(graph: &mut GraphBuilder, x: &str, corners: &[Corners; 3]) -> Result<String> {
    let columns = wire_features(graph, x)?;
    let mut degree = HashMap::new();
    for ((name, column), &corners) in FEATURES.iter().zip(&columns).zip(corners) {
        let levels = degrees(graph, name, column, corners)?;
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
    graph.node("Div", "complexity", &[&weighted, &all])
}

/// Composes the routed model from three models, cheapest first. `corners` are the features' in the order of
/// [`FEATURES`]; `threshold` is the knob's default; `provenance` says by role where the models come from.
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
    let (mut main, wires) = GraphBuilder::around(STRATEGY, first)?;
    main.knob(KNOB, threshold)?;
    // The only tensor so far: what all three models read.
    let image = wires.values().next().cloned().unwrap_or_default();
    let complexity = wire_complexity(&mut main, &image, corners)?;
    let step = main.constant("complexity/step", &[1], &[STEP])?;
    let beyond = main.node("Sub", "complexity/beyond", &[&complexity, &step])?;
    let ladder = Ladder { models, leave: &[complexity, beyond], knob: KNOB, wires: &wires };
    ladder.climb(&mut main, None)?;
    let metadata = Metadata {
        strategy: Some(STRATEGY.into()),
        labels: ladder.labels(),
        knobs: BTreeMap::from([(KNOB.into(), KnobRange { default: threshold, ..RANGE })]),
        provenance,
    };
    main.into_model(&metadata)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ndarray::ArrayD;

    use super::*;
    use crate::engine::{Batch, Knobs, Program, Session};
    use crate::onnx::{OPSET, encode};

    const SIDE: usize = 28;

    /// Flat, half black and half white, and a chessboard of single pixels.
    fn images() -> Batch {
        let value = |image: usize, y: usize, x: usize| match image {
            0 => 0.0,
            1 => f32::from(u8::from(x >= SIDE / 2)),
            _ => ((x + y) % 2) as f32,
        };
        let x = ArrayD::from_shape_fn(vec![3, 1, SIDE, SIDE], |ix| value(ix[0], ix[2], ix[3]));
        Batch::new().with("x", x)
    }

    fn run(model: &ModelProto) -> Vec<f32> {
        let program = Arc::new(Program::load("fuzzy", &encode(model)).unwrap());
        let outcome = Session::new(program).run(&images(), &Knobs::new()).unwrap();
        outcome.first().unwrap().into_iter().collect()
    }

    #[test]
    fn features_of_known_images() {
        let features = run(&features(OPSET, SIDE, SIDE).unwrap());
        // One column in 26 sees the step: 4 there for one kernel of two, at two positions.
        let step = 0.5 * 2.0 * 4.0 / 26.0;
        let one_bit = 2f32.ln() / 8f32.ln();
        let wanted = [0.0, 0.0, 0.0, 0.5, step, one_bit, 0.5, 0.0, one_bit];
        for (own, wanted) in features.iter().zip(wanted) {
            assert!((own - wanted).abs() < 1e-4, "{features:?}");
        }
    }

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
    fn what_has_edges_is_complex() {
        let mut graph = GraphBuilder::new("complexity", OPSET);
        let side = Size::Fixed(SIDE);
        let x = graph.input("x", &[Size::Rows, Size::Fixed(1), side.clone(), side]).unwrap();
        let corners = [
            Corners { low: 0.1, middle: 0.3, high: 0.6 },
            Corners { low: 0.05, middle: 0.1, high: 0.15 },
            Corners { low: 0.1, middle: 0.3, high: 0.5 },
        ];
        let complexity = wire_complexity(&mut graph, &x, &corners).unwrap();
        graph.output(&complexity, &[Size::Rows, Size::Fixed(1)]).unwrap();
        let scores = run(&graph.into_model(&Metadata::default()).unwrap());
        // Flat: all LOW. The step: edges HIGH. The chessboard: no edges for Sobel, but entropy MEDIUM to HIGH.
        assert!(scores[0] < 1e-3 && scores[1] > 0.99, "{scores:?}");
        assert!(scores[2] > scores[0], "{scores:?}");
    }
}
