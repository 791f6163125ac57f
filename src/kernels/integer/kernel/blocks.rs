//! Weights with a scale for each block of inputs.

/// A panel of weights whose blocks of inputs have scales of their own.
#[derive(Debug)]
pub struct Blocks<'a> {
    /// Inputs in a block.
    pub size: usize,
    /// One panel, in the order of [`multiply`](super::multiply).
    pub weights: &'a [i8],
    /// By block, one for each column.
    pub scales: &'a [f32],
    /// By block, what each column's sum begins with.
    pub shift: &'a [i32],
}
