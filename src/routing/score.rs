//! How sure a classifier is, computed in the graph from its logits: 1 is certain, and the smaller the
//! score the more a deeper or dearer model is needed.

use serde::{Deserialize, Serialize};

use perforate_base::{Error, ErrorKind, Named, Result};
use perforate_onnx::{GraphBuilder, int_attribute};

/// A confidence score of logits `[N, C]`, as a tensor `[N, 1]` in 0…1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Score {
    /// The largest softmax probability (Hendrycks and Gimpel, ICLR 2017).
    #[default]
    MaxProbability,
    /// The largest probability less the second largest.
    Margin,
    /// 1 − H(p) / ln C, where H is the entropy of the softmax (BranchyNet, ICPR 2016, thresholds H).
    Entropy {
        /// C.
        classes: usize,
    },
    /// The number of heads in a row, this one included, that give the same answer, as a share of all early heads
    /// (Zhou et al., "BERT Loses Patience", NeurIPS 2020).
    Patience {
        /// Early heads.
        heads: usize,
    },
    /// What a gate of the stage's own says, which was fitted to how far off its head is: its output `sure{k}`, `[N, 1]`.
    Gate,
}

/// The name of a score, for those who do not know the network yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The largest probability.
    #[default]
    MaxProbability,
    /// The largest probability less the second largest.
    Margin,
    /// One less the entropy, as a share of the largest one.
    Entropy,
    /// Stages in a row that give the same answer, as a share of all.
    Patience,
    /// A dendritic gate at each exit, fitted to how far off its answer is.
    Gate,
}

impl Kind {
    /// The score, for a network of so many classes and early heads.
    pub fn of(self, classes: usize, heads: usize) -> Score {
        match self {
            Kind::MaxProbability => Score::MaxProbability,
            Kind::Margin => Score::Margin,
            Kind::Entropy => Score::Entropy { classes },
            Kind::Patience => Score::Patience { heads },
            Kind::Gate => Score::Gate,
        }
    }
}

impl Named for Kind {
    const ALL: &'static [Kind] =
        &[Kind::MaxProbability, Kind::Margin, Kind::Entropy, Kind::Patience, Kind::Gate];

    fn name(&self) -> &'static str {
        self.of(2, 1).name()
    }
}

/// What a head leaves for the next one's patience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// Its answer `[N, 1]`, int64.
    answer: String,
    /// Heads in a row that gave it, `[N, 1]`.
    count: String,
}

impl Score {
    /// Its name on the command line and in metadata.
    pub fn name(self) -> &'static str {
        match self {
            Score::MaxProbability => "max-probability",
            Score::Margin => "margin",
            Score::Entropy { .. } => "entropy",
            Score::Patience { .. } => "patience",
            Score::Gate => "gate",
        }
    }

    /// Adds the score of `logits` to a graph, under names that begin with `prefix`; returns its tensor.
    /// `temperature` divides the logits first; 1 adds no operator. `passed` is what the head before left, and
    /// becomes what this one leaves.
    pub fn wire(
        self,
        graph: &mut GraphBuilder,
        prefix: &str,
        logits: &str,
        temperature: f32,
        passed: &mut Option<Passed>,
    ) -> Result<String> {
        let name = |part: &str| format!("{prefix}/{part}");
        let scaled;
        let logits = if temperature == 1.0 {
            logits
        } else {
            let factor =
                graph.constant(&name("inverse_temperature"), &[1], &[1.0 / temperature])?;
            scaled = graph.node("Mul", &name("scaled"), &[logits, &factor])?;
            &scaled
        };
        let axis = || vec![int_attribute("axis", 1)];
        match self {
            Score::MaxProbability => {
                let p = graph.node_with("Softmax", &name("probabilities"), &[logits], axis())?;
                graph.reduce("ReduceMax", &name("confidence"), &p, 1)
            }
            Score::Margin => {
                let p = graph.node_with("Softmax", &name("probabilities"), &[logits], axis())?;
                let top = graph.top(&name("top"), &p, 2)?;
                let first = graph.reduce("ReduceMax", &name("first"), &top, 1)?;
                let second = graph.reduce("ReduceMin", &name("second"), &top, 1)?;
                graph.node("Sub", &name("confidence"), &[&first, &second])
            }
            Score::Entropy { classes } => {
                let p = graph.node_with("Softmax", &name("probabilities"), &[logits], axis())?;
                // Products with a vanished probability are 0 · log(tiny), not 0 · −∞.
                let tiny = graph.constant(&name("tiny"), &[1], &[1e-30])?;
                let safe = graph.node("Add", &name("safe"), &[&p, &tiny])?;
                let log = graph.node("Log", &name("log"), &[&safe])?;
                // The dot product with 1 / ln C sums over the classes and scales at once.
                let product = graph.node("Mul", &name("terms"), &[&p, &log])?;
                let scale = vec![1.0 / (classes as f32).ln(); classes];
                let scale = graph.constant(&name("scale"), &[classes, 1], &scale)?;
                let negative = graph.node("MatMul", &name("sum"), &[&product, &scale])?;
                let one = graph.constant(&name("one"), &[1], &[1.0])?;
                graph.node("Add", &name("confidence"), &[&one, &negative])
            }
            Score::Patience { heads } => patience(graph, prefix, logits, heads, passed),
            Score::Gate => {
                let text = "a fitted gate is part of a stage, and is not computed from its answer";
                Err(Error::new(ErrorKind::Internal, text))
            }
        }
    }
}

