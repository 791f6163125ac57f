//! What the loops need of a machine's vectors of f32, and the exponential in these terms.

/// A vector of [`Vector::LANES`] numbers.
///
/// # Safety
/// Nothing of it may be called on a machine without the instructions; pointers must be good for as many numbers.
pub unsafe trait Vector: Copy {
    /// Numbers in it.
    const LANES: usize;
    /// Whether there are registers for tiles of eight rows.
    const TALL: bool;

    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn splat(value: f32) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
    /// `self · a + b`, rounded once where the machine can.
    unsafe fn mul_add(self, a: Self, b: Self) -> Self;
    /// Adds the lowest bits of `steps` to the exponents of `self`: times 2ⁿ, where `steps` is [`MAGIC`] + n.
    unsafe fn scale(self, steps: Self) -> Self;
    /// `self` where `x` is not below `limit`, zero elsewhere.
    unsafe fn unless_below(self, x: Self, limit: Self) -> Self;
}

/// A number so large that adding it leaves no room for a fraction: its lowest bits then hold the nearest whole number.
const MAGIC: f32 = 12_582_912.0;
/// Below this, the exponential is zero: 2⁻¹²⁶ is the smallest normal number.
const SMALLEST: f32 = -87.0;

/// The exponential of numbers that are not above zero, to 2e-7 of itself; zero below −87.
///
/// eˣ = 2ⁿ · eʳ with n the whole number nearest to x / ln 2 and |r| ≤ ln 2 / 2; eʳ by its series of seven terms, whose
/// rest is below 2e-8 there. ln 2 is subtracted in two parts, the first of which has few bits.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
pub unsafe fn exp<V: Vector>(x: V) -> V {
    const TERMS: [f32; 6] = [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    // SAFETY: the caller promises the instructions.
    unsafe {
        let limit = V::splat(SMALLEST);
        let own = x.max(limit);
        let steps = own.mul_add(V::splat(std::f32::consts::LOG2_E), V::splat(MAGIC));
        let n = steps.sub(V::splat(MAGIC));
        let rest = n.mul_add(V::splat(-0.693_359_4), own);
        let rest = n.mul_add(V::splat(2.121_944_4e-4), rest);
        let mut series = V::splat(1.0 / 720.0);
        series = rest.mul_add(series, V::splat(TERMS[0]));
        series = rest.mul_add(series, V::splat(TERMS[1]));
        series = rest.mul_add(series, V::splat(TERMS[2]));
        series = rest.mul_add(series, V::splat(TERMS[3]));
        series = rest.mul_add(series, V::splat(TERMS[4]));
        series = rest.mul_add(series, V::splat(TERMS[5]));
        series.scale(steps).unless_below(x, limit)
    }
}
