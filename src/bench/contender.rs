//! Who is timed: the identity of a contender within one interleaved measurement.

/// A contender of a timing round; the timer that measures it gives the number out, in the order in
/// which contenders take their turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContenderId(usize);

impl ContenderId {
    /// The contender that was added after `index` others.
    pub const fn new(index: usize) -> ContenderId {
        ContenderId(index)
    }

    /// How many were added before it.
    pub fn index(self) -> usize {
        self.0
    }

    /// The first `count` contenders, in order.
    pub fn first(count: usize) -> impl DoubleEndedIterator<Item = ContenderId> {
        (0..count).map(ContenderId)
    }
}
