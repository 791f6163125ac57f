//! Puts similar functions side by side, so that the module is smaller once it is compressed.
//!
//! gzip finds what repeats within 32 KiB. Compilers write many functions for each generic one, which differ in few bytes and
//! stand far apart. Here each function is followed by the one that shares the largest part of its pieces of seven bytes with
//! the last few; the pieces are sampled by their hash, as in Broder, "On the resemblance and containment of documents" (1997).
//! Functions are only renumbered: what they do stays as it is.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{CodeSection, FunctionSection, Module};
use wasmparser::{
    CodeSectionReader, CustomSectionReader, FunctionBody, FunctionSectionReader, Parser, Payload,
    TypeRef,
};

/// Bytes of a piece.
const PIECE: usize = 7;
/// One piece of so many is sampled, by its hash.
const SAMPLED: u32 = 2;
/// Functions with fewer sampled pieces take as many of their smallest hashes.
const FEWEST: usize = 24;
/// Pieces that more functions have tell nothing.
const COMMON: usize = 600;
/// Functions before the next one that it is compared with.
const LAST: usize = 6;
/// Keeps functions of very few pieces from looking like all others.
const DAMPING: f64 = 4.0;

/// The same module with its functions in another order.
pub fn ordered(module: &[u8]) -> Result<Vec<u8>, Error> {
    let (mut imported, mut bodies) = (0, vec![]);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body.as_bytes()),
            _ => {}
        }
    }
    let order = order(&bodies);
    let mut places = vec![0; order.len()];
    for (new, &old) in order.iter().enumerate() {
        places[old] = new as u32;
    }
    let mut target = Module::new();
    let mut own = Ordered { imported, order, places };
    own.parse_core_module(&mut target, Parser::new(0), module)?;
    Ok(target.finish())
}

/// Copies a module and renumbers its functions.
struct Ordered {
    /// Functions that are imported: these come first, and stay.
    imported: u32,
    /// The old place of each function with a body, in the new order.
    order: Vec<usize>,
    /// Its new place, in the old order.
    places: Vec<u32>,
}

