//! `lengths` and `ablations` on the command line.

use std::collections::BTreeMap;

use perforate_base::Result;
use perforate_base::units::Seconds;
use perforate_bench::stats::Interval;

use super::ablation::Choice;
use super::ablations::Ablations;
use super::study::TARGETS;
use super::texts::{DEPTH, HEADS, LongTexts, files};
use super::timing::{LENGTHS, LengthComparison, attention};
use crate::command::{Argument, Command, Host, Value};

/// The subcommands.
pub fn commands() -> Vec<Command> {
    let count = |name, default, help| Argument::new(name, Value::Count(default), help);
    let tokens = Argument::new("tokens", Value::Counts(&LENGTHS), "Lengths of the texts in tokens");
    vec![
        Command {
            name: "lengths",
            about: "Time perforated attention, alone and in the sentence transformer, against dense attention at several lengths",
            arguments: vec![
                tokens,
                count("texts", 1, "Texts at once"),
                count("rounds", 9, "Rounds for each length"),
            ],
            run: lengths,
        },
        Command {
            name: "ablations",
            about: "Leave out blocks of keys by the learned importance, by parts of it, by distance and at random: how large is the error?",
            arguments: vec![
                count("tokens", 512, "Length of the texts in tokens"),
                count("texts", 6, "Number of texts"),
            ],
            run: ablations,
        },
    ]
}

fn read(host: &dyn Host) -> Result<LongTexts> {
    let files = files().into_iter().map(|name| Ok((name.clone(), host.project_file(&name)?)));
    LongTexts::read(&files.collect::<Result<BTreeMap<_, _>>>()?)
}

fn times(Interval { lo, median, hi, .. }: Interval) -> String {
    format!("{median:.2} ({lo:.2}–{hi:.2})")
}

fn lengths(host: &dyn Host) -> Result<()> {
    let clock = host.clock();
    let long = read(host)?;
    let row = |what: &str, found: &LengthComparison| -> Vec<String> {
        let [tokens, rows] = found.shape;
        let each = found.speedups.iter().zip(&found.kept).zip(&found.deviations);
        let each = each.map(|((speedup, kept), off)| {
            let kept = 100.0 * kept;
            format!("{} ({kept:.1} % of the operations, off {off:.3})", times(*speedup))
        });
        let [dense, perforated] = found.peaks;
        let mut cells = vec![tokens.to_string(), rows.to_string(), what.to_string()];
        cells.push(Seconds(found.dense_s.median).to_string());
        cells.extend(each);
        cells.push(format!("{dense} → {perforated}"));
        cells
    };
    let mut rows = vec![];
    let (batch, rounds) = (host.count("texts"), host.count("rounds"));
    let wanted = host.counts("tokens");
    for (done, &tokens) in wanted.iter().enumerate() {
        host.progress(done, wanted.len());
        let (pair, one) = attention(tokens, HEADS, DEPTH)?;
        rows.push(row("attention", &pair.compare(&&*clock, one, tokens, rounds)?));
        let texts = long.texts(tokens, 0, batch)?;
        let pair = long.pair(tokens)?;
        rows.push(row("transformer", &pair.compare(&&*clock, texts, tokens, rounds)?));
    }
    let titles =
        ["tokens", "texts", "what", "dense", "nothing left out", "half left out", "peak memory"];
    host.table(&titles, rows)
}

fn ablations(host: &dyn Host) -> Result<()> {
    let long = read(host)?;
    let mut ablations = Ablations::new(&long, host.count("tokens"), host.count("texts"))?;
    let mut rows = vec![];
    for target in TARGETS {
        for choice in Choice::ALL {
            let found = ablations.at(&long, target, choice)?;
            let out = 100.0 * found.left_out;
            rows.push(vec![
                choice.name().to_string(),
                format!("{target:.1}"),
                format!("{out:.1} %"),
                format!("{:.4}", found.deviation),
            ]);
        }
    }
    host.table(&["choice", "target", "left out", "off"], rows)
}
