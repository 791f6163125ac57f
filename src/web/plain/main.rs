//! Makes of the page's module one for browsers without relaxed SIMD: `perforate-plain-simd IN.wasm OUT.wasm`.
//!
//! A browser refuses a whole module for one instruction that it does not know, so there must be two. They are built once:
//! where the first multiplies and adds at once, the second does one after the other, and all else is the same, down to the
//! names that the page's script binds.

use std::process::ExitCode;
use std::{env, fs};

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{CodeSection, Function, Instruction, Module, ValType};
use wasmparser::{FunctionBody, Operator, Parser, Payload};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [from, to] = &arguments[..] else {
        eprintln!("usage: perforate-plain-simd IN.wasm OUT.wasm");
        return ExitCode::from(2);
    };
    let done = fs::read(from).map_err(|e| format!("{from}: {e}")).and_then(|module| {
        let plain = plain(&module).map_err(|e| format!("{from}: {e}"))?;
        fs::write(to, plain).map_err(|e| format!("{to}: {e}"))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

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
        // What is added waits here while the factors are multiplied.
        locals.push((1, ValType::V128));
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
                other => {
                    target.instruction(&utils::instruction(self, other)?);
                }
            }
        }
        code.function(&target);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_encoder::{ExportKind, ExportSection, FunctionSection, TypeSection};
    use wasmparser::{Validator, WasmFeatures};

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
