//! Makes of the page's module one for browsers without relaxed SIMD: `perforate-plain-simd IN.wasm OUT.wasm`. With `--order`
//! before these it writes the same module with similar functions side by side, which is smaller once it is compressed.
//!
//! A browser refuses a whole module for one instruction that it does not know, so there must be two. They are built once:
//! where the first multiplies and adds at once, or adds up products of eight-bit numbers in one go, the second does one after
//! the other, and all else is the same, down to the names that the page's script binds. What comes out is validated: a
//! relaxed instruction that is not known here ends the build, and not a visitor's page.

mod order;

use std::process::ExitCode;
use std::{env, fs};

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, Function, Instruction, Module, ValType};
use wasmparser::{FunctionBody, Operator, Parser, Payload, Validator, WasmFeatures};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (rewrite, features, from, to): (Rewrite, _, _, _) = match words[..] {
        ["--order", from, to] => (order::ordered, WasmFeatures::all(), from, to),
        [from, to] => (plain, WasmFeatures::all() - WasmFeatures::RELAXED_SIMD, from, to),
        _ => {
            eprintln!("usage: perforate-plain-simd [--order] IN.wasm OUT.wasm");
            return ExitCode::from(2);
        }
    };
    let done = fs::read(from).map_err(|e| format!("{from}: {e}")).and_then(|module| {
        let rewritten = rewrite(&module).map_err(|e| format!("{from}: {e}"))?;
        let mut validator = Validator::new_with_features(features);
        validator.validate_all(&rewritten).map_err(|e| format!("{to} would not be valid: {e}"))?;
        fs::write(to, rewritten).map_err(|e| format!("{to}: {e}"))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// From a module to a module.
type Rewrite = fn(&[u8]) -> Result<Vec<u8>, Error>;

/// The same module without relaxed SIMD.
fn plain(module: &[u8]) -> Result<Vec<u8>, Error> {
    let mut own = Plain { parameters: parameters(module)?, function: 0 };
    let mut target = Module::new();
    own.parse_core_module(&mut target, Parser::new(0), module)?;
    Ok(target.finish())
}

/// How many parameters each function with a body has.
fn parameters(module: &[u8]) -> Result<Vec<u32>, Error> {
    let (mut types, mut all) = (vec![], vec![]);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::TypeSection(section) => {
                for own in section.into_iter_err_on_gc_types() {
                    types.push(own?.params().len() as u32);
                }
            }
            Payload::FunctionSection(section) => {
                for own in section {
                    all.push(types.get(own? as usize).copied().unwrap_or(0));
                }
            }
            _ => {}
        }
    }
    Ok(all)
}

/// Copies a module and rewrites what bodies hold.
struct Plain {
    parameters: Vec<u32>,
    /// The next body.
    function: usize,
}

impl Reencode for Plain {
    type Error = std::convert::Infallible;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error> {
        let mut next = self.parameters.get(self.function).copied().unwrap_or(0);
        self.function += 1;
        let mut locals = vec![];
        for own in body.get_locals_reader()? {
            let (count, kind) = own?;
            next += count;
            locals.push((count, self.val_type(kind)?));
        }
        // What is added waits here while the factors are multiplied; eight-bit factors, and half of the sums, wait in the others.
        locals.push((4, ValType::V128));
        let mut target = Function::new(locals);
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            match reader.read()? {
                Operator::F32x4RelaxedMadd => {
                    target.instruction(&Instruction::LocalSet(next));
                    target.instruction(&Instruction::F32x4Mul);
                    target.instruction(&Instruction::LocalGet(next));
                    target.instruction(&Instruction::F32x4Add);
                }
                Operator::I32x4RelaxedDotI8x16I7x16AddS => dot(&mut target, next),
                other => {
                    match strict(&other) {
                        Some(strict) => target.instruction(&strict),
                        None => target.instruction(&utils::instruction(self, other)?),
                    };
                }
            }
        }
        code.function(&target);
        Ok(())
    }
}

