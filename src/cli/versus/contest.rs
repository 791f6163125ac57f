//! The rounds: this process and ONNX Runtime's take turns.

use std::path::Path;
use std::sync::Arc;

use perforate_bench::clock::{Clock, SystemClock};
use perforate_engine::{Batch, Knobs, Program, Session, to_array};

use crate::units::Seconds;
use crate::{Error, ErrorKind, Result};

use super::onnxruntime::OnnxRuntime;
use super::row::{Row, agree, sample_order};
use super::{Case, SAMPLE};

/// How much longer than needed a sample is planned, since later runs may be faster than the first ones.
const MARGIN: f64 = 1.1;

/// This engine as a contender.
struct Own<'a> {
    clock: SystemClock,
    session: Session,
    inputs: &'a Batch,
}

impl Own<'_> {
    fn time(&mut self, runs: usize) -> Result<Seconds> {
        if runs > 1 {
            // Not counted: it finds the caches of another process.
            self.run()?;
        }
        let began = self.clock.now();
        for _ in 0..runs {
            self.run()?;
        }
        Ok(self.clock.now() - began)
    }

    fn run(&mut self) -> Result<()> {
        // The result must be used, or a compiler could leave out work.
        std::hint::black_box(&self.session.run(self.inputs, &Knobs::new())?);
        Ok(())
    }
}

/// Times a model here and in ONNX Runtime, once with one thread there and once with as many as it takes.
///
/// # Errors
/// Where an engine refuses the model or the inputs, and where outputs differ.
pub fn compare(python: &Path, case: &Case, rounds: usize) -> Result<Vec<Row>> {
    let program = Arc::new(Program::load(&case.model, &case.file)?);
    let mut peer = OnnxRuntime::start(python, case)?;
    let mut session = Session::new(program);
    let outcome = session.run(&case.inputs, &Knobs::new()).map_err(|e| e.within(&case.model))?;
    for (ix, (name, tensor)) in outcome.outputs().enumerate() {
        let theirs = peer.outputs.get(&format!("output{ix}"));
        let theirs = theirs.map(|tensor| to_array::<f32>(tensor)).transpose()?;
        let ours = to_array::<f32>(tensor)?;
        let equal = theirs.as_ref().is_some_and(|theirs| {
            ours.shape() == theirs.shape() && ours.iter().zip(theirs).all(|(a, b)| agree(*a, *b))
        });
        if !equal {
            let text = format!("the output `{name}` differs from ONNX Runtime's");
            return Err(Error::new(ErrorKind::Internal, text).at(&case.model));
        }
    }
    drop(outcome);

    let threads = peer.threads.clone();
    let engines = 1 + threads.len();
    let mut own = Own { clock: SystemClock::default(), session, inputs: &case.inputs };
    let mut time = |engine: usize, runs: usize| match engine.checked_sub(1) {
        None => own.time(runs),
        Some(session) => peer.time(session, runs),
    };
    let mut runs = vec![];
    for engine in 0..engines {
        runs.push(runs_of_a_sample(|count| time(engine, count))?);
    }
    let mut seconds = vec![vec![]; engines];
    for round in 0..rounds {
        for engine in sample_order(engines, round) {
            seconds[engine].push(time(engine, runs[engine])?.0 / runs[engine] as f64);
        }
    }
    let rows = threads.iter().zip(&seconds[1..]).map(|(&threads, theirs)| Row {
        model: case.model.clone(),
        batch: case.inputs.rows(),
        engine: "onnxruntime",
        threads,
        build: "native".into(),
        ours: seconds[0].clone(),
        theirs: theirs.clone(),
    });
    Ok(rows.collect())
}

/// How many runs last as long as a sample; finding out warms the engine up.
fn runs_of_a_sample(mut time: impl FnMut(usize) -> Result<Seconds>) -> Result<usize> {
    let mut runs = 1;
    loop {
        let lasted = time(runs)?.0;
        if lasted >= SAMPLE.0 {
            return Ok((runs as f64 * (MARGIN * SAMPLE.0 / lasted).min(1.0)).ceil() as usize);
        }
        // One run tells little of a hundred: at most ten times as many.
        let wanted = runs as f64 * (MARGIN * SAMPLE.0 / lasted.max(1e-9)).clamp(2.0, 10.0);
        runs = wanted.ceil() as usize;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_lasts_long_enough() {
        for run in [1e-6, 3e-4, 0.02, 0.07, 3.0] {
            let runs = runs_of_a_sample(|count| Ok(Seconds(run * count as f64))).unwrap();
            let lasts = run * runs as f64;
            assert!(lasts >= SAMPLE.0 && lasts <= SAMPLE.0 * 1.2 + run, "{run}: {runs}");
        }
    }
}
