//! What a run computes and reads, by kind: what an estimate of energy rests on.

use perforate_base::units::{Bytes, Macs};

/// Operations and weights of one row's run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Work {
    /// All multiply-accumulates.
    pub macs: Macs,
    /// Those of them on eight-bit integers.
    pub integer_macs: Macs,
    /// Bytes of the weights that are read, as loaded.
    pub bytes: Bytes,
}

impl Work {
    /// The same with so many operations left out.
    pub fn without(self, spared: Macs) -> Work {
        Work { macs: Macs((self.macs.0 - spared.0).max(0.0)), ..self }
    }
}

impl std::ops::Add for Work {
    type Output = Work;
    fn add(self, other: Work) -> Work {
        Work {
            macs: self.macs + other.macs,
            integer_macs: self.integer_macs + other.integer_macs,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl std::iter::Sum for Work {
    fn sum<I: Iterator<Item = Work>>(all: I) -> Work {
        all.fold(Work::default(), |sum, own| sum + own)
    }
}

impl std::ops::Mul<f64> for Work {
    type Output = Work;
    fn mul(self, factor: f64) -> Work {
        Work {
            macs: self.macs * factor,
            integer_macs: self.integer_macs * factor,
            bytes: self.bytes * factor,
        }
    }
}
