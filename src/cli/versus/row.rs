//! Lines of the table, and when two outputs agree.

use std::fmt;

use perforate_bench::stats::{Interval, median, median_interval};

/// Absolute and relative tolerance of outputs.
const TOLERANCE: f64 = 1e-4;
/// The same of outputs that were quantised in two ways.
const EIGHT_BITS: f32 = 0.2;

/// Names of the columns.
pub const HEADER: &str =
    "model\tbatch\tengine\tthreads\tours_ms\ttheirs_ms\tratio\tratio_lo\tratio_hi\tbuild";

/// One model in two engines. It prints as a line of the table.
#[derive(Debug, Clone)]
pub struct Row {
    /// The model.
    pub model: String,
    /// Rows of its inputs.
    pub batch: usize,
    /// The other engine.
    pub engine: &'static str,
    /// Its threads; this engine uses one.
    pub threads: usize,
    /// The build of this engine: `native`, or the instructions of a WebAssembly module.
    pub build: String,
    /// Seconds per run in this engine, by round.
    pub ours: Vec<f64>,
    /// Seconds per run in the other engine, by round.
    pub theirs: Vec<f64>,
}

impl Row {
    /// Time in this engine over time in the other: median over rounds with its 95 % interval.
    pub fn ratio(&self) -> Interval {
        let ratios: Vec<f64> = self.ours.iter().zip(&self.theirs).map(|(a, b)| a / b).collect();
        median_interval(&ratios)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { model, batch, engine, threads, build, .. } = self;
        let [ours, theirs] = [&self.ours, &self.theirs].map(|seconds| 1e3 * median(seconds));
        let Interval { median, lo, hi } = self.ratio();
        write!(
            f,
            "{model}\t{batch}\t{engine}\t{threads}\t{ours:.4}\t{theirs:.4}\t{median:.3}\t{lo:.3}\t{hi:.3}\t{build}"
        )
    }
}

/// Whether two outputs are equal up to rounding. NaN agrees with nothing.
pub fn agree(ours: f32, theirs: f32) -> bool {
    let [ours, theirs] = [ours, theirs].map(f64::from);
    (ours - theirs).abs() <= TOLERANCE + TOLERANCE * theirs.abs()
}

/// Whether outputs of two ways to quantise a model are near each other. NaN agrees with nothing.
pub fn agree_in_eight_bits(ours: f32, theirs: f32) -> bool {
    (ours - theirs).abs() <= EIGHT_BITS + EIGHT_BITS * theirs.abs()
}

/// The order of the engines in a round.
pub fn sample_order(engines: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..engines).map(move |ix| if round.is_multiple_of(2) { ix } else { engines - 1 - ix })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_field_for_each_column() {
        let row = Row {
            model: "m".into(),
            batch: 32,
            engine: "onnxruntime",
            threads: 2,
            build: "native".into(),
            ours: vec![0.002, 0.004, 0.006],
            theirs: vec![0.001, 0.001, 0.003],
        };
        assert_eq!(row.to_string().split('\t').count(), HEADER.split('\t').count());
        let line = "m\t32\tonnxruntime\t2\t4.0000\t1.0000\t2.000\t2.000\t4.000\tnative";
        assert_eq!(row.to_string(), line);
    }

    #[test]
    fn outputs_may_differ_by_a_share_of_their_size() {
        assert!(agree(1000.05, 1000.0) && !agree(1000.2, 1000.0));
        assert!(agree(5e-5, 0.0) && !agree(2e-4, 0.0));
        assert!(!agree(f32::NAN, f32::NAN) && !agree(0.0, f32::NAN));
    }

    #[test]
    fn the_order_is_reversed_in_every_other_round() {
        let order = |round| sample_order(3, round).collect::<Vec<_>>();
        assert_eq!((order(0), order(1)), (vec![0, 1, 2], vec![2, 1, 0]));
    }
}
