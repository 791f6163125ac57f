//! Perturbations of sentences: tokens left out, words replaced by synonyms.

use std::collections::HashMap;

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use perforate_base::Result;
use perforate_engine::to_array;

use super::perturbation::Perturbation;
use crate::samples::Samples;
use crate::sentences::{self, Tokenizer};

/// Share of the tokens that are left out.
pub const DROPPED: f64 = 0.1;

/// Words of one line may stand for each other in a sentence about a film. Written for this project.
const SYNONYMS: &str = include_str!("../synonyms.txt");

/// Sentences without a tenth of their tokens, and with synonyms for the words that have some.
pub fn perturbations(
    samples: &Samples,
    tokenizer: &Tokenizer,
    seed: u64,
) -> Result<Vec<Perturbation>> {
    Ok(vec![without_tokens(samples, seed)?, with_synonyms(samples, tokenizer, seed)?])
}

fn texts(samples: &Samples) -> Vec<String> {
    (0..samples.len()).map(|row| samples.text(row).unwrap_or_default().to_string()).collect()
}

/// Each token but the first and the last mark is left out with probability [`DROPPED`]; one always stays.
fn without_tokens(samples: &Samples, seed: u64) -> Result<Perturbation> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut all, mut dropped) = (0, 0);
    let mut tokens = vec![];
    for row in 0..samples.len() {
        let row = samples.row(row)?;
        let ids: Vec<i64> = match row.get("ids") {
            Some(ids) => to_array::<i64>(ids)?.into_iter().collect(),
            None => vec![],
        };
        let inner = 1..ids.len().saturating_sub(1);
        let mut kept: Vec<i64> = ids
            .get(inner.clone())
            .unwrap_or_default()
            .iter()
            .copied()
            .filter(|_| !random.random_bool(DROPPED))
            .collect();
        if kept.is_empty() {
            kept.extend(ids.get(1..2).unwrap_or_default());
        }
        all += inner.len();
        dropped += inner.len() - kept.len().min(inner.len());
        let (first, last) = (ids.first().copied(), ids.last().copied());
        tokens.push(first.into_iter().chain(kept).chain(last).collect());
    }
    let labels = samples.labels().map(<[usize]>::to_vec);
    Ok(Perturbation {
        name: format!("{:.0}\u{a0}% of the tokens left out", 100.0 * DROPPED),
        changed: f64::from(dropped as u32) / f64::from(all.max(1) as u32),
        samples: sentences::of_tokens(&tokens, texts(samples), labels)?,
    })
}

/// Every word that has synonyms becomes one of them.
fn with_synonyms(samples: &Samples, tokenizer: &Tokenizer, seed: u64) -> Result<Perturbation> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let synonyms = synonyms();
    let (mut all, mut replaced) = (0, 0);
    let mut replace = |text: &str| {
        let mut out = String::new();
        for piece in pieces(text) {
            let word = piece.to_lowercase();
            all += usize::from(word.starts_with(char::is_alphabetic));
            match synonyms.get(word.as_str()).and_then(|others| others.choose(&mut random)) {
                Some(other) => {
                    replaced += 1;
                    out += &like(piece, other);
                }
                None => out += piece,
            }
        }
        out
    };
    let texts: Vec<String> = texts(samples).iter().map(|text| replace(text)).collect();
    let labels = samples.labels().map(<[usize]>::to_vec);
    Ok(Perturbation {
        name: "Words replaced by synonyms".into(),
        changed: f64::from(replaced as u32) / f64::from(all.max(1) as u32),
        samples: sentences::samples(texts, labels, tokenizer)?,
    })
}

/// The other words of a word's line.
fn synonyms() -> HashMap<&'static str, Vec<&'static str>> {
    let mut all: HashMap<&str, Vec<&str>> = HashMap::new();
    for line in SYNONYMS.lines() {
        let words: Vec<&str> = line.split(',').map(str::trim).collect();
        for &word in &words {
            let others = words.iter().copied().filter(|&other| other != word);
            all.entry(word).or_default().extend(others);
        }
    }
    all
}

/// Words, and what stands between them, in order.
fn pieces(text: &str) -> Vec<&str> {
    let in_word = |c: char| c.is_alphabetic() || c == '\'' || c == '-';
    let mut pieces = vec![];
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = in_word(first);
        let end = rest.find(|c| in_word(c) != word).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// `word` with a capital letter where `model` has one.
fn like(model: &str, word: &str) -> String {
    let mut letters = word.chars();
    match (model.chars().next().is_some_and(char::is_uppercase), letters.next()) {
        (true, Some(first)) => first.to_uppercase().chain(letters).collect(),
        _ => word.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_line_of_synonyms_is_no_word_of_another() {
        let mut known = HashSet::new();
        for line in SYNONYMS.lines() {
            let words: Vec<&str> = line.split(',').map(str::trim).collect();
            assert!(words.len() > 1 && words.iter().all(|word| !word.is_empty()), "{line}");
            for word in words {
                assert!(known.insert(word), "{word} stands in two lines");
                assert_eq!(word, word.to_lowercase());
            }
        }
        assert!(known.len() > 300, "{}", known.len());
    }

    #[test]
    fn variants_keep_the_order_the_labels_and_the_marks() {
        let tokenizer = Tokenizer::read("small", sentences::tests::SMALL.as_bytes()).unwrap();
        let texts: Vec<String> = (0..200).map(|row| "good film a ".repeat(1 + row % 5)).collect();
        let labels: Vec<usize> = (0..200).map(|row| row % 2).collect();
        let samples = sentences::samples(texts, Some(labels.clone()), &tokenizer).unwrap();
        let [dropped, replaced] = &perturbations(&samples, &tokenizer, 1).unwrap()[..] else {
            panic!("there are two perturbations")
        };
        assert!((0.07..0.13).contains(&dropped.changed), "{}", dropped.changed);
        // Two words of three have synonyms.
        assert!((0.6..0.7).contains(&replaced.changed), "{}", replaced.changed);
        let mut shorter = 0;
        for row in 0..200 {
            let ids = |samples: &Samples| -> Vec<i64> {
                to_array(samples.row(row).unwrap().get("ids").unwrap())
                    .unwrap()
                    .into_iter()
                    .collect()
            };
            let (before, after) = (ids(&samples), ids(&dropped.samples));
            assert_eq!((after[0], after[after.len() - 1]), (2, 3), "the marks stay");
            assert!((3..=before.len()).contains(&after.len()), "one token stays");
            shorter += usize::from(after.len() < before.len());
            let text = replaced.samples.text(row).unwrap();
            assert!(!text.contains("good") && !text.contains("film"), "{text}");
            assert_eq!(text.matches(" a").count(), 1 + row % 5, "{text}");
        }
        assert!(shorter > 50, "{shorter}");
        for perturbation in [dropped, replaced] {
            assert_eq!(perturbation.samples.labels(), Some(&labels[..]));
        }
    }

    #[test]
    fn what_stands_between_words_stays() {
        let text = "A good film -- isn't it?  Very.";
        assert_eq!(pieces(text).concat(), text);
        assert_eq!(pieces("a, b"), ["a", ", ", "b"]);
        assert_eq!(
            (like("Film", "movie").as_str(), like("film", "movie").as_str()),
            ("Movie", "movie")
        );
    }
}
