//! Normalisation of rows.

use crate::isa::{Isa, on_each_machine};
use crate::vector::{MOST_LANES, Vector};

on_each_machine! {
    /// All rows.
    ///
    /// # Safety
    /// As for [`rows`].
    unsafe fn rows_on(x: &[f32], epsilon: f32, scale: &[f32], shift: &[f32], y: &mut [f32]) = rows
}

/// Layer normalisation (Ba, Kiros and Hinton, 2016, arXiv 1607.06450): each row of `x`, `[rows, width]`, less its mean,
/// divided by √(variance + ε), times `scale`, plus `shift`, both `[width]`.
///
/// # Panics
/// If a length does not fit.
pub fn layer_norm(isa: Isa, x: &[f32], epsilon: f32, scale: &[f32], shift: &[f32], y: &mut [f32]) {
    let width = scale.len();
    assert!(width > 0 && x.len().is_multiple_of(width), "whole rows");
    assert_eq!((x.len(), width), (y.len(), shift.len()), "as many results, scales and shifts");
    // SAFETY: the lengths were checked; whoever has an `Isa` found its instructions.
    unsafe { rows_on(isa, x, epsilon, scale, shift, y) }
}

/// # Safety
/// The lengths are those that [`layer_norm`] checks; the machine has the instructions of `V`.
#[inline(always)]
unsafe fn rows<V: Vector>(x: &[f32], epsilon: f32, scale: &[f32], shift: &[f32], y: &mut [f32]) {
    let width = scale.len();
    for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
        // SAFETY: vectors begin inside of the row, and of the last one what is left is read and written.
        unsafe {
            let mean = sum::<V>(x, V::splat(0.0), false) / width as f32;
            let variance = sum::<V>(x, V::splat(mean), true) / width as f32;
            let mean = V::splat(mean);
            let factor = V::splat(1.0 / (variance + epsilon).sqrt());
            let mut at = 0;
            while at < width {
                let left = width - at;
                let own = V::load_up_to(x.as_ptr().add(at), left).sub(mean).mul(factor);
                let scale = V::load_up_to(scale.as_ptr().add(at), left);
                let shift = V::load_up_to(shift.as_ptr().add(at), left);
                own.mul_add(scale, shift).store_up_to(y.as_mut_ptr().add(at), left);
                at += V::LANES;
            }
        }
    }
}

/// The sum of numbers less `base`, or of their squares.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn sum<V: Vector>(x: &[f32], base: V, squared: bool) -> f32 {
    // SAFETY: vectors begin inside of the row; the last one is filled up with what adds nothing.
    unsafe {
        let mut sums = [V::splat(0.0); 2];
        let whole = x.len() / V::LANES * V::LANES;
        let mut at = 0;
        while at < whole {
            let own = V::load(x.as_ptr().add(at)).sub(base);
            let place = at / V::LANES % 2;
            sums[place] =
                if squared { own.mul_add(own, sums[place]) } else { sums[place].add(own) };
            at += V::LANES;
        }
        let mut lanes = [0f32; MOST_LANES];
        sums[0].add(sums[1]).store(lanes.as_mut_ptr());
        let mut first = [0f32; MOST_LANES];
        base.store(first.as_mut_ptr());
        let rest = x[whole..].iter().map(|v| v - first[0]);
        let rest: f32 = rest.map(|v| if squared { v * v } else { v }).sum();
        lanes[..V::LANES].iter().sum::<f32>() + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn rows_have_the_mean_and_the_variance_that_are_wanted() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for width in [1, 3, 16, 37, 384] {
            let mut draw = |count: usize| -> Vec<f32> {
                (0..count).map(|_| rng.random_range(-3.0f32..5.0)).collect()
            };
            let (x, scale, shift) = (draw(4 * width), draw(width), draw(width));
            for isa in Isa::all() {
                let mut y = vec![f32::NAN; x.len()];
                layer_norm(isa, &x, 1e-5, &scale, &shift, &mut y);
                for (x, y) in x.chunks_exact(width).zip(y.chunks_exact(width)) {
                    let of = |f: &dyn Fn(f64) -> f64| {
                        x.iter().map(|&v| f(f64::from(v))).sum::<f64>() / width as f64
                    };
                    let mean = of(&|v| v);
                    let variance = of(&|v| (v - mean).powi(2));
                    for (ix, (&x, &y)) in x.iter().zip(y).enumerate() {
                        let own = (f64::from(x) - mean) / (variance + 1e-5).sqrt();
                        let wanted = own * f64::from(scale[ix]) + f64::from(shift[ix]);
                        assert!(
                            (f64::from(y) - wanted).abs() < 2e-5,
                            "{isa:?}, {width}: {y} for {wanted}"
                        );
                    }
                }
            }
        }
    }
}
