//! The loops over strips of queries and blocks of keys, for any kind of vector.

use crate::vector::{Vector, exp};

/// Queries that share a decision, and keys.
pub const BLOCK: usize = 32;

/// One head of one row.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// `[n, d]`.
    pub queries: Lines<'a>,
    /// `[n, d]`.
    pub keys: Lines<'a>,
    /// `[n, d]`.
    pub values: Lines<'a>,
    /// `d`.
    pub depth: usize,
    /// Queries are multiplied by this first.
    pub scale: f32,
    /// `[n]`: added to the scores of each key. Minus infinity leaves it out.
    pub bias: &'a [f32],
    /// `[blocks of queries, blocks of keys]`: which are computed.
    pub kept: &'a [bool],
}

/// Lines of numbers, as far apart as the layout of a tensor wants.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a> {
    /// From the first number of the first line.
    pub numbers: &'a [f32],
    /// From one line to the next.
    pub stride: usize,
}

impl Lines<'_> {
    /// Whether so many lines of so many numbers are there.
    pub(super) fn holds(&self, count: usize, width: usize) -> bool {
        count == 0
            || (self.stride >= width && (count - 1) * self.stride + width <= self.numbers.len())
    }
}

/// Memory of the loops, reused from head to head.
#[derive(Debug, Default)]
pub struct Scratch {
    queries: Vec<f32>,
    scores: Vec<f32>,
    read: Vec<f32>,
}

/// All strips of queries of a head.
///
/// # Safety
/// The lengths are those that [`attend`](super::attend) checks; the machine has the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn run<V: Vector>(
    head: Head<'_>,
    scratch: &mut Scratch,
    out: &mut [f32],
    stride: usize,
) {
    let (n, d, lanes) = (head.bias.len(), head.depth, 2 * V::LANES);
    scratch.queries.resize(d * lanes, 0.0);
    scratch.scores.resize(BLOCK * lanes, 0.0);
    scratch.read.resize(d * lanes, 0.0);
    let blocks = n.div_ceil(BLOCK);
    for own in 0..blocks {
        let kept = &head.kept[own * blocks..(own + 1) * blocks];
        let end = n.min((own + 1) * BLOCK);
        for from in (own * BLOCK..end).step_by(lanes) {
            // SAFETY: `from` and the lanes of its strip that exist lie below `n`.
            unsafe { strip::<V>(head, from, lanes.min(end - from), kept, scratch, out, stride) }
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
    stride: usize,
) {
    let (n, d, lanes) = (head.bias.len(), head.depth, 2 * V::LANES);
    for ix in 0..count {
        let query = &head.queries.numbers[(from + ix) * head.queries.stride..][..d];
        for (at, &q) in query.iter().enumerate() {
            scratch.queries[at * lanes + ix] = q * head.scale;
        }
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
            for (key, &bias) in head.bias[first..first + keys].iter().enumerate() {
                let own = scores.add(key * lanes);
                V::splat(bias).store(own);
                V::splat(bias).store(own.add(V::LANES));
            }
            let line = head.keys.stride;
            let of_keys =
                Factor { numbers: head.keys.numbers[first * line..].as_ptr(), row: line, step: 1 };
            multiply::<V>(of_keys, keys, d, queries, scores);
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
            let line = head.values.stride;
            let of_values = Factor {
                numbers: head.values.numbers[first * line..].as_ptr(),
                row: 1,
                step: line,
            };
            multiply::<V>(of_values, d, keys, scores, read);
        }
        sum[0].store(scores);
        sum[1].store(scores.add(V::LANES));
    }
    for ix in 0..count {
        let line = &mut out[(from + ix) * stride..][..d];
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
        while V::MANY && row + 8 <= rows {
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