impl Reencode for Ordered {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        let own = function.checked_sub(self.imported).and_then(|ix| self.places.get(ix as usize));
        Ok(own.map_or(function, |place| self.imported + place))
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error> {
        let types = section.into_iter().collect::<Result<Vec<u32>, _>>()?;
        for ix in self.order.clone() {
            functions.function(self.type_index(types[ix])?);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result<(), Error> {
        let bodies = section.into_iter().collect::<Result<Vec<FunctionBody<'_>>, _>>()?;
        for ix in self.order.clone() {
            self.parse_function_body(code, bodies[ix].clone())?;
        }
        Ok(())
    }

    /// Names are listed by number: in another order the list would be damaged.
    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: CustomSectionReader<'_>,
    ) -> Result<(), Error> {
        match section.name() {
            "name" => Ok(()),
            _ => wasm_encoder::reencode::utils::parse_custom_section(self, module, section),
        }
    }
}

/// The order in which each body follows those that it resembles, as places in `bodies`.
fn order(bodies: &[&[u8]]) -> Vec<usize> {
    let pieces: Vec<Vec<u32>> = bodies.iter().map(|body| sampled(body)).collect();
    let mut holders: HashMap<u32, Vec<usize>> = HashMap::new();
    for (ix, own) in pieces.iter().enumerate() {
        own.iter().for_each(|&piece| holders.entry(piece).or_default().push(ix));
    }
    holders.retain(|_, own| (2..=COMMON).contains(&own.len()));
    // Where nothing resembles the last ones, the largest function that is left comes next.
    let mut largest: Vec<usize> = (0..bodies.len()).collect();
    largest.sort_by_key(|&ix| Reverse(bodies[ix].len()));
    let mut largest = largest.into_iter();
    let mut is_placed = vec![false; bodies.len()];
    let mut order: Vec<usize> = Vec::with_capacity(bodies.len());
    let mut shared = vec![0u32; bodies.len()];
    while order.len() < bodies.len() {
        let mut met = vec![];
        for &last in order.iter().rev().take(LAST) {
            for &ix in pieces[last].iter().filter_map(|piece| holders.get(piece)).flatten() {
                if !is_placed[ix] {
                    if shared[ix] == 0 {
                        met.push(ix);
                    }
                    shared[ix] += 1;
                }
            }
        }
        let share = |ix: usize| f64::from(shared[ix]) / (pieces[ix].len() as f64 + DAMPING);
        let closest =
            met.iter().copied().max_by(|&a, &b| share(a).total_cmp(&share(b)).then(b.cmp(&a)));
        let next = closest.or_else(|| largest.find(|&ix| !is_placed[ix]));
        met.iter().for_each(|&ix| shared[ix] = 0);
        let Some(next) = next else { break };
        is_placed[next] = true;
        order.push(next);
    }
    order
}

/// Hashes of a body's pieces, as far as they are sampled, each once.
fn sampled(body: &[u8]) -> Vec<u32> {
    let mut all: Vec<u32> = body.windows(PIECE.min(body.len().max(1))).map(hash).collect();
    all.sort_unstable();
    all.dedup();
    let some: Vec<u32> = all.iter().copied().filter(|hash| hash % SAMPLED == 0).collect();
    if some.len() >= FEWEST { some } else { all.into_iter().take(FEWEST).collect() }
}

/// FNV-1a, whose high bits are folded into the low ones, by which pieces are sampled.
fn hash(piece: &[u8]) -> u32 {
    let hash = piece
        .iter()
        .fold(0x811c_9dc5_u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{
        EntityType, ExportKind, ExportSection, Function, ImportSection, Instruction, TypeSection,
        ValType,
    };
    use wasmparser::{Operator, Validator};

    /// Functions of two kinds in turn, of which each calls the one after it, an import before them, and the last exported.
    fn module() -> Vec<u8> {
        const COUNT: u32 = 8;
        let mut types = TypeSection::new();
        types.ty().function([], [ValType::I64]);
        types.ty().function([], [ValType::I32]);
        let mut imports = ImportSection::new();
        imports.import("m", "f", EntityType::Function(0));
        let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
        for ix in 0..COUNT {
            let is_odd = ix % 2 == 1;
            functions.function(u32::from(is_odd));
            let mut body = Function::new([]);
            for step in 0..40i64 {
                let number = 1_000_003 * (step + 1);
                let of_kind = match is_odd {
                    true => Instruction::I32Const(number as i32),
                    false => Instruction::I64Const(-number),
                };
                body.instruction(&of_kind);
                body.instruction(&Instruction::Drop);
            }
            if ix + 1 < COUNT {
                body.instruction(&Instruction::Call(1 + ix + 1));
                body.instruction(&Instruction::Drop);
            }
            body.instruction(&match is_odd {
                true => Instruction::I32Const(ix as i32),
                false => Instruction::I64Const(i64::from(ix)),
            });
            body.instruction(&Instruction::End);
            code.function(&body);
        }
        let mut exports = ExportSection::new();
        exports.export("last", ExportKind::Func, COUNT);
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions).section(&exports);
        module.section(&code);
        module.finish()
    }

    /// What each function gives, and which it calls, followed from the export backwards: by the numbers that they give.
    fn calls(module: &[u8]) -> (Vec<(i64, Option<usize>)>, usize) {
        let (mut all, mut exported) = (vec![], 0);
        for payload in Parser::new(0).parse_all(module) {
            match payload.unwrap() {
                Payload::ExportSection(section) => {
                    exported = section.into_iter().next().unwrap().unwrap().index as usize - 1;
                }
                Payload::CodeSectionEntry(body) => {
                    let (mut called, mut last) = (None, 0);
                    for operator in body.get_operators_reader().unwrap() {
                        match operator.unwrap() {
                            Operator::Call { function_index } => {
                                called = Some(function_index as usize - 1);
                            }
                            Operator::I32Const { value } => last = i64::from(value),
                            Operator::I64Const { value } => last = value,
                            _ => {}
                        }
                    }
                    all.push((last, called));
                }
                _ => {}
            }
        }
        (all, exported)
    }

    #[test]
    fn similar_functions_stand_together_and_are_called_as_before() {
        let after = ordered(&module()).unwrap();
        Validator::new().validate_all(&after).unwrap();
        let (all, exported) = calls(&after);
        let kinds: Vec<bool> = all.iter().map(|(gives, _)| gives % 2 == 1).collect();
        assert_eq!(kinds.windows(2).filter(|pair| pair[0] != pair[1]).count(), 1, "{kinds:?}");
        for (gives, called) in &all {
            let next = called.map(|called| all[called].0);
            assert_eq!(next, Some(gives + 1).filter(|next| *next < 8), "{all:?}");
        }
        assert_eq!(all[exported].0, 7);
    }

    #[test]
    fn the_order_is_the_same_each_time_and_complete() {
        let bodies: Vec<Vec<u8>> = (0..50u8).map(|ix| vec![ix % 7; 30 + ix as usize]).collect();
        let bodies: Vec<&[u8]> = bodies.iter().map(Vec::as_slice).collect();
        let mut once = order(&bodies);
        assert_eq!(once, order(&bodies));
        once.sort_unstable();
        assert_eq!(once, (0..50).collect::<Vec<_>>());
        assert!(ordered(b"no module").is_err());
    }
}
