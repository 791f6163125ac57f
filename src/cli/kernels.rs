//! `kernels`: times our products, in f32 and in whole numbers.

use crate::Result;
use crate::units::Seconds;
use perforate_bench::clock::SystemClock;
use perforate_bench::kernels;
use perforate_bench::stats::Interval;

use super::table::print_table;

/// How many times as fast.
fn times(Interval { lo, median, hi }: Interval) -> String {
    format!("{median:.2} ({lo:.2}–{hi:.2})")
}

/// Times our kernels at the shapes of MiniLM.
pub fn kernels(rounds: usize) -> Result<()> {
    let peak = kernels::peak(&SystemClock::default());
    println!("{}: {peak:.0} GFLOP/s at most, on one core", kernels::instructions());
    let mut rows = vec![];
    for shape in kernels::SHAPES {
        let [inputs, k, n] = shape;
        let timing = kernels::integers(&SystemClock::default(), shape, rounds)?;
        let of = |ix: usize| {
            let (speedup, deviation) = (timing.speedups[ix], timing.deviations[ix]);
            [times(speedup), format!("{:.2} %", 100.0 * deviation)]
        };
        let mut row =
            vec![format!("{inputs} × {k} × {n}"), Seconds(timing.f32_s.median).to_string()];
        row.push(format!("{:.0} ({:.0} %)", timing.gflops, 100.0 * timing.gflops / peak));
        row.extend([of(0), of(1)].concat());
        rows.push(row);
    }
    let titles = [
        "rows × inputs × outputs",
        "f32",
        "GFLOP/s (of the most)",
        "8 bits, speed-up",
        "deviation",
        "4 bits, speed-up",
        "deviation",
    ];
    print_table(&titles, rows)
}
