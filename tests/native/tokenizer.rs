//! The same tokens as the reference implementation, for 2,000 sentences.
//!
//! The goldens are written by `tests/tokenizer/goldens.py`, which says how.

use perforate::data::npz;
use perforate::data::sentences::{LONGEST, Table, Tokenizer};
use perforate::engine::to_array;

use crate::common;

const TOKENIZER: &str = "models/data/sentences/tokenizer.json";
const SNIPPETS: &str = "models/data/sentences/snippets.tsv.gz";

#[test]
fn tokens_are_the_references() {
    let tokenizer = Tokenizer::read(TOKENIZER, &common::read(TOKENIZER)).unwrap();
    let own = common::read("tests/tokenizer/texts.json");
    let mut texts: Vec<String> = serde_json::from_slice(&own).unwrap();
    assert!(texts.iter().any(|text| text.chars().count() == 10_000), "a very long one");
    assert!(texts.contains(&String::new()), "an empty one");
    texts.extend(Table::read(SNIPPETS, &common::read(SNIPPETS)).unwrap().texts);

    let goldens = npz::read("ids.npz", &common::read("tests/tokenizer/ids.npz"), "ids").unwrap();
    let array = |name: &str| -> Vec<i64> {
        to_array(goldens.get(name).unwrap()).unwrap().into_iter().collect()
    };
    let (ids, lengths) = (array("ids"), array("lengths"));
    assert_eq!(lengths.len(), 2000);
    let mut rest = ids.as_slice();
    for (text, length) in texts.iter().zip(lengths) {
        let shown: String = text.chars().take(60).collect();
        let tokens = tokenizer.encode(text).unwrap();
        assert_eq!(tokens.all, length as usize, "{shown:?}");
        let (wanted, after) = rest.split_at(tokens.all.min(LONGEST));
        assert_eq!(tokens.ids, wanted, "{shown:?}");
        rest = after;
    }
    assert!(rest.is_empty());
}
