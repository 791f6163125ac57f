//! Vectors of 64-bit Arm.

use std::arch::aarch64::*;

use super::Vector;

/// Four numbers.
#[derive(Clone, Copy)]
pub struct Lanes(float32x4_t);

// SAFETY: every 64-bit Arm processor has the instructions; pointers are as good as the caller promises.
unsafe impl Vector for Lanes {
    const LANES: usize = 4;
    const ROWS: usize = 6;
    const VECTORS: usize = 4;
    const MANY: bool = true;

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Lanes {
        // SAFETY: four numbers, by the caller's promise.
        Lanes(unsafe { vld1q_f32(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the same.
        unsafe { vst1q_f32(to, self.0) }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Lanes {
        // SAFETY: the processor has it, as below.
        Lanes(unsafe { vdupq_n_f32(value) })
    }

    #[inline(always)]
    unsafe fn add(self, other: Lanes) -> Lanes {
        // SAFETY: see above.
        Lanes(unsafe { vaddq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, other: Lanes) -> Lanes {
        // SAFETY: see above.
        Lanes(unsafe { vsubq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, other: Lanes) -> Lanes {
        // SAFETY: see above.
        Lanes(unsafe { vmulq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn div(self, other: Lanes) -> Lanes {
        // SAFETY: see above.
        Lanes(unsafe { vdivq_f32(self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn max(self, other: Lanes) -> Lanes {
        // SAFETY: see above.
        Lanes(unsafe { vbslq_f32(vcgtq_f32(self.0, other.0), self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn min(self, other: Lanes) -> Lanes {
        // SAFETY: see above.
        Lanes(unsafe { vbslq_f32(vcltq_f32(self.0, other.0), self.0, other.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, a: Lanes, b: Lanes) -> Lanes {
        // SAFETY: see above.
        Lanes(unsafe { vfmaq_f32(b.0, self.0, a.0) })
    }

    #[inline(always)]
    unsafe fn scale(self, steps: Lanes) -> Lanes {
        // SAFETY: see above.
        unsafe {
            let steps = vshlq_n_s32::<23>(vreinterpretq_s32_f32(steps.0));
            Lanes(vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(self.0), steps)))
        }
    }

    #[inline(always)]
    unsafe fn unless_below(self, x: Lanes, limit: Lanes) -> Lanes {
        // SAFETY: see above.
        unsafe {
            let below = vcltq_f32(x.0, limit.0);
            let kept = vbicq_u32(vreinterpretq_u32_f32(self.0), below);
            Lanes(vreinterpretq_f32_u32(kept))
        }
    }
}
