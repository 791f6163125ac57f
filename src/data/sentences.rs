//! Sentences: labelled snippets, and batches of their tokens padded no longer than they must be.

use ndarray::ArrayD;

use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::Batch;

use super::gzip::gunzip;
use super::samples::Samples;
use super::split::Part;

pub use crate::tokenizer::{LONGEST, Tokenizer, Tokens};

/// Labelled sentences.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Table {
    /// The sentences.
    pub texts: Vec<String>,
    /// Their classes.
    pub labels: Vec<usize>,
    /// What each is for, where the table says so.
    pub parts: Option<Vec<Part>>,
}

/// The columns of a table that has no header.
const USUAL: [&str; 2] = ["label", "sentence"];

impl Table {
    /// Reads a table of lines with tabs, gzipped or not. A first line that names its columns may order them: `label`,
    /// `sentence` (or `content`, `text`) and, if it says what each line is for, `part` (calibration or test).
    pub fn read(name: &str, bytes: &[u8]) -> Result<Table> {
        let fault = |text: String| Error::new(ErrorKind::Data, text).at(name);
        let text = String::from_utf8(gunzip(name, bytes)?)
            .map_err(|e| fault("the table is not UTF-8: save it as such".into()).with_source(e))?;
        let text = text.trim_start_matches('\u{feff}');
        let mut lines =
            text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).peekable();
        let first: Vec<&str> = lines.peek().map_or(vec![], |(_, line)| line.split('\t').collect());
        let header = first.iter().any(|cell| cell.trim().eq_ignore_ascii_case("label"));
        let columns: Vec<String> = if header {
            lines.next();
            first.iter().map(|cell| cell.trim().to_lowercase()).collect()
        } else {
            USUAL.map(String::from).to_vec()
        };
        let place = |names: &[&str]| columns.iter().position(|own| names.contains(&own.as_str()));
        let Some((label_at, text_at)) =
            place(&["label"]).zip(place(&["sentence", "content", "text"]))
        else {
            return Err(fault(format!(
                "the columns are {}: there must be `label` and `sentence`",
                columns.join(", ")
            )));
        };
        let part_at = place(&["part", "split"]);
        let mut table = Table { texts: vec![], labels: vec![], parts: part_at.map(|_| vec![]) };
        for (number, line) in lines {
            // The last column may hold tabs.
            let cells: Vec<&str> = line.splitn(columns.len(), '\t').map(str::trim).collect();
            let fault = |text: &str| fault(format!("line {} {text}", number + 1));
            let (Some(label), Some(text)) = (cells.get(label_at), cells.get(text_at)) else {
                return Err(fault("is not a class, a tab and a sentence"));
            };
            if text.is_empty() {
                return Err(fault("has no sentence"));
            }
            let label = label.parse().map_err(|e: std::num::ParseIntError| {
                fault("has a label that is no number of a class").with_source(e)
            })?;
            table.texts.push(text.to_string());
            table.labels.push(label);
            if let (Some(parts), Some(at)) = (&mut table.parts, part_at) {
                parts.push(match cells.get(at).map(|cell| cell.to_lowercase()).as_deref() {
                    Some("calibration") => Part::Calibration,
                    Some("test") => Part::Test,
                    _ => return Err(fault("is neither for calibration nor for test")),
                });
            }
        }
        if table.texts.is_empty() {
            return Err(fault("the table holds no sentences".into()));
        }
        Ok(table)
    }
}

/// Samples of sentences: `ids` int64 and `mask` float32, `[n, longest]`, with their lengths and texts.
pub fn samples(
    texts: Vec<String>,
    labels: Option<Vec<usize>>,
    tokenizer: &Tokenizer,
) -> Result<Samples> {
    let tokens = texts
        .iter()
        .map(|text| Ok(tokenizer.encode(text)?.ids))
        .collect::<Result<Vec<Vec<i64>>>>()?;
    of_tokens(&tokens, texts, labels)
}

