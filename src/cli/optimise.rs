//! `optimise`: moves work into the branches that need it, folds constants, drops what nothing reads.

use std::path::Path;

use perforate_engine::Program;
use perforate_onnx::{Optimised, decode, encode, optimise};

use crate::Result;

use super::io::{read, say, write};
use super::knob_form::KnobForm;

/// Nodes that are named before the rest is counted.
const NAMED: usize = 8;

/// Optimises a file, checks that it still compiles, writes it, and says what moved.
pub fn optimise_file(path: &Path, knob: KnobForm, out: &Path) -> Result<()> {
    let name = path.display().to_string();
    let bytes = read(path)?;
    Program::load(&name, &bytes)?;
    let mut model = decode(&name, &bytes)?;
    let optimised = optimise(&mut model);
    knob.apply(&mut model).map_err(|e| e.within(&name))?;
    let bytes = encode(&model);
    Program::load(&out.display().to_string(), &bytes)?;
    write(out, bytes)?;
    for line in lines(&optimised) {
        say!("{line}");
    }
    Ok(())
}

/// What was done, in sentences for people.
pub fn lines(optimised: &Optimised) -> Vec<String> {
    let mut lines = vec![];
    let mut rest = &optimised.moved[..];
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|m| (&m.gate, &m.branch) == (&first.gate, &first.branch));
        let (own, others) = rest.split_at(same.count());
        rest = others;
        let names: Vec<&str> = own.iter().take(NAMED).map(|moved| moved.node.as_str()).collect();
        let more = match own.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let branch = first.branch.trim_end_matches("_branch");
        let count = counted(own.len(), "node");
        lines.push(format!(
            "{count} moved into the {branch} branch of `{}`: {}{more}",
            first.gate,
            names.join(", ")
        ));
    }
    if optimised.moved.is_empty() {
        lines.push("No node moved: nothing before an `If` serves one branch alone.".into());
    }
    if optimised.folded > 0 {
        lines.push(format!("{} folded", counted(optimised.folded, "constant")));
    }
    if optimised.removed > 0 {
        lines.push(format!("{} removed", counted(optimised.removed, "unused node")));
    }
    lines
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
