//! Changes of sentences: tokens left out, words replaced by synonyms, ends cut off.

use std::collections::HashMap;

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use perforate_base::Result;
use perforate_engine::to_array;

use super::perturbation::{Perturbation, STRENGTHS};
use crate::samples::Samples;
use crate::sentences::{self, Tokenizer};

/// Shares of the tokens that are left out.
const DROPPED: [f64; STRENGTHS] = [0.05, 0.1, 0.2, 0.3, 0.5];
/// Shares of the words with synonyms that become one of them.
const REPLACED: [f64; STRENGTHS] = [0.2, 0.4, 0.6, 0.8, 1.0];
/// Shares of the words that stay, from the first on.
const LENGTHS: [f64; STRENGTHS] = [0.85, 0.7, 0.55, 0.4, 0.25];

/// Words of one line may stand for each other in a sentence about a film. Written for this project.
const SYNONYMS: &str = include_str!("../synonyms.txt");

/// Sentences without a part of their tokens, with synonyms for words that have some, and cut off; each at all strengths.
pub fn of_texts(samples: &Samples, tokenizer: &Tokenizer, seed: u64) -> Result<Vec<Perturbation>> {
    let mut all = vec![];
    for strength in 1..=STRENGTHS {
        all.push(without_tokens(samples, strength, seed)?);
        all.push(with_synonyms(samples, tokenizer, strength, seed)?);
        all.push(cut_off(samples, tokenizer, strength)?);
    }
    all.sort_by_key(|own| (KINDS.iter().position(|kind| *kind == own.kind), own.strength));
    Ok(all)
}

/// What is done, for people.
const KINDS: [&str; 3] = ["tokens left out", "synonyms", "sentences cut off"];

fn texts(samples: &Samples) -> Vec<String> {
    (0..samples.len()).map(|row| samples.text(row).unwrap_or_default().to_string()).collect()
}

fn share(part: usize, all: usize) -> f64 {
    part as f64 / all.max(1) as f64
}

/// Each token but the first and the last mark is left out with a probability of [`DROPPED`]; one always stays.
fn without_tokens(samples: &Samples, strength: usize, seed: u64) -> Result<Perturbation> {
    let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_add(strength as u64));
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
            .filter(|_| !random.random_bool(DROPPED[strength - 1]))
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
    let changed = sentences::of_tokens(&tokens, texts(samples), labels)?;
    Ok(Perturbation::kept(KINDS[0], strength, Some(share(dropped, all)), changed))
}

/// Words that have synonyms become one of them, with a probability of [`REPLACED`].
fn with_synonyms(
    samples: &Samples,
    tokenizer: &Tokenizer,
    strength: usize,
    seed: u64,
) -> Result<Perturbation> {
    let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_add(strength as u64));
    let synonyms = synonyms();
    let (mut all, mut replaced) = (0, 0);
    let mut replace = |text: &str| {
        let mut out = String::new();
        for piece in pieces(text) {
            let word = piece.to_lowercase();
            all += usize::from(word.starts_with(char::is_alphabetic));
            let others = synonyms.get(word.as_str());
            let others = others.filter(|_| random.random_bool(REPLACED[strength - 1]));
            match others.and_then(|others| others.choose(&mut random)) {
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
    let changed = sentences::samples(texts, labels, tokenizer)?;
    Ok(Perturbation::kept(KINDS[1], strength, Some(share(replaced, all)), changed))
}

/// Of each sentence the first words stay, a share of [`LENGTHS`] of them and one at least.
fn cut_off(samples: &Samples, tokenizer: &Tokenizer, strength: usize) -> Result<Perturbation> {
    let (mut all, mut cut) = (0, 0);
    let mut shorten = |text: &str| {
        let words: Vec<&str> = text.split_whitespace().collect();
        let kept = ((LENGTHS[strength - 1] * words.len() as f64).ceil() as usize).max(1);
        all += words.len();
        cut += words.len().saturating_sub(kept);
        words[..kept.min(words.len())].join(" ")
    };
    let texts: Vec<String> = texts(samples).iter().map(|text| shorten(text)).collect();
    let labels = samples.labels().map(<[usize]>::to_vec);
    let changed = sentences::samples(texts, labels, tokenizer)?;
    Ok(Perturbation::kept(KINDS[2], strength, Some(share(cut, all)), changed))
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
        let samples = sentences::samples(texts, Some(labels), &tokenizer).unwrap();
        let all = of_texts(&samples, &tokenizer, 1).unwrap();
        assert_eq!(all.len(), KINDS.len() * STRENGTHS);
        for kind in KINDS {
            let changed: Vec<f64> =
                all.iter().filter(|own| own.kind == kind).filter_map(|own| own.changed).collect();
            assert!(changed.len() == STRENGTHS && changed.is_sorted(), "{kind}: {changed:?}");
        }
        let find = |kind: &str, strength| {
            all.iter().find(|own| own.kind == kind && own.strength == strength).unwrap()
        };
        let (dropped, replaced, cut) = (find(KINDS[0], 2), find(KINDS[1], 5), find(KINDS[2], 5));
        let near = |own: &Perturbation, wanted: f64| (own.changed.unwrap() - wanted).abs() < 0.03;
        // Two words of three have synonyms.
        assert!(near(dropped, 0.1) && near(replaced, 2.0 / 3.0), "{:?}", replaced.changed);
        let ids = |batch: perforate_engine::Batch| -> Vec<i64> {
            to_array(batch.get("ids").unwrap()).unwrap().into_iter().collect()
        };
        let mut shorter = 0;
        for row in 0..200 {
            let before = ids(samples.row(row).unwrap());
            for own in [dropped, replaced, cut] {
                let after = ids(own.row(&samples, row).unwrap());
                assert_eq!((after[0], after[after.len() - 1]), (2, 3), "the marks stay");
                assert!((3..=before.len()).contains(&after.len()), "one token stays");
                shorter += usize::from(after.len() < before.len());
            }
            let replaced = ids(replaced.row(&samples, row).unwrap());
            assert_eq!(replaced.len(), before.len());
            assert_ne!(replaced, before);
        }
        assert!(shorter > 200, "{shorter}");
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