/// The instruction that does one of what a relaxed one may do; none for those that are not relaxed. Compilers choose such where
/// the source has a minimum, a selection or a cast.
fn strict(operator: &Operator<'_>) -> Option<Instruction<'static>> {
    Some(match operator {
        Operator::I8x16RelaxedSwizzle => Instruction::I8x16Swizzle,
        Operator::I32x4RelaxedTruncF32x4S => Instruction::I32x4TruncSatF32x4S,
        Operator::I32x4RelaxedTruncF32x4U => Instruction::I32x4TruncSatF32x4U,
        Operator::I32x4RelaxedTruncF64x2SZero => Instruction::I32x4TruncSatF64x2SZero,
        Operator::I32x4RelaxedTruncF64x2UZero => Instruction::I32x4TruncSatF64x2UZero,
        Operator::I8x16RelaxedLaneselect
        | Operator::I16x8RelaxedLaneselect
        | Operator::I32x4RelaxedLaneselect
        | Operator::I64x2RelaxedLaneselect => Instruction::V128Bitselect,
        Operator::F32x4RelaxedMin => Instruction::F32x4Min,
        Operator::F32x4RelaxedMax => Instruction::F32x4Max,
        Operator::F64x2RelaxedMin => Instruction::F64x2Min,
        Operator::F64x2RelaxedMax => Instruction::F64x2Max,
        Operator::I16x8RelaxedQ15mulrS => Instruction::I16x8Q15MulrSatS,
        _ => return None,
    })
}

/// `(a, b, c) → c + Σ aᵢ·bᵢ` over each four neighbours, in 32 bits; `next` is the first of four locals.
fn dot(target: &mut Function, next: u32) {
    let [added, b, a, low] = [next, next + 1, next + 2, next + 3];
    for local in [added, b, a] {
        target.instruction(&Instruction::LocalSet(local));
    }
    let products = |target: &mut Function, multiply: &Instruction<'_>| {
        target.instruction(&Instruction::LocalGet(a));
        target.instruction(&Instruction::LocalGet(b));
        target.instruction(multiply);
        target.instruction(&Instruction::I32x4ExtAddPairwiseI16x8S);
    };
    products(target, &Instruction::I16x8ExtMulLowI8x16S);
    target.instruction(&Instruction::LocalSet(low));
    products(target, &Instruction::I16x8ExtMulHighI8x16S);
    let high = a;
    target.instruction(&Instruction::LocalSet(high));
    // The first pair of each four, then the second.
    for lanes in [
        [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27],
        [4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31],
    ] {
        target.instruction(&Instruction::LocalGet(low));
        target.instruction(&Instruction::LocalGet(high));
        target.instruction(&Instruction::I8x16Shuffle(lanes));
    }
    target.instruction(&Instruction::I32x4Add);
    target.instruction(&Instruction::LocalGet(added));
    target.instruction(&Instruction::I32x4Add);
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{ExportKind, ExportSection, FunctionSection, TypeSection};

    /// `(a, b, c) → a · b + c` of numbers in all lanes, with a local of its own.
    fn module() -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([ValType::F32; 3], [ValType::F32]);
        let mut functions = FunctionSection::new();
        functions.function(0);
        let mut exports = ExportSection::new();
        exports.export("f", ExportKind::Func, 0);
        let mut body = Function::new([(1, ValType::I32)]);
        for parameter in 0..3 {
            body.instruction(&Instruction::LocalGet(parameter));
            body.instruction(&Instruction::F32x4Splat);
        }
        body.instruction(&Instruction::F32x4RelaxedMadd);
        // Eight-bit products as well, of which nothing is kept.
        for _ in 0..3 {
            body.instruction(&Instruction::V128Const(7));
        }
        body.instruction(&Instruction::I32x4RelaxedDotI8x16I7x16AddS);
        body.instruction(&Instruction::Drop);
        body.instruction(&Instruction::F32x4ExtractLane(0));
        body.instruction(&Instruction::End);
        let mut code = CodeSection::new();
        code.function(&body);
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&exports).section(&code);
        module.finish()
    }

    #[test]
    fn what_comes_out_is_valid_without_relaxed_instructions() {
        let given = module();
        let without = || Validator::new_with_features(WasmFeatures::WASM2 | WasmFeatures::FLOATS);
        assert!(without().validate_all(&given).is_err(), "the test's own module has one");
        without().validate_all(&plain(&given).unwrap()).unwrap();
    }

    #[test]
    fn all_else_stays_as_it_is() {
        let once = plain(&module()).unwrap();
        let names = |module: &[u8]| -> Vec<String> {
            let payloads = Parser::new(0).parse_all(module).map(Result::unwrap);
            let exports = payloads.filter_map(|payload| match payload {
                Payload::ExportSection(all) => {
                    Some(all.into_iter().map(|e| e.unwrap().name.to_string()))
                }
                _ => None,
            });
            exports.flatten().collect()
        };
        assert_eq!(names(&once), ["f"]);
        assert!(plain(b"no module").is_err());
    }
}
