//! The inner loops: scores of a block of keys, softmax as it goes, what is read from the values; for each machine.
//!
//! Queries lie side by side in the lanes of vectors, so that maximum, exponential and sum are those of lanes, and both
//! products add rows of lanes times single numbers. [`attend`] checks the lengths that the loops rely on; inside,
//! pointers run over exactly these.

mod loops;

use crate::isa::{Isa, on_each_machine};
use loops::run;
pub use loops::{BLOCK, Head, Lines, Scratch};

on_each_machine! {
    /// All of a head.
    ///
    /// # Safety
    /// As for [`run`].
    unsafe fn run_on(head: Head<'_>, scratch: &mut Scratch, out: &mut [f32], stride: usize) = run
}

/// Writes the head's output, `[n, d]`, to `out`, whose rows are `stride` numbers apart. A query whose keys are all masked gets
/// zeros.
///
/// # Panics
/// If a length does not fit: the loops rely on them.
pub fn attend(isa: Isa, head: Head<'_>, scratch: &mut Scratch, out: &mut [f32], stride: usize) {
    let (n, d) = (head.bias.len(), head.depth);
    let blocks = n.div_ceil(BLOCK);
    assert!(head.queries.holds(n, d), "queries");
    assert!(head.keys.holds(n, d), "keys");
    assert!(head.values.holds(n, d), "values");
    assert_eq!(head.kept.len(), blocks * blocks, "a decision for each pair of blocks");
    assert!(Lines { numbers: out, stride }.holds(n, d), "results");
    // SAFETY: the lengths were checked; whoever has an `Isa` found its instructions.
    unsafe { run_on(isa, head, scratch, out, stride) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Softmax over what is kept, in 64 bits.
    fn reference(head: Head<'_>) -> Vec<f64> {
        let (n, d) = (head.bias.len(), head.depth);
        let blocks = n.div_ceil(BLOCK);
        let mut out = vec![0.0; n * d];
        for query in 0..n {
            let kept = |key: usize| {
                head.bias[key] != f32::NEG_INFINITY
                    && head.kept[query / BLOCK * blocks + key / BLOCK]
            };
            let score = |key: usize| -> f64 {
                let pairs = (0..d).map(|at| {
                    f64::from(head.queries.numbers[query * d + at])
                        * f64::from(head.keys.numbers[key * d + at])
                });
                pairs.sum()
            };
            let keys: Vec<usize> = (0..n).filter(|&key| kept(key)).collect();
            let scores: Vec<f64> = keys.iter().map(|&key| score(key)).collect();
            let top = scores.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            let weights: Vec<f64> = scores.iter().map(|score| (score - top).exp()).collect();
            let sum: f64 = weights.iter().sum();
            for (key, weight) in keys.iter().zip(&weights) {
                for at in 0..d {
                    out[query * d + at] +=
                        weight / sum * f64::from(head.values.numbers[key * d + at]);
                }
            }
        }
        out
    }

    fn check(n: usize, d: usize, share: f64, size: f32, seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = |count: usize| -> Vec<f32> {
            (0..count).map(|_| rng.random_range(-size..=size)).collect()
        };
        let (queries, keys, values) = (draw(n * d), draw(n * d), draw(n * d));
        let blocks = n.div_ceil(BLOCK);
        let kept: Vec<bool> = (0..blocks * blocks).map(|_| rng.random_bool(share)).collect();
        let excluded = |out: bool| if out { f32::NEG_INFINITY } else { 0.0 };
        let bias: Vec<f32> = (0..n).map(|_| excluded(rng.random_bool(0.1))).collect();
        let of = |numbers| Lines { numbers, stride: d };
        let head = Head {
            queries: of(&queries),
            keys: of(&keys),
            values: of(&values),
            depth: d,
            scale: 1.0,
            bias: &bias,
            kept: &kept,
        };
        let wanted = reference(head);
        for isa in Isa::all() {
            let mut out = vec![f32::NAN; n * d];
            attend(isa, head, &mut Scratch::default(), &mut out, d);
            for (ix, (have, want)) in out.iter().zip(&wanted).enumerate() {
                let off = (f64::from(*have) - want).abs();
                assert!(
                    off <= 1e-5 * f64::from(size.max(1.0)),
                    "{isa:?}, n {n}, d {d}, {ix}: {have} for {want}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn attention_is_softmax_over_what_is_kept(
            n in 1usize..150, d in 1usize..40, share in 0.0f64..=1.0, size in 0.1f32..2.0, seed: u64
        ) {
            check(n, d, share, size, seed);
        }
    }

    #[test]
    fn long_texts_too() {
        check(2048, 32, 0.5, 1.0, 3);
        check(1000, 64, 1.0, 1.0, 4);
    }

    #[test]
    fn where_everything_is_left_out_there_are_zeros() {
        let ones = vec![1.0f32; 40 * 4];
        for isa in Isa::all() {
            for (kept, bias) in [(false, 0.0), (true, f32::NEG_INFINITY)] {
                let (kept, bias) = ([kept; 4], [bias; 40]);
                let ones = Lines { numbers: &ones, stride: 4 };
                let head = Head {
                    queries: ones,
                    keys: ones,
                    values: ones,
                    depth: 4,
                    scale: 1.0,
                    bias: &bias,
                    kept: &kept,
                };
                let mut out = vec![f32::NAN; 160];
                attend(isa, head, &mut Scratch::default(), &mut out, 4);
                assert_eq!(out, [0.0; 160], "{isa:?}");
            }
        }
    }

    #[test]
    fn large_scores_do_not_overflow() {
        let big = vec![100.0f32; 33 * 8];
        for isa in Isa::all() {
            let big = Lines { numbers: &big, stride: 8 };
            let head = Head {
                queries: big,
                keys: big,
                values: big,
                depth: 8,
                scale: 1.0,
                bias: &[0.0; 33],
                kept: &[true; 4],
            };
            let mut out = vec![0.0; 33 * 8];
            attend(isa, head, &mut Scratch::default(), &mut out, 8);
            assert!(out.iter().all(|y| (y - 100.0).abs() < 1e-3), "{isa:?}: {out:?}");
        }
    }
}
