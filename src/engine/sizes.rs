//! Sizes that are not known before a run: symbols. What a segment computes does not depend on what they are called, so
//! equal segments share their plans whatever sizes they meet.

use std::collections::HashMap;
use std::fmt::Write;

use tract_onnx::prelude::*;

/// Types and sizes, with symbols told apart by the order in which they come, the row axis by `N`.
pub(crate) fn key<'a>(
    facts: impl Iterator<Item = &'a TypedFact>,
    rows: Option<&Symbol>,
) -> Vec<String> {
    let mut met: Vec<&Symbol> = vec![];
    let mut text = |fact: &'a TypedFact| {
        let mut text = format!("{:?}", fact.datum_type);
        for size in fact.shape.iter() {
            let written = match size {
                TDim::Sym(symbol) if Some(symbol) == rows => write!(text, " N"),
                TDim::Sym(symbol) => {
                    let known = met.iter().position(|other| *other == symbol);
                    let ix = known.unwrap_or_else(|| {
                        met.push(symbol);
                        met.len() - 1
                    });
                    write!(text, " #{ix}")
                }
                other => write!(text, " {other}"),
            };
            debug_assert!(written.is_ok(), "writing to a string");
        }
        text
    };
    facts.map(&mut text).collect()
}

/// The facts of a segment's outputs in terms of the inputs `given`, where it was compiled for the inputs `own`. A size that
/// is none of an input's gets a symbol of its own at each use: it may come out differently.
pub(crate) fn translate<'a>(
    own: impl Iterator<Item = &'a TypedFact>,
    given: impl Iterator<Item = &'a TypedFact>,
    outputs: &[TypedFact],
    symbols: &SymbolScope,
    rows: Option<&Symbol>,
) -> TractResult<Vec<TypedFact>> {
    let mut names: HashMap<Symbol, TDim> = HashMap::new();
    names.extend(rows.map(|rows| (rows.clone(), rows.clone().into())));
    for (own, given) in own.zip(given) {
        for (own, given) in own.shape.iter().zip(given.shape.iter()) {
            if let TDim::Sym(symbol) = own {
                names.entry(symbol.clone()).or_insert_with(|| given.clone());
            } else {
                // A size that is computed from others keeps them.
                names.extend(own.symbols().into_iter().map(|s| (s.clone(), TDim::Sym(s))));
            }
        }
    }
    let mut translated = |fact: &TypedFact| -> TractResult<TypedFact> {
        let mut dims: TVec<TDim> = tvec!();
        for size in fact.shape.iter() {
            for symbol in size.symbols() {
                names.entry(symbol).or_insert_with(|| symbols.new_with_prefix("left").into());
            }
            dims.push(size.substitute_all(&names)?);
        }
        Ok(fact.datum_type.fact(&*dims))
    };
    outputs.iter().map(&mut translated).collect()
}
