//! Matrix products in eight bits: weights `[k, n]` symmetric by column, activations symmetric by row, measured anew for
//! each row as it comes ("dynamic").
//!
//! `y[r, j] = s[r] · t[j] · Σᵢ q[r, i] · w[i, j]` with `s[r] = max |x[r]| / 127` and `q[r, i] = round(x[r, i] / s[r])`,
//! halves to even; the sum is exact in 32 bits. Dettmers et al., "LLM.int8(): 8-bit Matrix Multiplication for Transformers at
//! Scale" (NeurIPS 2022), calls the scheme vector-wise.
//!
//! | room | does |
//! |---|---|
//! | `kernel` | the inner loops, for each machine: the one place with `unsafe` |
//! | `packed` | weights in the order in which a kernel reads them |
//! | `op` | the operator that tract runs |

mod kernel;
mod op;
mod packed;

pub use kernel::Isa;
pub use op::{Int8MatMul, parse};
pub use packed::Packed;

use crate::onnx::functions::{DYNAMIC_INT8_MATMUL as NAME, LARGEST, SMALLEST};

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
