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
//! | `numbers` | constants of the scheme, rounding |
//! | `eight`, `four` | weights in the order in which a kernel reads them |

mod eight;
mod four;
mod kernel;
mod numbers;

pub use eight::PackedInt8;
pub use four::PackedInt4;
pub use kernel::Isa;
pub use numbers::{BLOCK, LARGEST, SMALLEST};

#[cfg(test)]
mod tests;