/// Samples of sentences that are tokens already.
pub fn of_tokens(
    tokens: &[Vec<i64>],
    texts: Vec<String>,
    labels: Option<Vec<usize>>,
) -> Result<Samples> {
    let lengths: Vec<usize> = tokens.iter().map(Vec::len).collect();
    let shape = vec![tokens.len(), lengths.iter().copied().max().unwrap_or(0)];
    let ids =
        ArrayD::from_shape_fn(shape.clone(), |ix| tokens[ix[0]].get(ix[1]).copied().unwrap_or(0));
    let mask = ArrayD::from_shape_fn(shape, |ix| f32::from(u8::from(ix[1] < tokens[ix[0]].len())));
    let batch = Batch::new().with("ids", ids).with("mask", mask);
    Samples::new(batch, labels)?.with_lengths(lengths)?.with_texts(texts)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write;

    use super::*;
    use perforate_engine::to_array;

    /// A vocabulary of a few words.
    pub const SMALL: &str = r###"{"version": "1.0", "truncation": null,
        "padding": {"strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}, "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}},
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
            "vocab": {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "film": 5, "##s": 6, "good": 7}}}"###;

    #[test]
    fn words_become_pieces_and_batches_are_no_longer_than_they_must_be() {
        let tokenizer = Tokenizer::read("small", SMALL.as_bytes()).unwrap();
        assert_eq!(tokenizer.encode("A good FILMS!").unwrap().ids, [2, 4, 7, 5, 6, 1, 3]);
        assert_eq!(tokenizer.encode("").unwrap().ids, [2, 3]);
        let cut = tokenizer.encode(&"good ".repeat(500)).unwrap();
        assert_eq!((cut.ids.len(), cut.ids[LONGEST - 1], cut.all), (LONGEST, 3, 502));
        let texts = ["good", "a good film", "films a"].map(String::from).to_vec();
        let samples = samples(texts, Some(vec![1, 1, 0]), &tokenizer).unwrap();
        let shape = |batch: &Batch| batch.get("ids").unwrap().shape().to_vec();
        assert_eq!(shape(&samples.row(0).unwrap()), [1, 3]);
        assert_eq!(shape(&samples.rows(&[0, 2]).unwrap()), [2, 5]);
        let batch = samples.select(&[2, 0]).unwrap();
        assert_eq!((batch.length(0), batch.text(1)), (Some(5), Some("good")));
        let mask = batch.rows(&[0, 1]).unwrap();
        let mask = to_array::<f32>(mask.get("mask").unwrap()).unwrap();
        assert_eq!(mask.into_raw_vec_and_offset().0, [1., 1., 1., 1., 1., 1., 1., 1., 0., 0.]);
    }

    #[test]
    fn a_bad_table_is_told_by_its_line() {
        let zip = |text: &str| {
            let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        let table = Table::read("t", &zip("1\tgood\n0\tbad film\n")).unwrap();
        assert_eq!((table.texts[1].as_str(), table.labels), ("bad film", vec![1, 0]));
        assert_eq!(table.parts, None);
        let named = b"sentence\tsplit\tlabel\r\na film\tTest\t1\r\ngood\tcalibration\t0\r\n";
        let table = Table::read("t", named).unwrap();
        assert_eq!((table.texts[0].as_str(), table.labels), ("a film", vec![1, 0]));
        assert_eq!(table.parts, Some(vec![Part::Test, Part::Calibration]));
        for (text, word) in [
            ("1\tgood\nbad\n", "line 2"),
            ("1\tgood\nx\tbad\n", "line 2"),
            ("1\tgood\n1\t\n", "line 2"),
            ("label\twords\n1\tgood\n", "`sentence`"),
            ("label\tpart\ttext\n1\tdev\tgood\n", "line 2"),
            ("", "no sentences"),
        ] {
            let message = Table::read("t", &zip(text)).unwrap_err().to_string();
            assert!(message.starts_with("t: ") && message.contains(word), "{text}: {message}");
        }
        assert!(Table::read("t", b"1\t\xff").unwrap_err().to_string().contains("UTF-8"));
        assert!(Tokenizer::read("t", b"{}").unwrap_err().to_string().contains("tokenizer.json"));
        let token = r#"[{"id": 8, "content": "film-noir", "normalized": true}]"#;
        let strange =
            SMALL.replace(r#""added_tokens": []"#, &format!(r#""added_tokens": {token}"#));
        assert!(
            Tokenizer::read("t", strange.as_bytes()).unwrap_err().to_string().contains("film-noir")
        );
        let known = strange.replace(r#", "normalized": true"#, "");
        let tokenizer = Tokenizer::read("t", known.as_bytes()).unwrap();
        assert_eq!(tokenizer.encode("a film-noirgood").unwrap().ids, [2, 4, 8, 7, 3]);
    }
}
