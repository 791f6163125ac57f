//! BERT's tokenizer: text to numbers of word pieces.
//!
//! The parts are those of the crate `tokenizers`; its own `Tokenizer` brings regular expressions along, with their tables
//! of all of Unicode, for kinds of special tokens that BERT's files do not have.

use std::collections::HashMap;

use serde::Deserialize;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{
    Model, NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString,
    PreTokenizer,
};

use perforate_base::error::{Error, ErrorKind, Result, one_line};

/// Most tokens in a sentence, `[CLS]` and `[SEP]` included; longer sentences are truncated.
pub const LONGEST: usize = 128;

/// Turns text into tokens, as a `tokenizer.json` of BERT's kind says.
#[derive(Debug, Clone)]
pub struct Tokenizer(Box<Bert>);

/// The parts of a BERT `tokenizer.json` that are used. Its padding and truncation are ignored.
#[derive(Debug, Clone, Deserialize)]
struct Bert {
    added_tokens: Vec<AddedToken>,
    normalizer: BertNormalizer,
    pre_tokenizer: BertPreTokenizer,
    post_processor: Template,
    model: WordPiece,
}

/// A token that is found in the text as it stands.
#[derive(Debug, Clone, Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    normalized: bool,
}

/// What stands around a sentence.
#[derive(Debug, Clone, Deserialize)]
struct Template {
    single: Vec<Piece>,
    special_tokens: HashMap<String, Special>,
}

#[derive(Debug, Clone, Deserialize)]
enum Piece {
    /// The sentence.
    Sequence {},
    /// A mark.
    SpecialToken { id: String },
}

#[derive(Debug, Clone, Deserialize)]
struct Special {
    ids: Vec<u32>,
}

/// A sentence as the model sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tokens {
    /// Numbers of the word pieces, first and last mark included.
    pub ids: Vec<i64>,
    /// How many there were before the sentence was cut.
    pub all: usize,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`; `name` stands in error messages.
    ///
    /// # Errors
    /// `Data` where the file is none, or not of BERT's kind.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Tokenizer> {
        let fault = |text: String| Error::new(ErrorKind::Data, text).at(name);
        let bert: Bert = serde_json::from_slice(bytes).map_err(|e| {
            fault(format!("this is no tokenizer.json of BERT’s kind ({})", one_line(&e)))
                .with_source(e)
        })?;
        let strange = |token: &&AddedToken| {
            token.single_word || token.lstrip || token.rstrip || token.normalized
        };
        if let Some(token) = bert.added_tokens.iter().find(strange) {
            let text = "BERT’s special tokens are found as they stand, and this one is not";
            return Err(fault(format!("`{}`: {text}", token.content)));
        }
        let unknown = |piece: &&Piece| match piece {
            Piece::Sequence {} => false,
            Piece::SpecialToken { id } => !bert.post_processor.special_tokens.contains_key(id),
        };
        match bert.post_processor.single.iter().find(unknown) {
            Some(piece) => Err(fault(format!("the template’s {piece:?} has no number"))),
            None => Ok(Tokenizer(Box::new(bert))),
        }
    }

    /// The tokens of a sentence, first and last mark included, at most [`LONGEST`].
    pub fn encode(&self, text: &str) -> Result<Tokens> {
        let own = self.0.pieces(text).map_err(|e| {
            let text = format!("a sentence has no tokens ({})", one_line(&e));
            Error::new(ErrorKind::Data, text).with_source(e)
        })?;
        let template = &self.0.post_processor;
        let ids = template.single.iter().flat_map(|piece| match piece {
            Piece::Sequence {} => &own,
            Piece::SpecialToken { id } => &template.special_tokens[id].ids,
        });
        let mut ids: Vec<i64> = ids.map(|&id| i64::from(id)).collect();
        let all = ids.len();
        if all > LONGEST
            && let Some(&end) = ids.last()
        {
            ids.truncate(LONGEST - 1);
            ids.push(end);
        }
        Ok(Tokens { ids, all })
    }
}

impl Bert {
    /// The pieces of a text, without marks around it.
    fn pieces(&self, text: &str) -> tokenizers::Result<Vec<u32>> {
        let (mut ids, mut rest) = (vec![], text);
        while let Some((at, token)) = self.next_added(rest) {
            ids.extend(self.words(&rest[..at])?);
            ids.push(token.id);
            rest = &rest[at + token.content.len()..];
        }
        ids.extend(self.words(rest)?);
        Ok(ids)
    }

    /// The first added token in a text, the longest of those that begin there.
    fn next_added(&self, text: &str) -> Option<(usize, &AddedToken)> {
        let found = self.added_tokens.iter().filter(|token| !token.content.is_empty());
        let found = found.filter_map(|token| Some((text.find(&token.content)?, token)));
        found.min_by_key(|(at, token)| (*at, usize::MAX - token.content.len()))
    }

    /// The pieces of a text without added tokens.
    fn words(&self, text: &str) -> tokenizers::Result<Vec<u32>> {
        let mut text = NormalizedString::from(text);
        self.normalizer.normalize(&mut text)?;
        let mut words = PreTokenizedString::from(text);
        self.pre_tokenizer.pre_tokenize(&mut words)?;
        let mut ids = vec![];
        for (word, ..) in words.get_splits(OffsetReferential::Normalized, OffsetType::None) {
            ids.extend(self.model.tokenize(word)?.into_iter().map(|token| token.id));
        }
        Ok(ids)
    }
}
