//! What the loops need of a machine's vectors of f32, for each machine, and the exponential in these terms.

#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
pub(crate) mod plain;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) mod wasm;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;

/// A vector of [`Vector::LANES`] numbers.
///
/// # Safety
/// Nothing of it may be called on a machine without the instructions; pointers must be good for as many numbers.
pub unsafe trait Vector: Copy {
    /// Numbers in it.
    const LANES: usize;
    /// Whether there are registers for sixteen sums and more.
    const MANY: bool;
    /// Rows of a tile of sums.
    const ROWS: usize;
    /// Most vectors of columns of a tile of sums.
    const VECTORS: usize;

    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn splat(value: f32) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    /// `self` where it is greater, else `other`: so `other` where one of them is not a number.
    unsafe fn max(self, other: Self) -> Self;
    /// `self` where it is less, else `other`: so `other` where one of them is not a number.
    unsafe fn min(self, other: Self) -> Self;
    /// `self · a + b`, rounded once where the machine can.
    unsafe fn mul_add(self, a: Self, b: Self) -> Self;
    /// Adds the lowest bits of `steps` to the exponents of `self`: times 2ⁿ, where `steps` is [`MAGIC`] + n.
    unsafe fn scale(self, steps: Self) -> Self;
    /// `self` where `x` is not below `limit`, zero elsewhere.
    unsafe fn unless_below(self, x: Self, limit: Self) -> Self;

    /// The first `count` numbers, zeros behind them.
    ///
    /// # Safety
    /// `count` is at most [`Vector::LANES`], and `from` good for as many.
    #[inline(always)]
    unsafe fn load_part(from: *const f32, count: usize) -> Self {
        let mut all = [0f32; MOST_LANES];
        // SAFETY: no vector is longer than `all`; the rest as the caller promises.
        unsafe {
            std::ptr::copy_nonoverlapping(from, all.as_mut_ptr(), count);
            Self::load(all.as_ptr())
        }
    }

    /// A vector, or what is left of one.
    ///
    /// # Safety
    /// `from` is good for `left` numbers, or for a whole vector.
    #[inline(always)]
    unsafe fn load_up_to(from: *const f32, left: usize) -> Self {
        // SAFETY: as the caller promises.
        unsafe { if left >= Self::LANES { Self::load(from) } else { Self::load_part(from, left) } }
    }

    /// Writes a vector, or what is left of one.
    ///
    /// # Safety
    /// `to` is good for `left` numbers, or for a whole vector.
    #[inline(always)]
    unsafe fn store_up_to(self, to: *mut f32, left: usize) {
        // SAFETY: as the caller promises.
        unsafe { if left >= Self::LANES { self.store(to) } else { self.store_part(to, left) } }
    }

    /// Writes the first `count` numbers.
    ///
    /// # Safety
    /// `count` is at most [`Vector::LANES`], and `to` good for as many.
    #[inline(always)]
    unsafe fn store_part(self, to: *mut f32, count: usize) {
        let mut all = [0f32; MOST_LANES];
        // SAFETY: no vector is longer than `all`; the rest as the caller promises.
        unsafe {
            self.store(all.as_mut_ptr());
            std::ptr::copy_nonoverlapping(all.as_ptr(), to, count);
        }
    }
}

/// Numbers in the longest vector.
pub const MOST_LANES: usize = 16;

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
