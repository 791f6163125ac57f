//! The scores that a gate compared on calibration inputs, as a routed file keeps them: what later scores are held against.

use serde::{Deserialize, Serialize};

use perforate_base::{Error, ErrorKind, Result};

/// Classes into which scores are sorted, by the quantiles of the calibration: memory does not grow with the stream.
pub const BINS: usize = 256;
/// Fewest scores of a calibration to compare with.
const FEWEST: usize = 20;

/// Scores of a calibration at one gate, sorted into classes by their quantiles: small enough to travel in a model's
/// metadata.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreHistogram {
    /// Upper ends of the classes but the last, rising.
    pub edges: Vec<f32>,
    /// Scores in each class; one more than edges.
    pub counts: Vec<u32>,
}

impl ScoreHistogram {
    /// Of the scores of a calibration; those that are no number are left out.
    ///
    /// # Errors
    /// `Data` where there are fewer than 20.
    pub fn of(scores: impl IntoIterator<Item = f32>, bins: usize) -> Result<ScoreHistogram> {
        let mut sorted: Vec<f32> = scores.into_iter().filter(|score| !score.is_nan()).collect();
        if sorted.len() < FEWEST {
            let text = format!(
                "there are {} scores to compare with, and {FEWEST} are needed: calibrate on more inputs",
                sorted.len()
            );
            return Err(Error::new(ErrorKind::Data, text));
        }
        sorted.sort_by(f32::total_cmp);
        let bins = bins.clamp(2, sorted.len());
        let mut edges: Vec<f32> =
            (1..bins).map(|ix| sorted[ix * sorted.len() / bins - 1]).collect();
        edges.dedup();
        let mut counts = vec![0; edges.len() + 1];
        sorted.iter().for_each(|&score| counts[class(&edges, score)] += 1);
        Ok(ScoreHistogram { edges, counts })
    }

    /// Number of scores.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|&count| u64::from(count)).sum()
    }

    /// Adds a score; one that is no number is left out.
    pub fn add(&mut self, score: f32) {
        if !score.is_nan() {
            let class = self.class(score);
            self.counts[class] += 1;
        }
    }

    /// The class of a score: the first whose upper end it does not exceed.
    pub fn class(&self, score: f32) -> usize {
        class(&self.edges, score)
    }

    /// Whether it is one: rising edges, a count more than edges, and any score at all. What is read from a file may be
    /// damaged.
    pub fn is_sound(&self) -> bool {
        self.counts.len() == self.edges.len() + 1 && self.edges.is_sorted() && self.total() > 0
    }

    /// The same classes, empty.
    pub fn emptied(&self) -> ScoreHistogram {
        ScoreHistogram { edges: self.edges.clone(), counts: vec![0; self.counts.len()] }
    }
}

/// The first class whose upper end the score does not exceed.
fn class(edges: &[f32], score: f32) -> usize {
    edges.partition_point(|&edge| edge < score)
}
