//! Vectors of WebAssembly's 128-bit SIMD.

use std::arch::wasm32::*;

use super::Vector;

/// Four numbers.
#[derive(Clone, Copy)]
pub struct Lanes(v128);

// SAFETY: the target has the instructions; pointers are as good as the caller promises.
unsafe impl Vector for Lanes {
    const LANES: usize = 4;
    const ROWS: usize = 4;
    const VECTORS: usize = 3;
    const MANY: bool = false;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: four numbers, by the caller's promise.
        Lanes(unsafe { v128_load(from.cast()) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the same.
        unsafe { v128_store(to.cast(), self.0) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Lanes(f32x4_splat(value))
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Lanes(f32x4_add(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Lanes(f32x4_sub(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Lanes(f32x4_mul(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        Lanes(f32x4_div(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        // The instruction of x86: `self` where it is less, else `other`.
        Lanes(f32x4_pmin(other.0, self.0))
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        // The instruction of x86: `self` where it is greater, else `other`.
        Lanes(f32x4_pmax(other.0, self.0))
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Self, b: Self) -> Self {
        #[cfg(feature = "relaxed")]
        return Lanes(f32x4_relaxed_madd(self.0, a.0, b.0));
        #[cfg(not(feature = "relaxed"))]
        return Lanes(f32x4_add(f32x4_mul(self.0, a.0), b.0));
    }

    #[inline(always)]
    unsafe fn scale(self, steps: Self) -> Self {
        Lanes(i32x4_add(self.0, i32x4_shl(steps.0, 23)))
    }

    #[inline(always)]
    unsafe fn unless_below(self, x: Self, limit: Self) -> Self {
        Lanes(v128_andnot(self.0, f32x4_lt(x.0, limit.0)))
    }
}
