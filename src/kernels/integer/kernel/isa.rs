//! The instructions of a machine, and what kernels made of them want.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128", feature = "relaxed"))]
use super::relaxed::Mode;

/// The instructions that a kernel uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isa {
    /// Plain Rust.
    Portable,
    /// WebAssembly's 128-bit SIMD: `i32x4.dot_i16x8_s`.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128,
    /// WebAssembly's relaxed SIMD: `i32x4.relaxed_dot_i8x16_i7x16_add_s`.
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128", feature = "relaxed"))]
    Relaxed(Mode),
    /// `vpmaddwd`.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// `vpdpbusd` on 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
}

impl Isa {
    /// The best of this machine.
    pub fn detect() -> Isa {
        Self::all().last().copied().unwrap_or(Isa::Portable)
    }

    /// All that this machine has, the best last.
    pub fn all() -> Vec<Isa> {
        #[allow(unused_mut)] // machines with plain Rust alone add nothing
        let mut all = vec![Isa::Portable];
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        all.push(Isa::Simd128);
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128", feature = "relaxed"))]
        if crate::isa::is_fused(crate::isa::Isa::detect()) {
            all.push(Isa::Relaxed(Mode::detect()));
        }
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                all.push(Isa::Avx2);
            }
            if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
                all.push(Isa::Avx512Vnni);
            }
        }
        all
    }

    /// Inputs that one instruction multiplies and adds up for one output.
    pub fn group(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => 4,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128", feature = "relaxed"))]
            Isa::Relaxed(_) => 4,
            _ => 2,
        }
    }

    /// Outputs that a kernel computes together.
    pub fn panel(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => 32,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => 16,
            _ => 8,
        }
    }

    /// What is added to every activation, for instructions that want one of them without a sign.
    pub fn offset(self) -> i32 {
        match self {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512Vnni => 128,
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128", feature = "relaxed"))]
            Isa::Relaxed(Mode::Shifted) => 128,
            _ => 0,
        }
    }
}
