//! Vectors of x86-64: AVX2 with FMA, and AVX-512.

use std::arch::x86_64::*;

use super::Vector;

/// Eight numbers.
#[derive(Clone, Copy)]
pub struct Eight(__m256);

/// Sixteen.
#[derive(Clone, Copy)]
pub struct Sixteen(__m512);

/// The operations that both have under a name of their own.
macro_rules! vector {
    ($name:ident, $lanes:literal, $rows:literal x $vectors:literal, $many:literal, $load:ident $store:ident $splat:ident
     $add:ident $sub:ident $mul:ident $div:ident $max:ident $min:ident $fma:ident
     { $($rest:item)* }) => {
        // SAFETY: whoever calls promises the instructions, and pointers to as many numbers.
        unsafe impl Vector for $name {
            const LANES: usize = $lanes;
            const MANY: bool = $many;
            const ROWS: usize = $rows;
            const VECTORS: usize = $vectors;

            #[inline(always)]
            unsafe fn load(from: *const f32) -> $name {
                // SAFETY: by the caller's promise, as below.
                $name(unsafe { $load(from) })
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                // SAFETY: see above.
                unsafe { $store(to, self.0) }
            }

            #[inline(always)]
            unsafe fn splat(value: f32) -> $name {
                // SAFETY: see above.
                $name(unsafe { $splat(value) })
            }

            #[inline(always)]
            unsafe fn add(self, other: $name) -> $name {
                // SAFETY: see above.
                $name(unsafe { $add(self.0, other.0) })
            }

            #[inline(always)]
            unsafe fn sub(self, other: $name) -> $name {
                // SAFETY: see above.
                $name(unsafe { $sub(self.0, other.0) })
            }

            #[inline(always)]
            unsafe fn mul(self, other: $name) -> $name {
                // SAFETY: see above.
                $name(unsafe { $mul(self.0, other.0) })
            }

            #[inline(always)]
            unsafe fn div(self, other: $name) -> $name {
                // SAFETY: see above.
                $name(unsafe { $div(self.0, other.0) })
            }

            #[inline(always)]
            unsafe fn min(self, other: $name) -> $name {
                // SAFETY: see above.
                $name(unsafe { $min(self.0, other.0) })
            }

            #[inline(always)]
            unsafe fn max(self, other: $name) -> $name {
                // SAFETY: see above.
                $name(unsafe { $max(self.0, other.0) })
            }

            #[inline(always)]
            unsafe fn mul_add(self, a: $name, b: $name) -> $name {
                // SAFETY: see above.
                $name(unsafe { $fma(self.0, a.0, b.0) })
            }

            $($rest)*
        }
    };
}

vector!(Eight, 8, 6 x 2, false, _mm256_loadu_ps _mm256_storeu_ps _mm256_set1_ps
    _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_div_ps _mm256_max_ps _mm256_min_ps _mm256_fmadd_ps {
    #[inline(always)]
    unsafe fn scale(self, steps: Eight) -> Eight {
        // SAFETY: see above.
        unsafe {
            let steps = _mm256_slli_epi32(_mm256_castps_si256(steps.0), 23);
            Eight(_mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(self.0), steps)))
        }
    }

    #[inline(always)]
    unsafe fn unless_below(self, x: Eight, limit: Eight) -> Eight {
        // SAFETY: see above.
        unsafe { Eight(_mm256_andnot_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(x.0, limit.0), self.0)) }
    }
});

vector!(Sixteen, 16, 8 x 3, true, _mm512_loadu_ps _mm512_storeu_ps _mm512_set1_ps
    _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_div_ps _mm512_max_ps _mm512_min_ps _mm512_fmadd_ps {
    #[inline(always)]
    unsafe fn scale(self, steps: Sixteen) -> Sixteen {
        // SAFETY: see above.
        unsafe {
            let steps = _mm512_slli_epi32(_mm512_castps_si512(steps.0), 23);
            Sixteen(_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(self.0), steps)))
        }
    }

    #[inline(always)]
    unsafe fn unless_below(self, x: Sixteen, limit: Sixteen) -> Sixteen {
        // SAFETY: see above.
        unsafe {
            let kept = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(x.0, limit.0);
            Sixteen(_mm512_maskz_mov_ps(kept, self.0))
        }
    }
});
