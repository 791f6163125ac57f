//! What a search looks for, and how many rows it needs.

use perforate_base::{Error, ErrorKind};

/// Fewest rows that anything can be fitted to.
pub(super) const FEWEST: usize = 40;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Most exits, or models before the last.
    pub exits: usize,
    /// Share of answers that may differ from the full model's.
    pub risk: f64,
    /// Whether outputs are numbers, and no scores of classes; one number always is.
    pub numbers: bool,
    /// Whether dendritic gates say how sure an exit is, instead of its largest probability.
    pub gates: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { exits: 3, risk: 0.01, numbers: false, gates: false }
    }
}

/// Word on a data set that is too small.
pub(super) fn too_few(rows: usize) -> Error {
    let text = format!(
        "there are {rows} rows to fit to, and {FEWEST} are needed at least: bring more inputs"
    );
    Error::new(ErrorKind::Data, text)
}
