//! The inner loops: scores of a block of keys, softmax as it goes, what is read from the values; for each machine.
//!
//! Queries lie side by side in the lanes of vectors, so that maximum, exponential and sum are those of lanes, and both
//! products add rows of lanes times single numbers. [`attend`] checks the lengths that the loops rely on; inside,
//! pointers run over exactly these.

mod plain;
mod vector;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod x86;

use vector::{Vector, exp};

/// Queries that share a decision, and keys.
pub const BLOCK: usize = 32;

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

/// One head of one row.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// `[n, d]`, already divided by √d.
    pub queries: &'a [f32],
    /// `[n, d]`.
    pub keys: &'a [f32],
    /// `[n, d]`.
    pub values: &'a [f32],
    /// `d`.
    pub depth: usize,
    /// `[n]`: zero where a key is padding.
    pub mask: &'a [f32],
    /// `[blocks of queries, blocks of keys]`: which are computed.
    pub kept: &'a [bool],
}

/// Memory of the loops, reused from head to head.
#[derive(Debug, Default)]
pub struct Scratch {
    queries: Vec<f32>,
    scores: Vec<f32>,
    read: Vec<f32>,
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

/// All strips of queries of a head.
///
/// # Safety
/// The lengths are those that [`attend`] checks; the machine has the instructions of `V`.
#[inline(always)]
unsafe fn run<V: Vector>(head: Head<'_>, scratch: &mut Scratch, out: &mut [f32]) {
    let (n, d, lanes) = (head.mask.len(), head.depth, 2 * V::LANES);
    scratch.queries.resize(d * lanes, 0.0);
    scratch.scores.resize(BLOCK * lanes, 0.0);
    scratch.read.resize(d * lanes, 0.0);
    let blocks = n.div_ceil(BLOCK);
    for own in 0..blocks {
        let kept = &head.kept[own * blocks..(own + 1) * blocks];
        let end = n.min((own + 1) * BLOCK);
        for from in (own * BLOCK..end).step_by(lanes) {
            // SAFETY: `from` and the lanes of its strip that exist lie below `n`.
            unsafe { strip::<V>(head, from, lanes.min(end - from), kept, scratch, out) }
        }
    }
}

/// One strip: the queries `from..from + count`, one a lane, with all blocks of keys that are kept.
///
/// # Safety
/// As for [`run`]; `count` is at most twice `V::LANES`, and `from + count` at most `n`.
#[inline(always)]
unsafe fn strip<V: Vector>(
    head: Head<'_>,
    from: usize,
    count: usize,
    kept: &[bool],
    scratch: &mut Scratch,
    out: &mut [f32],
) {
    let (n, d, lanes) = (head.mask.len(), head.depth, 2 * V::LANES);
    for (ix, query) in head.queries[from * d..(from + count) * d].chunks_exact(d).enumerate() {
        query.iter().enumerate().for_each(|(at, &q)| scratch.queries[at * lanes + ix] = q);
    }
    scratch.read.fill(0.0);
    let queries = scratch.queries.as_ptr();
    let (scores, read) = (scratch.scores.as_mut_ptr(), scratch.read.as_mut_ptr());
    // SAFETY: `queries` and `read` have `d` rows of lanes, `scores` as many as keys of a block; keys and values are read
    // below `n`.
    unsafe {
        let mut top = [V::splat(f32::NEG_INFINITY); 2];
        let mut sum = [V::splat(0.0); 2];
        for (block, _) in kept.iter().enumerate().filter(|(_, kept)| **kept) {
            let first = block * BLOCK;
            let keys = BLOCK.min(n - first);
            scratch.scores[..keys * lanes].fill(0.0);
            let of_keys = Factor { numbers: head.keys[first * d..].as_ptr(), row: d, step: 1 };
            multiply::<V>(of_keys, keys, d, queries, scores);
            for (key, &mask) in head.mask[first..first + keys].iter().enumerate() {
                if mask == 0.0 {
                    let own = scores.add(key * lanes);
                    V::splat(f32::NEG_INFINITY).store(own);
                    V::splat(f32::NEG_INFINITY).store(own.add(V::LANES));
                }
            }
            for half in 0..2 {
                let own = scores.add(half * V::LANES);
                let mut most = top[half];
                for key in 0..keys {
                    most = most.max(V::load(own.add(key * lanes)));
                }
                // Where nothing was seen yet, there is nothing to be subtracted from minus infinity.
                let base = most.max(V::splat(f32::MIN));
                let fade = exp(top[half].sub(base));
                let mut total = sum[half].mul(fade);
                for key in 0..keys {
                    let place = own.add(key * lanes);
                    let weight = exp(V::load(place).sub(base));
                    weight.store(place);
                    total = total.add(weight);
                }
                for at in 0..d {
                    let place = read.add(at * lanes + half * V::LANES);
                    V::load(place).mul(fade).store(place);
                }
                (top[half], sum[half]) = (most, total);
            }
            let of_values = Factor { numbers: head.values[first * d..].as_ptr(), row: 1, step: d };
            multiply::<V>(of_values, d, keys, scores, read);
        }
        sum[0].store(scores);
        sum[1].store(scores.add(V::LANES));
    }
    for (ix, line) in out[from * d..(from + count) * d].chunks_exact_mut(d).enumerate() {
        let sum = scratch.scores[ix];
        let share = if sum > 0.0 { 1.0 / sum } else { 0.0 };
        line.iter_mut().enumerate().for_each(|(at, y)| *y = scratch.read[at * lanes + ix] * share);
    }
}

/// A matrix of single numbers: element `[r, k]` stands at `r · row + k · step`.
#[derive(Clone, Copy)]
struct Factor {
    numbers: *const f32,
    row: usize,
    step: usize,
}

/// Adds to the rows of lanes `c`, `[rows, lanes]`, the product of `a`, `[rows, depth]`, and `b`, `[depth, lanes]`.
///
/// # Safety
/// All elements named so can be read, and those of `c` written.
#[inline(always)]
unsafe fn multiply<V: Vector>(a: Factor, rows: usize, depth: usize, b: *const f32, c: *mut f32) {
    let lanes = 2 * V::LANES;
    let mut row = 0;
    // SAFETY: each tile covers rows below `rows`.
    unsafe {
        while V::TALL && row + 8 <= rows {
            let own = Factor { numbers: a.numbers.add(row * a.row), ..a };
            eight_rows::<V>(own, depth, b, c.add(row * lanes));
            row += 8;
        }
        while row + 4 <= rows {
            let own = Factor { numbers: a.numbers.add(row * a.row), ..a };
            four_rows::<V>(own, depth, b, c.add(row * lanes));
            row += 4;
        }
        while row < rows {
            let own = Factor { numbers: a.numbers.add(row * a.row), ..a };
            one_row::<V>(own, depth, b, c.add(row * lanes));
            row += 1;
        }
    }
}

/// A tile of rows, written out: the page is compiled for size, which unrolls no loop, and sums in memory would take as
/// long as the products.
macro_rules! tile {
    ($name:ident: $($r:literal)+) => {
        /// # Safety
        /// As for [`multiply`], with as many rows as the name says.
        #[inline(always)]
        unsafe fn $name<V: Vector>(a: Factor, depth: usize, b: *const f32, c: *mut f32) {
            // SAFETY: as the caller promises.
            unsafe {
                let lanes = 2 * V::LANES;
                let mut left = [$(V::load(c.add($r * lanes))),+];
                let mut right = [$(V::load(c.add($r * lanes + V::LANES))),+];
                let (mut own, mut b) = (a.numbers, b);
                for _ in 0..depth {
                    let (low, high) = (V::load(b), V::load(b.add(V::LANES)));
                    $(
                        let x = V::splat(*own.add($r * a.row));
                        left[$r] = x.mul_add(low, left[$r]);
                        right[$r] = x.mul_add(high, right[$r]);
                    )+
                    own = own.wrapping_add(a.step);
                    b = b.add(lanes);
                }
                $(
                    left[$r].store(c.add($r * lanes));
                    right[$r].store(c.add($r * lanes + V::LANES));
                )+
            }
        }
    };
}

tile!(one_row: 0);
tile!(four_rows: 0 1 2 3);
tile!(eight_rows: 0 1 2 3 4 5 6 7);

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
