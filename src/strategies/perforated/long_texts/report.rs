//! What perforated attention is worth at each length, and what its blocks are chosen by.

use serde::{Deserialize, Serialize};

use perforate_base::units::{Seconds, percent, three_digits};
use perforate_bench::stats::Interval;

use super::ablation::{Ablation, Choice};
use super::timing::LengthComparison;

/// The publication's figures for BERT: tokens, and how much faster it was said to be, in percent.
const PUBLISHED: [(usize, u32); 3] = [(128, 34), (512, 43), (2048, 55)];

/// Times, memory and deviations, as far as measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LengthsReport {
    /// Attention by itself, by length.
    pub attention: Vec<LengthComparison>,
    /// The transformer around it, by length and number of texts.
    pub transformer: Vec<LengthComparison>,
    /// Choices of blocks, by target and choice.
    pub ablations: Vec<Ablation>,
}

impl LengthsReport {
    /// The transformer on one text, by length.
    pub fn one_text(&self) -> impl Iterator<Item = &LengthComparison> {
        self.transformer.iter().filter(|compared| compared.shape[1] == 1)
    }

    /// Titles and cells of a row of a table, for each comparison.
    pub fn cells(&self) -> impl Iterator<Item = Vec<(&'static str, String)>> {
        let of = |what: &'static str| move |compared: &LengthComparison| cells(what, compared);
        let attention = self.attention.iter().map(of("attention"));
        attention.chain(self.transformer.iter().map(of("transformer")))
    }

    /// What is found, in sentences.
    pub fn findings(&self) -> Vec<String> {
        let longest = self.one_text().max_by_key(|compared| compared.shape[0]);
        let shortest = self.one_text().min_by_key(|compared| compared.shape[0]);
        let mut findings: Vec<String> =
            longest.map(|long| self.at_length(long)).into_iter().collect();
        if let (Some(short), true) = (shortest, shortest != longest) {
            findings.push(limit(short));
        }
        let published: Vec<String> = self.one_text().filter_map(beside).collect();
        if !published.is_empty() {
            findings.push(format!("Published for BERT: {}.", published.join("; ")));
        }
        if longest.is_some_and(|long| long.shape[0] > 512) {
            findings.push("Positions beyond 512 are read between the learned ones.".into());
        }
        findings.extend(self.choices());
        findings
    }

    fn at_length(&self, long: &LengthComparison) -> String {
        let tokens = long.shape[0];
        let alone = self.attention.iter().find(|compared| compared.shape[0] == tokens);
        let alone = alone.map_or(String::new(), |alone| {
            format!(
                " Attention by itself is {} as fast, and {} with nothing left out: that much is the kernel’s own doing.",
                times(alone.speedups[1]),
                times(alone.speedups[0])
            )
        });
        format!(
            "At {} tokens, with half of the blocks to be left out, the transformer is {} as fast as with dense attention ({} with nothing left out), its answer off by {}, and holds {} of the memory.{alone}",
            tokens,
            times(long.speedups[1]),
            times(long.speedups[0]),
            percent(long.deviations[1], 1),
            percent(long.peaks[1].0 / long.peaks[0].0, 0),
        )
    }

    /// Whether what was learned is worth more than less of it, and than chance.
    fn choices(&self) -> Vec<String> {
        let of = |choice: Choice| -> Vec<&Ablation> {
            self.ablations.iter().filter(|ablation| ablation.choice == choice).collect()
        };
        let learned = of(Choice::Learned);
        let complete = Choice::ALL.iter().all(|&choice| of(choice).len() == learned.len());
        if learned.is_empty() || !complete {
            return vec![];
        }
        let nearer = |other: Choice| -> usize {
            learned
                .iter()
                .zip(of(other))
                .filter(|(own, other)| own.deviation < other.deviation)
                .count()
        };
        let all = learned.len();
        let told: Vec<String> = Choice::ALL[1..]
            .iter()
            .map(|&other| format!("{} at {} of {all}", other.name(), nearer(other)))
            .collect();
        let best = Choice::ALL[1..3].iter().map(|&other| nearer(other)).min().unwrap_or(0);
        let verdict = if nearer(Choice::Random) < all {
            "What was learned does not beat chance at every target."
        } else if best == all {
            "The published order, adaptive before fixed thresholds and patterns before windows and chance, is confirmed."
        } else {
            "Learning beats windows and chance, but the published gain of adaptive over fixed thresholds and patterns is refuted here: it is small, or missing."
        };
        vec![format!(
            "Blocks chosen as learned leave the answer nearer to the dense one than those chosen by {} targets. {verdict}",
            told.join(", ")
        )]
    }
}

