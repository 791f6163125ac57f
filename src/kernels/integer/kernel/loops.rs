//! Loops that the compiler makes into vectors by itself, once for every machine and once for wider registers.

use super::isa::Isa;

macro_rules! loops {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $kind:ty),+) $body:block)+) => {
        $(
            $(#[$doc])*
            pub fn $name(isa: Isa, $($arg: $kind),+) {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: both have AVX2, and it was detected.
                    Isa::Avx2 | Isa::Avx512Vnni => unsafe { wide::$name($($arg),+) },
                    Isa::Portable => plain::$name($($arg),+),
                }
            }
        )+
        mod plain {
            $(#[inline(always)] pub fn $name($($arg: $kind),+) $body)+
        }
        #[cfg(target_arch = "x86_64")]
        mod wide {
            $(
                #[target_feature(enable = "avx2")]
                pub fn $name($($arg: $kind),+) {
                    super::plain::$name($($arg),+);
                }
            )+
        }
    };
}

loops! {
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
