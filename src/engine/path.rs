//! A row's way through the gates.

/// Most gates a program may have: a path is one integer of two bits a gate.
pub const MAX_GATES: usize = 64;

/// The gates that a row passed and the branch it took at each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Path(u128);

impl Path {
    /// This path, and then the branch `then` (or else) at `gate`.
    #[must_use]
    pub fn through(self, gate: usize, then: bool) -> Path {
        debug_assert!(gate < MAX_GATES);
        Path(self.0 | (1 << (2 * gate)) | (u128::from(then) << (2 * gate + 1)))
    }

    /// The branch taken at `gate`: `Some(true)` is the then-branch, `None` that the row never got there.
    pub fn at(self, gate: usize) -> Option<bool> {
        (self.0 >> (2 * gate) & 1 == 1).then_some(self.0 >> (2 * gate + 1) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_each_gate() {
        let path = Path::default().through(0, false).through(63, true);
        assert_eq!(path.at(0), Some(false));
        assert_eq!(path.at(1), None);
        assert_eq!(path.at(63), Some(true));
    }
}
