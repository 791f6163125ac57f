//! Memory held between rounds in random amounts, so that what is measured lies elsewhere in every round.
//!
//! Where a program's data happens to lie changes its speed by some percent, and stays the same for a whole
//! run unless something moves it: intervals within a run then are too narrow (Curtsinger and Berger,
//! "Stabilizer: statistically sound performance evaluation", ASPLOS 2013).

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Blocks held, and the largest in bytes. A few pages are enough: what matters are the low bits of addresses.
const BLOCKS: usize = 16;
const LARGEST: usize = 16 * 1024;

/// Blocks of memory of random sizes; the sizes depend on the round alone.
#[derive(Debug, Default)]
pub struct LayoutRandomizer(Vec<Vec<u8>>);

impl LayoutRandomizer {
    /// Gives up the blocks held and takes those of `round`.
    pub fn shift(&mut self, round: usize) {
        let mut rng = ChaCha8Rng::seed_from_u64(round as u64);
        self.0.clear();
        self.0.extend((0..BLOCKS).map(|_| vec![0; rng.random_range(1..=LARGEST)]));
        // Every other one is given back, so that holes of odd sizes are left for what comes next.
        let mut keep = false;
        self.0.retain(|_| {
            keep = !keep;
            keep
        });
    }
}
