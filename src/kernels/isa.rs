//! Which vectors a machine has, and how a loop that is written once is compiled for each of them.

use std::sync::OnceLock;

use crate::vector::*;

/// The vectors of f32 that the loops use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// Plain Rust.
    Portable,
    /// WebAssembly's 128-bit SIMD; multiplied and added at once where the module and the browser know relaxed SIMD.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
    /// 128 bits of 64-bit Arm.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// 256 bits, multiplied and added at once.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// The best of this machine.
    pub fn detect() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::all().last().copied().unwrap_or(Isa::Portable))
    }

    /// All that this machine has, the best last.
    pub fn all() -> Vec<Isa> {
        #[allow(unused_mut)] // machines with plain Rust alone add nothing
        let mut all = vec![Isa::Portable];
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        all.push(Isa::Simd128);
        #[cfg(target_arch = "aarch64")]
        all.push(Isa::Neon);
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                all.push(Isa::Avx2);
            }
            if is_x86_feature_detected!("avx512f") {
                all.push(Isa::Avx512);
            }
        }
        all
    }

    /// The instructions, as a report names them.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Portable => "none",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Isa::Simd128 if is_fused(self) => "simd128+relaxed-simd",
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Isa::Simd128 => "simd128",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => "neon",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2+fma",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "avx512f",
        }
    }

    /// Most vectors of columns of a tile of sums.
    pub(crate) fn vectors(self) -> usize {
        match self {
            Isa::Portable => plain::Lanes::VECTORS,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Isa::Simd128 => wasm::Lanes::VECTORS,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => neon::Lanes::VECTORS,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => x86::Eight::VECTORS,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => x86::Sixteen::VECTORS,
        }
    }

    /// Numbers in a vector.
    pub fn lanes(self) -> usize {
        match self {
            Isa::Portable => 4,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Isa::Simd128 => 4,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => 4,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => 8,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => 16,
        }
    }
}

/// Whether products are added before they are rounded: of one module there are two, which differ in nothing else.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
fn is_fused(isa: Isa) -> bool {
    // (1 + ε)(1 − ε) − 1 is −ε², or zero where the product is rounded first.
    let packed = crate::product::Packed::new(isa, 1, 1, |_, _| 1.0 - f32::EPSILON);
    let finish = crate::product::Finish { bias: Some(&[-1.0]), ..Default::default() };
    let mut y = [0f32];
    crate::product::dense(&[1.0 + f32::EPSILON], &packed, finish, &mut y);
    y[0] != 0.0
}

/// Makes of a function that is generic over [`Vector`](crate::vector::Vector) one that takes an [`Isa`] first, compiled
/// with the instructions of each.
///
/// Whoever calls it promises that the machine has them, beside what the function itself wants.
macro_rules! on_each_machine {
    ($(#[$meta:meta])* $vis:vis unsafe fn $name:ident($($arg:ident: $type:ty),* $(,)?) = $generic:ident) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis unsafe fn $name(isa: $crate::isa::Isa, $($arg: $type),*) {
            use $crate::isa::Isa;
            use $crate::vector;

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx2($($arg: $type),*) {
                // SAFETY: as the caller promises.
                unsafe { $generic::<vector::x86::Eight>($($arg),*) }
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f")]
            #[allow(clippy::too_many_arguments)]
            unsafe fn avx512($($arg: $type),*) {
                // SAFETY: as the caller promises.
                unsafe { $generic::<vector::x86::Sixteen>($($arg),*) }
            }

            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            #[cfg_attr(feature = "relaxed", target_feature(enable = "relaxed-simd"))]
            #[allow(clippy::too_many_arguments)]
            unsafe fn simd128($($arg: $type),*) {
                // SAFETY: as the caller promises.
                unsafe { $generic::<vector::wasm::Lanes>($($arg),*) }
            }

            // SAFETY: as the caller promises.
            unsafe {
                match isa {
                    Isa::Portable => $generic::<vector::plain::Lanes>($($arg),*),
                    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
                    Isa::Simd128 => simd128($($arg),*),
                    #[cfg(target_arch = "aarch64")]
                    Isa::Neon => $generic::<vector::neon::Lanes>($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => avx2($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => avx512($($arg),*),
                }
            }
        }
    };
}

pub(crate) use on_each_machine;
