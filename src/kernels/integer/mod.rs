//! Matrix products in whole numbers: activations in eight bits, symmetric by row, measured anew for each row as it comes
//! ("dynamic"); weights `[k, n]` in eight bits, symmetric by column, or in four, symmetric by column and block of 32 inputs.
//!
//! `y[r, j] = s[r] · t[j] · Σᵢ q[r, i] · w[i, j]` with `s[r] = max |x[r]| / 127` and `q[r, i] = round(x[r, i] / s[r])`,
//! halves to even; the sum is exact in 32 bits. Dettmers et al., "LLM.int8(): 8-bit Matrix Multiplication for Transformers at
//! Scale" (NeurIPS 2022), calls the scheme vector-wise.
//! In four bits, `y[r, j] = s[r] · Σ_b t[b, j] · Σᵢ q[r, i] · w[i, j]` over the inputs `i` of block `b`, `w` in −8…7 and `t` in sixteen
//! bits: the inner sums exact, the outer in f32, block after block.
//!
//! | module | does |
//! |---|---|
//! | `kernel` | the inner loops, for each machine |
//! | `eight`, `four` | weights in the order in which a kernel reads them |

mod eight;
mod four;
mod kernel;

pub use eight::PackedInt8;
pub use four::PackedInt4;
pub use kernel::Isa;

/// Inputs that share a scale where weights are in four bits.
pub const BLOCK: usize = 32;
/// Least size of a row's largest activation, so that a row of zeros has a scale.
pub const SMALLEST: f32 = 1e-30;
/// Largest whole number of eight bits, symmetric about zero.
pub const LARGEST: f32 = 127.0;

/// To the nearest whole number, halves to even, for magnitudes up to 2²²: adding 1.5 · 2²³ leaves no room for a fraction.
fn round(v: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0;
    (v + MAGIC) - MAGIC
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_even() {
        for (v, wanted) in
            [(0.5, 0.0), (1.5, 2.0), (-0.5, 0.0), (-2.5, -2.0), (126.6, 127.0), (-127.0, -127.0)]
        {
            assert_eq!(round(v), wanted, "{v}");
        }
    }
}
