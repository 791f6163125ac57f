//! What one slice of a stage's work came to.

/// Whether the stage goes on, and whether the results changed enough to be shown anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    pub finished: bool,
    pub changed: bool,
}

impl Outcome {
    /// There is more to do.
    pub fn more(changed: bool) -> Outcome {
        Outcome { finished: false, changed }
    }

    /// The stage is finished.
    pub fn finished(changed: bool) -> Outcome {
        Outcome { finished: true, changed }
    }
}
