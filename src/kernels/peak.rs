//! The most that a core can multiply and add: what kernels are compared with.

use crate::isa::{Isa, on_each_machine};
use crate::vector::{MOST_LANES, Vector};

/// Sums that do not wait for one another.
const SUMS: usize = 12;

on_each_machine! {
    /// # Safety
    /// As for [`steps_of`].
    unsafe fn steps_on(steps: usize, out: &mut f32) = steps_of
}

/// Multiplies and adds `steps` times in registers alone. Returns how many operations that were, and a number that depends on
/// all of them.
pub fn multiply_and_add(isa: Isa, steps: usize) -> (f64, f32) {
    let mut out = 0.0;
    // SAFETY: whoever has an `Isa` found its instructions.
    unsafe { steps_on(isa, steps, &mut out) };
    ((2 * SUMS * isa.lanes() * steps) as f64, out)
}

/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn steps_of<V: Vector>(steps: usize, out: &mut f32) {
    // SAFETY: the caller promises the instructions; no vector is longer than `lanes`.
    unsafe {
        // Kept from the compiler, which would see that one stays one.
        let of = |number: f32| std::hint::black_box(number);
        let (factor, more) = (V::splat(of(0.999)), V::splat(of(1e-3)));
        let mut sums = [V::splat(of(1.0)); SUMS];
        for _ in 0..steps {
            for sum in &mut sums {
                *sum = sum.mul_add(factor, more);
            }
        }
        let mut all = sums[0];
        for sum in &sums[1..] {
            all = all.add(*sum);
        }
        let mut lanes = [0f32; MOST_LANES];
        all.store(lanes.as_mut_ptr());
        *out = lanes.iter().sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_counts() {
        for isa in Isa::all() {
            let (operations, none) = multiply_and_add(isa, 0);
            assert_eq!((operations, none), (0.0, (SUMS * isa.lanes()) as f32), "{isa:?}");
            let (operations, three) = multiply_and_add(isa, 3);
            assert_eq!(operations, (2 * 3 * SUMS * isa.lanes()) as f64, "{isa:?}");
            // 1 stays 1: 0.999 of it and a thousandth more.
            assert!((three / none - 1.0).abs() < 1e-5, "{isa:?}: {three}");
        }
    }
}