/// count = 1 + [same answer as the head before] · its count, as a share of `heads`.
fn patience(
    graph: &mut GraphBuilder,
    prefix: &str,
    logits: &str,
    heads: usize,
    passed: &mut Option<Passed>,
) -> Result<String> {
    let name = |part: &str| format!("{prefix}/{part}");
    let attributes = vec![int_attribute("axis", 1), int_attribute("keepdims", 1)];
    let answer = graph.node_with("ArgMax", &name("answer"), &[logits], attributes)?;
    // The first head agrees with itself.
    let other = passed.as_ref().map_or(&answer, |before| &before.answer);
    let same = graph.node("Equal", &name("same"), &[&answer, other])?;
    let mut count =
        graph.node_with("Cast", &name("agrees"), &[&same], vec![int_attribute("to", FLOAT)])?;
    if let Some(before) = passed {
        let run = graph.node("Mul", &name("run"), &[&count, &before.count])?;
        let one = graph.constant(&name("one"), &[1], &[1.0])?;
        count = graph.node("Add", &name("count"), &[&run, &one])?;
    }
    let share = graph.constant(&name("share"), &[1], &[1.0 / heads as f32])?;
    let score = graph.node("Mul", &name("patience"), &[&count, &share])?;
    *passed = Some(Passed { answer, count });
    Ok(score)
}

/// ONNX's number for float32.
const FLOAT: i64 = 1;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ndarray::ArrayD;

    use super::*;
    use perforate_engine::{Batch, Knobs, Program, Session};
    use perforate_onnx::{Metadata, OPSET, Size, encode};

    fn scores(score: Score, temperature: f32) -> Vec<f32> {
        let mut graph = GraphBuilder::new("score", OPSET);
        let logits = graph.input("logits", &[Size::Rows, Size::Fixed(4)]).unwrap();
        let name = score.wire(&mut graph, "s", &logits, temperature, &mut None).unwrap();
        graph.output(&name, &[Size::Rows, Size::Fixed(1)]).unwrap();
        let file = encode(&graph.into_model(&Metadata::default()).unwrap());
        let program = Arc::new(Program::load("score", &file).unwrap());
        // Certain; undecided between two; undecided between four.
        let rows = vec![80.0f32, 0.0, 0.0, 0.0, 50.0, 50.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];
        let batch = Batch::new().with("logits", ArrayD::from_shape_vec(vec![3, 4], rows).unwrap());
        let outcome = Session::new(program).run(&batch, &Knobs::new()).unwrap();
        outcome.first().unwrap().into_iter().collect()
    }

    #[test]
    fn scores_of_known_distributions() {
        for (score, wanted) in [
            (Score::MaxProbability, [1.0, 0.5, 0.25]),
            (Score::Margin, [1.0, 0.0, 0.0]),
            (Score::Entropy { classes: 4 }, [1.0, 0.5, 0.0]),
        ] {
            for (own, wanted) in scores(score, 1.0).into_iter().zip(wanted) {
                assert!((own - wanted).abs() < 1e-5, "{}: {own}, not {wanted}", score.name());
            }
        }
    }

    #[test]
    fn a_temperature_divides_the_logits() {
        // softmax((80, 0, 0, 0) / 80) = (e, 1, 1, 1) / (e + 3).
        let wanted = std::f32::consts::E / (std::f32::consts::E + 3.0);
        assert!((scores(Score::MaxProbability, 80.0)[0] - wanted).abs() < 1e-5);
    }
}
