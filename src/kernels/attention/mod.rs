//! The inner loops: scores of a block of keys, softmax as it goes, what is read from the values; for each machine.
//!
//! Queries lie side by side in the lanes of vectors, so that maximum, exponential and sum are those of lanes, and both
//! products add rows of lanes times single numbers. [`attend`] checks the lengths that the loops rely on; inside,
//! pointers run over exactly these.

mod loops;
mod plain;
mod vector;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod x86;

use loops::run;
pub use loops::{BLOCK, Head, Scratch};

/// The instructions that the loops use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// Plain Rust.
    Portable,
    /// WebAssembly's 128-bit SIMD.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
    /// 256 bits, multiplied and added at once.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// The best of this machine.
    pub fn detect() -> Isa {
        Self::all().last().copied().unwrap_or(Isa::Portable)
    }

    /// All that this machine has, the best last.
    pub fn all() -> Vec<Isa> {
        #[allow(unused_mut)] // machines with plain Rust alone add nothing
        let mut all = vec![Isa::Portable];
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        all.push(Isa::Simd128);
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                all.push(Isa::Avx2);
            }
            if is_x86_feature_detected!("avx512f") {
                all.push(Isa::Avx512);
            }
        }
        all
    }
}

/// Writes what the head's queries read, `[n, d]`, to `out`; zeros for queries of which every key is left out.
///
/// # Panics
/// If a length does not fit: the loops rely on them.
pub fn attend(isa: Isa, head: Head<'_>, scratch: &mut Scratch, out: &mut [f32]) {
    let (n, d) = (head.mask.len(), head.depth);
    let blocks = n.div_ceil(BLOCK);
    assert_eq!(head.queries.len(), n * d, "queries");
    assert_eq!(head.keys.len(), n * d, "keys");
    assert_eq!(head.values.len(), n * d, "values");
    assert_eq!(head.kept.len(), blocks * blocks, "a decision for each pair of blocks");
    assert_eq!(out.len(), n * d, "results");
    match isa {
        // SAFETY: the lengths were checked; plain Rust runs everywhere.
        Isa::Portable => unsafe { run::<plain::Lanes>(head, scratch, out) },
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        // SAFETY: the lengths were checked; the target has the instructions.
        Isa::Simd128 => unsafe { run::<wasm::Lanes>(head, scratch, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the lengths were checked, and `Isa::all` found the instructions.
        Isa::Avx2 => unsafe { x86::avx2(head, scratch, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the same.
        Isa::Avx512 => unsafe { x86::avx512(head, scratch, out) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Softmax over what is kept, in 64 bits.
    fn reference(head: Head<'_>) -> Vec<f64> {
        let (n, d) = (head.mask.len(), head.depth);
        let blocks = n.div_ceil(BLOCK);
        let mut out = vec![0.0; n * d];
        for query in 0..n {
            let kept = |key: usize| {
                head.mask[key] != 0.0 && head.kept[query / BLOCK * blocks + key / BLOCK]
            };
            let score = |key: usize| -> f64 {
                let pairs = (0..d).map(|at| {
                    f64::from(head.queries[query * d + at]) * f64::from(head.keys[key * d + at])
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
                    out[query * d + at] += weight / sum * f64::from(head.values[key * d + at]);
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
        let mask: Vec<f32> = (0..n).map(|_| f32::from(u8::from(rng.random_bool(0.9)))).collect();
        let head = Head {
            queries: &queries,
            keys: &keys,
            values: &values,
            depth: d,
            mask: &mask,
            kept: &kept,
        };
        let wanted = reference(head);
        for isa in Isa::all() {
            let mut out = vec![f32::NAN; n * d];
            attend(isa, head, &mut Scratch::default(), &mut out);
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
            for (kept, mask) in [(false, 1.0), (true, 0.0)] {
                let (kept, mask) = ([kept; 4], [mask; 40]);
                let head = Head {
                    queries: &ones,
                    keys: &ones,
                    values: &ones,
                    depth: 4,
                    mask: &mask,
                    kept: &kept,
                };
                let mut out = vec![f32::NAN; 160];
                attend(isa, head, &mut Scratch::default(), &mut out);
                assert_eq!(out, [0.0; 160], "{isa:?}");
            }
        }
    }

    #[test]
    fn large_scores_do_not_overflow() {
        let big = vec![100.0f32; 33 * 8];
        for isa in Isa::all() {
            let head = Head {
                queries: &big,
                keys: &big,
                values: &big,
                depth: 8,
                mask: &[1.0; 33],
                kept: &[true; 4],
            };
            let mut out = vec![0.0; 33 * 8];
            attend(isa, head, &mut Scratch::default(), &mut out);
            assert!(out.iter().all(|y| (y - 100.0).abs() < 1e-3), "{isa:?}: {out:?}");
        }
    }
}
