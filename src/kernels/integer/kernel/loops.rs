//! Loops that the compiler makes into vectors by itself, once for every machine and once for wider registers.

use super::isa::Isa;
use crate::integer::numbers::round;

macro_rules! loops {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $kind:ty),+) $(-> $result:ty)? $body:block)+) => {
        $(
            $(#[$doc])*
            pub fn $name(isa: Isa, $($arg: $kind),+) $(-> $result)? {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: both have AVX2, and it was detected.
                    Isa::Avx2 | Isa::Avx512Vnni => unsafe { wide::$name($($arg),+) },
                    Isa::Portable => plain::$name($($arg),+),
                }
            }
        )+
        mod plain {
            $(#[inline(always)] pub fn $name($($arg: $kind),+) $(-> $result)? $body)+
        }
        #[cfg(target_arch = "x86_64")]
        mod wide {
            $(
                #[target_feature(enable = "avx2")]
                pub fn $name($($arg: $kind),+) $(-> $result)? {
                    super::plain::$name($($arg),+)
                }
            )+
        }
    };
}

loops! {
    /// The largest magnitude; not finite if one of them is not.
    largest(row: &[f32]) -> f32 {
        // With the sign cleared, bits order numbers by magnitude; infinity and NaN come last.
        f32::from_bits(row.iter().fold(0, |most, v| most.max(v.to_bits() & 0x7fff_ffff)))
    }
    /// Whole numbers nearest to `row / scale`, halves to even.
    quantise(row: &[f32], scale: f32, q: &mut [i16]) {
        for (q, v) in q.iter_mut().zip(row) {
            *q = super::round(v / scale) as i16;
        }
    }
    /// `y = sums · scale of the row · columns`, row by row: rows of `y` are `stride` apart, those of `sums` a panel.
    scale(sums: &[i32], rows: &[f32], columns: &[f32], y: &mut [f32], stride: usize) {
        let panel = sums.len() / rows.len().max(1);
        let lines = sums.chunks_exact(panel.max(1)).zip(y.chunks_mut(stride));
        for ((sums, y), scale) in lines.zip(rows) {
            for ((y, &sum), column) in y.iter_mut().zip(sums).zip(columns) {
                *y = sum as f32 * scale * column;
            }
        }
    }
    /// Two whole numbers in −8…7 from each byte, 8 added in it: the lower four bits to the first half of `out`, the
    /// higher four to the second.
    unpack(bytes: &[u8], out: &mut [i8]) {
        let (low, high) = out.split_at_mut(bytes.len());
        for ((low, high), byte) in low.iter_mut().zip(high).zip(bytes) {
            *low = (byte & 15) as i8 - 8;
            *high = (byte >> 4) as i8 - 8;
        }
    }
}
