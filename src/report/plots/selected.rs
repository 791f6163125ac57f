//! What a chart marks.

/// The point that a plot marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selected {
    /// None.
    Nothing,
    /// The full model.
    Full,
    /// This point of the curve.
    Knob(usize),
}
