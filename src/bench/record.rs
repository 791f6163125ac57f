//! What every path would answer for every sample: one pass per path, from which the curve at any
//! knob value is computed without running the model again.

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::Array2;

use perforate_base::{Error, ErrorKind, Result};
use perforate_data::Samples;
use perforate_engine::{Gate, Knobs, Outcome, Path, Program, Routing, Session, Work, to_array};
use perforate_onnx::{BINS, KEPT, ScoreHistogram};
pub use perforate_routing::fit::classes::argmax;

use super::settings::Settings;

/// Answers of one path.
#[derive(Debug, Clone)]
pub struct PathRecord {
    /// The path.
    pub path: Path,
    /// Outputs by sample, shape `[n, outputs]`, as far as recorded.
    pub outputs: Vec<Vec<f32>>,
    /// What each sample computes and reads.
    pub work: Vec<Work>,
    /// The share of each sample that each layer computes on, `[sample][layer]`, where the program tells.
    pub kept: Vec<Vec<f32>>,
    /// Scores at each gate on this path, `[sample][gate]`; NaN where it does not pass.
    pub scores: Vec<Vec<f32>>,
}

/// Answers of every path of a program for samples 0…n.
#[derive(Debug, Clone)]
pub struct Recording {
    /// One record a path.
    pub paths: Vec<PathRecord>,
    program: Arc<Program>,
    /// Where a knob alone decides by more than comparisons with it: what it leads to.
    settings: Option<(String, Settings)>,
}

/// How one sample fares at one knob value.
#[derive(Debug, Clone, Copy)]
pub struct Routed<'a> {
    /// Index of the path in [`Recording::paths`].
    pub path: usize,
    /// The routed output.
    pub output: &'a [f32],
    /// What was computed and read.
    pub work: Work,
    /// The share that each layer computed on; empty where the program does not tell.
    pub kept: &'a [f32],
}

impl PathRecord {
    /// Adds what came of one sample.
    fn take(&mut self, outcome: &Outcome) -> Result<()> {
        self.outputs.push(outcome.first()?.into_iter().collect());
        if let Ok(kept) = outcome.output(KEPT) {
            self.kept.push(kept.into_iter().collect());
        }
        self.work.push(outcome.trace.total());
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
        let computed = |gate: &Gate| {
            let knob = gate.comparison.as_ref().and_then(|(_, knob)| knob.as_ref());
            !gate.is_input_dependent && knob.is_none()
        };
        let settings = match program.metadata().knobs.first_key_value() {
            Some((knob, range)) if program.gates().iter().any(computed) => {
                let mut session = Session::new(program.clone());
                let settings = Settings::search(&mut session, knob, *range)?;
                settings.map(|settings| (knob.clone(), settings))
            }
            _ => None,
        };
        // Of all combinations of variants, a knob can lead to a few only.
        let paths = match &settings {
            Some((_, settings)) => settings.paths(&program),
            None => program.paths()?,
        };
        let empty =
            |path| PathRecord { path, outputs: vec![], work: vec![], kept: vec![], scores: vec![] };
        let paths = paths.into_iter().map(empty).collect();
        Ok(Recording { paths, program, settings })
    }

    /// Whether a knob alone leads to the paths, by what the program computes of it.
    pub fn follows_settings(&self) -> bool {
        self.settings.is_some()
    }

    /// Forgets the paths that none of these settings leads to; where rows decide, every path stays.
    pub fn keep(&mut self, values: &[f32]) {
        if let Some((_, settings)) = &self.settings {
            let wanted: Vec<Path> = values.iter().map(|&value| settings.path(value)).collect();
            self.paths.retain(|record| wanted.contains(&record.path));
        }
    }

    /// Place of a path in [`Recording::paths`]; the first one's if it is not among them.
    pub fn index_of(&self, path: Path) -> usize {
        self.paths.iter().position(|record| record.path == path).unwrap_or(0)
    }

    /// Number of samples for which every path is recorded.
    pub fn len(&self) -> usize {
        self.paths.iter().map(|p| p.outputs.len()).min().unwrap_or(0)
    }

