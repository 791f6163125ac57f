//! What a scanner and a turned page do to it.

use super::SIDE;
use super::random::Random;

/// Ink on paper, as a scanner or a camera sees it.
pub(super) fn scanned(random: &mut Random, ink: &[f64], wear: usize) -> Vec<u8> {
    let level = wear as f64;
    let paper = random.between(0.97 - 0.12 * level, 1.0 - 0.05 * level);
    let contrast = random.between(0.92 - 0.22 * level, 1.0 - 0.1 * level);
    let (across, down) = (random.between(-0.2, 0.2) * level, random.between(-0.2, 0.2) * level);
    let noise = random.between(0.0, 0.02 + 0.025 * level);
    let side = SIDE as f64;
    let mut image = ink.to_vec();
    for _ in 0..random.below(1 + wear.min(1)) {
        image = blurred(&image);
    }
    let seen = |(ix, ink): (usize, &f64)| {
        let (x, y) = ((ix % SIDE) as f64 / side - 0.5, (ix / SIDE) as f64 / side - 0.5);
        let light = 1.0 + across * x + down * y;
        let mut grain = 0.0;
        let bits = random.next();
        for part in 0..4 {
            grain += ((bits >> (16 * part)) & 0xffff) as f64 / 65536.0 - 0.5;
        }
        let value = paper * light * (1.0 - contrast * ink) + grain * noise * 2.0;
        (value.clamp(0.0, 1.0) * 255.0 + 0.5).floor() as u8
    };
    image.iter().enumerate().map(seen).collect()
}

/// Mixed with the neighbours 1 : 2 : 1, first across, then down; the border repeats.
pub(super) fn blurred(image: &[f64]) -> Vec<f64> {
    let mix = |a: f64, b: f64, c: f64| (a + 2.0 * b + c) * 0.25;
    let pass = |image: &[f64], step: usize, place: fn(usize) -> usize| -> Vec<f64> {
        let value = |(ix, &own): (usize, &f64)| {
            let before = if place(ix) == 0 { own } else { image[ix - step] };
            let after = if place(ix) == SIDE - 1 { own } else { image[ix + step] };
            mix(before, own, after)
        };
        image.iter().enumerate().map(value).collect()
    };
    pass(&pass(image, 1, |ix| ix % SIDE), SIDE, |ix| ix / SIDE)
}

/// Turned by quarters of a turn, as often as the label says.
pub(super) fn turned(image: &[u8], label: usize) -> Vec<u8> {
    let last = SIDE - 1;
    let source = |x: usize, y: usize| match label {
        0 => (x, y),
        1 => (y, last - x),
        2 => (last - x, last - y),
        _ => (last - y, x),
    };
    let pixel = |ix: usize| {
        let (x, y) = source(ix % SIDE, ix / SIDE);
        image[y * SIDE + x]
    };
    (0..SIDE * SIDE).map(pixel).collect()
}
