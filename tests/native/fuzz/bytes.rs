//! Damage to bytes: flipped, overwritten, cut off, put in, doubled.

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// Whole numbers that programs fall over.
pub const EXTREME: [i64; 18] = [
    0,
    1,
    -1,
    2,
    -2,
    7,
    255,
    4096,
    65_536,
    1 << 20,
    1 << 31,
    i32::MAX as i64,
    i32::MIN as i64,
    1 << 32,
    1 << 40,
    1 << 62,
    i64::MAX,
    i64::MIN,
];

/// Floats that programs fall over.
pub const FLOATS: [f32; 11] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::MAX,
    f32::MIN,
    f32::MIN_POSITIVE,
    1e-9,
];

/// One of a list; the lists here are not empty.
pub fn one<T: Clone>(rng: &mut ChaCha8Rng, items: &[T]) -> T {
    items.choose(rng).expect("a list that is not empty").clone()
}

/// A whole number, most often an extreme one.
pub fn whole(rng: &mut ChaCha8Rng) -> i64 {
    if rng.random_bool(0.7) { one(rng, &EXTREME) } else { rng.random_range(-9..10) }
}

/// Damages a file in one place or several.
pub fn damage(rng: &mut ChaCha8Rng, data: &mut Vec<u8>) {
    for _ in 0..one(rng, &[1, 1, 1, 2, 4]) {
        if data.is_empty() {
            return;
        }
        let at = rng.random_range(0..data.len());
        let end = (at + rng.random_range(1..65)).min(data.len());
        match rng.random_range(0..6) {
            0 => data[at] ^= 1 << rng.random_range(0..8),
            1 => {
                let value = one(rng, &[0, 1, 0x7f, 0x80, 0xff]);
                data[at..end.min(at + 8)].fill(value);
            }
            2 => data.truncate(at),
            3 => {
                let more: Vec<u8> = (0..end - at).map(|_| rng.random()).collect();
                data.splice(at..at, more);
            }
            4 => {
                let part = data[at..end].to_vec();
                let to = rng.random_range(0..data.len());
                data.splice(to..to, part);
            }
            _ => {
                data.drain(at..end);
            }
        }
    }
}