    /// Forgets what is recorded.
    pub fn forget(&mut self) {
        for PathRecord { outputs, work, kept, scores, .. } in &mut self.paths {
            outputs.clear();
            work.clear();
            kept.clear();
            scores.clear();
        }
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
    /// Where a knob alone decides, the values at which it leads elsewhere.
    pub fn all_scores(&self, n: usize) -> impl Iterator<Item = f32> {
        let borders = self.settings.iter().flat_map(|(_, settings)| settings.borders());
        let gates = 0..self.program.gates().len();
        // A gate's score is the same on every path that passes it: the first one will do.
        let known = gates.filter_map(|gate| {
            let passes = |path: &&PathRecord| path.path.at(gate).is_some();
            self.paths.iter().find(passes).map(|path| (gate, path))
        });
        let scores =
            known.flat_map(move |(gate, path)| path.scores[..n].iter().map(move |row| row[gate]));
        // What is computed of a knob may be of another size: no setting lies there.
        let range = self.settings.as_ref().and_then(|(knob, _)| {
            let range = self.program.metadata().knobs.get(knob)?;
            Some(range.light.min(range.full)..=range.light.max(range.full))
        });
        let within = move |score: &f32| range.as_ref().is_none_or(|range| range.contains(score));
        scores.filter(within).chain(borders)
    }

    /// The scores of all recorded samples at one gate; NaN where a sample was recorded on no path that passes it.
    pub fn scores_at(&self, gate: usize) -> Vec<f32> {
        let passes = |path: &&PathRecord| path.path.at(gate).is_some();
        let record = self.paths.iter().find(passes);
        record.map_or(vec![], |path| path.scores.iter().map(|row| row[gate]).collect())
    }

    /// The path that sample `row` takes at these knobs, with its answer.
    pub fn at(&self, row: usize, knobs: &Knobs) -> Routed<'_> {
        let path = match &self.settings {
            Some((knob, settings)) => self.index_of(settings.path(self.value(knob, knobs))),
            None => {
                let agrees = |record: &PathRecord| self.agrees(record, row, knobs);
                self.paths.iter().position(agrees).unwrap_or(0)
            }
        };
        let record = &self.paths[path];
        let kept = record.kept.get(row).map_or(&[][..], Vec::as_slice);
        Routed { path, output: &record.outputs[row], work: record.work[row], kept }
    }

    /// Whether every decision of a path agrees with the score that the row meets on it.
    fn agrees(&self, record: &PathRecord, row: usize, knobs: &Knobs) -> bool {
        self.program.gates().iter().enumerate().all(|(ix, gate)| {
            let Some(taken) = record.path.at(ix) else { return true };
            let knob = gate.comparison.as_ref().and_then(|(_, name)| name.as_ref());
            let knob = knob.map_or(f32::NAN, |name| self.value(name, knobs));
            gate.decide(record.scores[row][ix], knob) == Some(taken)
        })
    }

    /// A knob's value, or its default.
    fn value(&self, name: &str, knobs: &Knobs) -> f32 {
        let own = self.program.knobs().iter().find(|knob| knob.name == name);
        knobs.get(name).or(own.and_then(|knob| knob.default)).unwrap_or(f32::NAN)
    }

    /// The scores that each gate compares at these knobs, sorted into classes, by the gate's name. Gates that fewer samples
    /// reach than can be compared with are left out.
    pub fn score_histograms(&self, knobs: &Knobs) -> BTreeMap<String, ScoreHistogram> {
        let on_path = |row: usize| &self.paths[self.at(row, knobs).path].scores[row];
        let rows: Vec<&Vec<f32>> = (0..self.len()).map(on_path).collect();
        let gates = self.program.gates().iter().enumerate();
        let known = gates.filter(|(_, gate)| gate.is_input_dependent);
        let known = known.filter_map(|(ix, gate)| {
            let scores = rows.iter().map(|scores| scores[ix]);
            Some((gate.name.clone(), ScoreHistogram::of(scores, BINS).ok()?))
        });
        known.collect()
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
