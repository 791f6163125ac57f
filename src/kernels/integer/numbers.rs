//! The constants of the scheme, and rounding.

/// Inputs that share a scale where weights are in four bits.
pub const BLOCK: usize = 32;
/// Least size of a row's largest activation, so that a row of zeros has a scale.
pub const SMALLEST: f32 = 1e-30;
/// Largest whole number of eight bits, symmetric about zero.
pub const LARGEST: f32 = 127.0;

/// To the nearest whole number, halves to even, for magnitudes up to 2²²: adding 1.5 · 2²³ leaves no room for a fraction,
/// and the low bits then hold the integer. Meaningless for infinity and NaN.
#[inline(always)]
pub(super) fn round(v: f32) -> i32 {
    const MAGIC: f32 = 12_582_912.0;
    (v + MAGIC).to_bits().wrapping_sub(MAGIC.to_bits()) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_even() {
        for (v, wanted) in [(0.5, 0), (1.5, 2), (-0.5, 0), (-2.5, -2), (126.6, 127), (-127.0, -127)]
        {
            assert_eq!(round(v), wanted, "{v}");
        }
    }
}
