//! Runs a model on a user's NumPy file: what the command line's `run` and a dropped data file do.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::ArrayD;

use perforate_base::Result;
use perforate_base::units::Macs;
use perforate_data::npz;
use perforate_engine::{Batch, Knobs, Program, Session};

/// What a model gave for every row of a file.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Outputs by name, shape `[rows, …]`.
    pub outputs: Vec<(String, ArrayD<f32>)>,
    /// The path that each row took, and its operations.
    pub rows: Vec<(String, Macs)>,
}

/// Runs `program` on the rows of a file, whose name stands in error messages.
pub fn run(program: &Arc<Program>, file: &str, inputs: &Batch, knobs: &Knobs) -> Result<Ran> {
    let outcome = Session::new(program.clone()).run(inputs, knobs).map_err(|e| e.within(file))?;
    let outputs = program
        .outputs()
        .iter()
        .map(|name| Ok((name.clone(), outcome.output(name)?)))
        .collect::<Result<_>>()?;
    let rows = outcome
        .trace
        .rows
        .iter()
        .map(|row| (program.path_label(row.path), row.work.macs))
        .collect();
    Ok(Ran { outputs, rows })
}

impl Ran {
    /// The outputs as an `.npz` file.
    pub fn to_npz(&self) -> Result<Vec<u8>> {
        let arrays: Vec<_> = self.outputs.iter().map(|(name, a)| (name.as_str(), a)).collect();
        npz::write(&arrays)
    }

    /// How many rows took which path, and what they cost, in a sentence.
    pub fn summary(&self) -> String {
        let mut counts = BTreeMap::<&str, usize>::new();
        self.rows.iter().for_each(|(label, _)| *counts.entry(label).or_default() += 1);
        let paths: Vec<String> =
            counts.iter().map(|(label, count)| format!("{count} {label}")).collect();
        let macs: Macs = self.rows.iter().map(|(_, macs)| *macs).sum();
        let mean = macs / self.rows.len().max(1) as f64;
        format!("{} rows ({}), {mean} a row.", self.rows.len(), paths.join(", "))
    }
}
