//! `kernels` and `lengths`: times our kernels against tract's.

use std::collections::BTreeMap;
use std::path::Path;

use perforate::Result;
use perforate::bench::ablation::Choice;
use perforate::bench::clock::SystemClock;
use perforate::bench::kernels;
use perforate::bench::lengths::{Compared, attention};
use perforate::bench::stats::Interval;
use perforate::units::Seconds;
use perforate_lab::ablations::Ablations;
use perforate_lab::lengths::{self as long, Long};

use super::io::{read, say};

/// How many times as fast.
fn times(Interval { lo, median, hi }: Interval) -> String {
    format!("{median:.2} ({lo:.2}–{hi:.2})")
}

fn read_files() -> Result<BTreeMap<String, Vec<u8>>> {
    long::files().map(|file| Ok((file.to_string(), read(Path::new(file))?))).collect()
}

/// Times our kernels at the shapes of MiniLM.
pub fn kernels(rounds: usize) -> Result<()> {
    say!(
        "rows × inputs × outputs\tf32\teight bits, times as fast\tdeviation\tfour bits, times as fast\tdeviation"
    );
    for shape in kernels::SHAPES {
        let [rows, k, n] = shape;
        let timing = kernels::integers(&SystemClock::default(), shape, rounds)?;
        let of = |ix: usize| {
            let (speedup, deviation) = (timing.speedups[ix], timing.deviations[ix]);
            format!("{}\t{:.2} %", times(speedup), 100.0 * deviation)
        };
        say!("{rows} × {k} × {n}\t{}\t{}\t{}", Seconds(timing.f32_s.median), of(0), of(1));
    }
    Ok(())
}

/// Times perforated attention, by itself and in the sentence transformer, at several lengths.
pub fn lengths(wanted: &[usize], batch: usize, rounds: usize) -> Result<()> {
    let clock = SystemClock::default();
    let long = Long::read(&read_files()?)?;
    let tell = |what: &str, found: &Compared| -> Result<()> {
        let [tokens, rows] = found.shape;
        let each = found.speedups.iter().zip(&found.kept).zip(&found.deviations);
        let each: Vec<String> = each
            .map(|((speedup, kept), off)| {
                format!(
                    "{} ({:.1} % of the operations, off {:.3})",
                    times(*speedup),
                    100.0 * kept,
                    off
                )
            })
            .collect();
        let [dense, perforated] = found.peaks;
        say!(
            "{tokens}\t{rows}\t{what}\t{}\t{}\t{dense} → {perforated}",
            Seconds(found.dense_s.median),
            each.join("\t")
        );
        Ok(())
    };
    say!("tokens\ttexts\twhat\tdense\tnothing left out\thalf left out\tmost memory alive");
    for &tokens in wanted {
        let (pair, one) = attention(tokens, long::HEADS, long::DEPTH)?;
        tell("attention", &pair.compare(&clock, one, tokens, rounds)?)?;
        let texts = long.texts(tokens, 0, batch)?;
        tell("transformer", &long.pair(tokens)?.compare(&clock, texts, tokens, rounds)?)?;
    }
    Ok(())
}

/// Says what each way to choose blocks does to the answer.
pub fn ablations(tokens: usize, texts: usize) -> Result<()> {
    let long = Long::read(&read_files()?)?;
    say!("choice\ttarget\tleft out\toff");
    let mut ablations = Ablations::new(&long, tokens, texts)?;
    for target in [0.2, 0.4, 0.5, 0.6, 0.8] {
        for choice in Choice::ALL {
            let found = ablations.at(&long, target, choice)?;
            let (name, out) = (choice.name(), 100.0 * found.left_out);
            say!("{name}\t{target:.1}\t{out:.1} %\t{:.4}", found.deviation);
        }
    }
    Ok(())
}
