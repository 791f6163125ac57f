//! Functions of single numbers that follow a product.

use crate::vector::{Vector, exp};

/// What is applied to each number before it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// max(x, 0).
    Relu,
    /// Between the two.
    Clip(f32, f32),
    /// x, or this times x where it is negative.
    LeakyRelu(f32),
    /// x · clip(x / 6 + 1/2, 0, 1).
    HardSwish,
    /// x · (1 + erf(x / √2)) / 2.
    Gelu,
}

impl Activation {
    /// What it keeps numbers between, where that is all that it does.
    #[inline(always)]
    pub(crate) fn bounds(self) -> Option<(f32, f32)> {
        match self {
            Activation::Relu => Some((0.0, f32::INFINITY)),
            Activation::Clip(low, high) => Some((low, high)),
            _ => None,
        }
    }

    /// Whether it takes more than that.
    #[inline(always)]
    pub(crate) fn is_long(self) -> bool {
        !matches!(self, Activation::None | Activation::Relu | Activation::Clip(..))
    }

    /// Of a vector. What is not a number stays so.
    ///
    /// # Safety
    /// As for [`Vector`].
    #[inline(always)]
    pub(crate) unsafe fn apply<V: Vector>(self, x: V) -> V {
        // SAFETY: the caller promises the instructions. Where one operand is not a number, the second one is given back.
        unsafe {
            let zero = V::splat(0.0);
            match self {
                Activation::None => x,
                Activation::Relu => zero.max(x),
                Activation::Clip(low, high) => V::splat(high).min(V::splat(low).max(x)),
                Activation::LeakyRelu(slope) => zero.max(x).add(zero.min(x).mul(V::splat(slope))),
                Activation::HardSwish => {
                    let gate = x.mul_add(V::splat(1.0 / 6.0), V::splat(0.5));
                    x.mul(V::splat(1.0).min(zero.max(gate)))
                }
                Activation::Gelu => gelu(x),
            }
        }
    }
}

/// x · (1 + erf(x / √2)) / 2, to 2e-7.
///
/// erfc(z) = (a₁t + … + a₅t⁵) · e^(−z²) with t = 1 / (1 + pz), for z ≥ 0 (Abramowitz and Stegun, 7.1.26, error below
/// 1.5e-7); the other half by symmetry.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn gelu<V: Vector>(x: V) -> V {
    const P: f32 = 0.327_591_1;
    const A: [f32; 5] = [0.254_829_6, -0.284_496_72, 1.421_413_8, -1.453_152_1, 1.061_405_4];
    // SAFETY: the caller promises the instructions.
    unsafe {
        let zero = V::splat(0.0);
        let negative = zero.min(x);
        let size = zero.max(x).sub(negative);
        let z = size.mul(V::splat(std::f32::consts::FRAC_1_SQRT_2));
        let t = V::splat(1.0).div(z.mul_add(V::splat(P), V::splat(1.0)));
        let mut series = t.mul_add(V::splat(A[4]), V::splat(A[3]));
        series = series.mul_add(t, V::splat(A[2]));
        series = series.mul_add(t, V::splat(A[1]));
        series = series.mul_add(t, V::splat(A[0]));
        let tail = series.mul(t).mul(exp(zero.sub(z.mul(z))));
        // x · Φ(x) = max(x, 0) − |x| · erfc(|x| / √2) / 2.
        zero.max(x).sub(size.mul(tail).mul(V::splat(0.5)))
    }
}
