//! What every path would answer for every sample: one pass per path, from which the curve at any
//! knob value is computed without running the model again.

use std::sync::Arc;

use ndarray::Array2;

use crate::data::Samples;
use crate::engine::{Knobs, Outcome, Path, Program, Routing, Session, to_array};
use crate::error::{Error, ErrorKind, Result};
pub use crate::fit::classes::argmax;
use crate::units::Macs;

/// Answers of one path.
#[derive(Debug, Clone)]
pub struct PathRecord {
    /// The path.
    pub path: Path,
    /// Outputs by sample, shape `[n, outputs]`, as far as recorded.
    pub outputs: Vec<Vec<f32>>,
    /// Operations for one sample.
    pub macs: Vec<Macs>,
    /// Scores at each gate on this path, `[sample][gate]`; NaN where it does not pass.
    pub scores: Vec<Vec<f32>>,
}

/// Answers of every path of a program for samples 0…n.
#[derive(Debug, Clone)]
pub struct Recording {
    /// One record a path.
    pub paths: Vec<PathRecord>,
    program: Arc<Program>,
}

/// How one sample fares at one knob value.
#[derive(Debug, Clone, Copy)]
pub struct Routed<'a> {
    /// Index of the path in [`Recording::paths`].
    pub path: usize,
    /// The routed output.
    pub output: &'a [f32],
    /// Operations spent.
    pub macs: Macs,
}

impl PathRecord {
    /// Adds what came of one sample.
    fn take(&mut self, outcome: &Outcome) -> Result<()> {
        self.outputs.push(outcome.first()?.into_iter().collect());
        self.macs.push(outcome.trace.total_macs());
        self.scores.push(outcome.trace.scores.iter().map(|gate| gate[0]).collect());
        Ok(())
    }
}

impl Recording {
    /// An empty recording for `program`. Every gate must be foreseeable: a score or a constant against a knob.
    pub fn new(program: Arc<Program>) -> Result<Recording> {
        for gate in program.gates() {
            if !gate.is_foreseeable() {
                return Err(Error::new(
                    ErrorKind::Model,
                    "this gate does not compare a score of each row, or a constant, with a knob, so its curve cannot be computed",
                )
                .node(&gate.name));
            }
        }
        let empty = |path| PathRecord { path, outputs: vec![], macs: vec![], scores: vec![] };
        let paths = program.paths().into_iter().map(empty).collect();
        Ok(Recording { paths, program })
    }

    /// Number of samples for which every path is recorded.
    pub fn len(&self) -> usize {
        self.paths.iter().map(|p| p.outputs.len()).min().unwrap_or(0)
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs the next samples of `samples` down path `ix`, row by row, at most `count`.
    pub fn extend(
        &mut self,
        session: &mut Session,
        samples: &Samples,
        ix: usize,
        count: usize,
    ) -> Result<()> {
        let record = &mut self.paths[ix];
        let start = record.outputs.len();
        for row in start..(start + count).min(samples.len()) {
            let batch = samples.row(row)?;
            let routing = Routing::Forced(record.path);
            let outcome = session.run_with(&batch, &self.program.neutral_knobs(), routing)?;
            record.take(&outcome)?;
        }
        Ok(())
    }

    /// Runs the next sample of `samples`, if there is one, down every path that lacks it.
    pub fn extend_all(&mut self, session: &mut Session, samples: &Samples) -> Result<()> {
        let row = self.len();
        if row >= samples.len() {
            return Ok(());
        }
        let batch = samples.row(row)?;
        let lacking = self.paths.iter_mut().filter(|record| record.outputs.len() == row);
        let mut lacking: Vec<&mut PathRecord> = lacking.collect();
        let paths: Vec<Path> = lacking.iter().map(|record| record.path).collect();
        let outcomes = session.run_each(&batch, &self.program.neutral_knobs(), &paths)?;
        for (record, outcome) in lacking.iter_mut().zip(outcomes) {
            record.take(&outcome)?;
        }
        Ok(())
    }

    /// The scores of the first `n` recorded samples at every gate.
    pub fn all_scores(&self, n: usize) -> impl Iterator<Item = f32> {
        let gates = 0..self.program.gates().len();
        // A gate's score is the same on every path that passes it: the first one will do.
        let known = gates.filter_map(|gate| {
            let passes = |path: &&PathRecord| path.path.at(gate).is_some();
            self.paths.iter().find(passes).map(|path| (gate, path))
        });
        known.flat_map(move |(gate, path)| path.scores[..n].iter().map(move |row| row[gate]))
    }

    /// The path that sample `row` takes at these knobs, with its answer.
    pub fn at(&self, row: usize, knobs: &Knobs) -> Routed<'_> {
        // The path is the one whose every decision agrees with the score met on it.
        let agrees = |record: &PathRecord| {
            self.program.gates().iter().enumerate().all(|(ix, gate)| {
                let Some(taken) = record.path.at(ix) else { return true };
                let knob = gate.comparison.as_ref().and_then(|(_, name)| name.as_ref());
                let knob = knob.and_then(|name| {
                    let default = self
                        .program
                        .knobs()
                        .iter()
                        .find(|k| k.name == *name)
                        .and_then(|k| k.default);
                    knobs.get(name).or(default)
                });
                gate.decide(record.scores[row][ix], knob.unwrap_or(f32::NAN)) == Some(taken)
            })
        };
        let path = self.paths.iter().position(agrees).unwrap_or(0);
        let record = &self.paths[path];
        Routed { path, output: &record.outputs[row], macs: record.macs[row] }
    }

    /// The program.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }
}

/// Runs all samples through a program at these knobs, one row at a time; `[n, outputs]` of its first output.
pub fn answers(session: &mut Session, samples: &Samples, knobs: &Knobs) -> Result<Array2<f32>> {
    let first = all_answers(session, samples, knobs)?.into_iter().next();
    first.ok_or_else(|| Error::new(ErrorKind::Internal, "the model has no output"))
}

/// The same of every output.
pub fn all_answers(
    session: &mut Session,
    samples: &Samples,
    knobs: &Knobs,
) -> Result<Vec<Array2<f32>>> {
    let mut values = vec![vec![]; session.program().outputs().len()];
    for row in 0..samples.len() {
        let outcome = session.run(&samples.row(row)?, knobs)?;
        for ((_, tensor), values) in outcome.outputs().zip(&mut values) {
            values.extend(to_array::<f32>(tensor)?);
        }
    }
    let shaped = values.into_iter().map(|values: Vec<f32>| {
        let width = values.len() / samples.len().max(1);
        Array2::from_shape_vec((samples.len(), width), values)
            .map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))
    });
    shaped.collect()
}