fn times(speedup: Interval) -> String {
    let [lo, hi] = [speedup.lo, speedup.hi].map(three_digits);
    format!("{}× ({lo}–{hi})", three_digits(speedup.median))
}

/// What arithmetic allows at a length, and what was reached.
fn limit(short: &LengthComparison) -> String {
    format!(
        "At {} tokens attention is {} of the operations: leaving out half of it cannot make the transformer more than {}× as fast by itself, and all of it {}×. Measured: {}, of which {} with nothing left out.",
        short.shape[0],
        percent(short.attention, 1),
        three_digits(1.0 / (1.0 - short.attention / 2.0)),
        three_digits(1.0 / (1.0 - short.attention)),
        times(short.speedups[1]),
        times(short.speedups[0]),
    )
}

/// What was published for this length, beside what is measured.
fn beside(compared: &LengthComparison) -> Option<String> {
    let (tokens, said) = PUBLISHED.into_iter().find(|(tokens, _)| *tokens == compared.shape[0])?;
    let here = 100.0 * (compared.speedups[1].median - 1.0);
    Some(format!("{said}\u{a0}% faster at {tokens} tokens, here {here:.0}\u{a0}%"))
}

fn cells(what: &str, compared: &LengthComparison) -> Vec<(&'static str, String)> {
    let [tokens, texts] = compared.shape;
    let [dense, perforated] = compared.peaks;
    vec![
        ("what", what.to_string()),
        ("tokens", tokens.to_string()),
        ("texts", texts.to_string()),
        ("dense", Seconds(compared.dense_s.median).to_string()),
        ("nothing left out", times(compared.speedups[0])),
        ("half left out", times(compared.speedups[1])),
        ("by operations", format!("{}×", three_digits(1.0 / compared.kept[1]))),
        ("attention’s share", percent(compared.attention, 1)),
        ("off", percent(compared.deviations[1], 1)),
        ("memory of a text", format!("{dense} → {perforated}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use perforate_base::units::{Bytes, Macs};

    fn at(value: f64) -> Interval {
        Interval { lo: value, median: value, hi: value }
    }

    fn compared(tokens: usize, attention: f64) -> LengthComparison {
        LengthComparison {
            shape: [tokens, 1],
            dense_s: at(1.0),
            speedups: vec![at(1.1), at(1.25)],
            macs: Macs(1e6),
            attention,
            kept: vec![1.0, 1.0 - attention / 2.0],
            deviations: vec![0.0, 0.1],
            peaks: [Bytes(1000.0), Bytes(250.0)],
        }
    }

    fn ablations(learned: f64, pattern: f64, random: f64) -> Vec<Ablation> {
        let off = |choice| match choice {
            Choice::Learned => learned,
            Choice::FixedPattern => pattern,
            Choice::Random => random,
            Choice::FixedThreshold | Choice::Band => 0.5,
        };
        let one = |choice| Ablation { choice, target: 0.5, left_out: 0.5, deviation: off(choice) };
        Choice::ALL.map(one).into()
    }

    #[test]
    fn what_was_found_is_told_with_its_limits() {
        let transformer = vec![compared(128, 0.05), compared(2048, 0.5)];
        let found = LengthsReport { transformer, ..LengthsReport::default() }.findings();
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(
            found[0].starts_with("At 2048 tokens")
                && found[0].contains(&format!("{} of the memory", percent(0.25, 0))),
            "{}",
            found[0]
        );
        // 1 / (1 − 0.025) and 1 / (1 − 0.05).
        assert!(found[1].contains("1.03×") && found[1].contains("1.05×"), "{}", found[1]);
        assert!(
            found[2].contains("34\u{a0}% faster at 128 tokens, here 25\u{a0}%"),
            "{}",
            found[2]
        );
    }

    #[test]
    fn choices_are_judged_by_what_they_did() {
        for (learned, pattern, random, word) in [
            (0.1, 0.2, 0.6, "confirmed"),
            (0.1, 0.05, 0.6, "refuted"),
            (0.1, 0.2, 0.05, "does not beat chance"),
        ] {
            let ablations = ablations(learned, pattern, random);
            let found = LengthsReport { ablations, ..LengthsReport::default() }.findings();
            assert!(found[0].contains(word), "{}", found[0]);
        }
    }
}
