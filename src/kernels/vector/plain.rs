//! Vectors in plain Rust.

use super::Vector;

/// Four numbers.
#[derive(Clone, Copy)]
pub struct Lanes([f32; 4]);

impl Lanes {
    #[inline(always)]
    fn with(self, other: Lanes, f: impl Fn(f32, f32) -> f32) -> Lanes {
        Lanes(std::array::from_fn(|ix| f(self.0[ix], other.0[ix])))
    }
}

// SAFETY: plain Rust, but for the pointers, which are as good as the caller promises.
unsafe impl Vector for Lanes {
    const LANES: usize = 4;
    const ROWS: usize = 4;
    const VECTORS: usize = 2;
    const MANY: bool = false;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Lanes {
        // SAFETY: four numbers, by the caller's promise.
        Lanes(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the same.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Lanes {
        Lanes([value; 4])
    }

    #[inline(always)]
    unsafe fn add(self, other: Lanes) -> Lanes {
        self.with(other, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn sub(self, other: Lanes) -> Lanes {
        self.with(other, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn mul(self, other: Lanes) -> Lanes {
        self.with(other, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn div(self, other: Lanes) -> Lanes {
        self.with(other, |a, b| a / b)
    }

    #[inline(always)]
    unsafe fn min(self, other: Lanes) -> Lanes {
        self.with(other, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    unsafe fn max(self, other: Lanes) -> Lanes {
        self.with(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Lanes, b: Lanes) -> Lanes {
        self.with(a, |x, y| x * y).with(b, |x, y| x + y)
    }

    #[inline(always)]
    unsafe fn scale(self, steps: Lanes) -> Lanes {
        let moved = |a: f32, steps: f32| {
            f32::from_bits(a.to_bits().wrapping_add(steps.to_bits().wrapping_shl(23)))
        };
        self.with(steps, moved)
    }

    #[inline(always)]
    unsafe fn unless_below(self, x: Lanes, limit: Lanes) -> Lanes {
        let kept = x.with(limit, |x, limit| if x < limit { 0.0 } else { 1.0 });
        self.with(kept, |a, kept| if kept == 0.0 { 0.0 } else { a })
    }
}
