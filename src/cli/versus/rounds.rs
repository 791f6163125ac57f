//! Interleaved rounds: this process and that of ONNX Runtime take turns.

use std::path::Path;
use std::sync::Arc;

use perforate_bench::clock::{Clock, SystemClock};
use perforate_engine::{Batch, Knobs, Program, Session, to_array};

use crate::units::Seconds;
use crate::{Error, ErrorKind, Result};

use super::onnxruntime::OnnxRuntime;
use super::row::{Row, agree, agree_in_eight_bits, sample_order};
use super::{Case, SAMPLE};

/// Samples are planned this much longer, since later runs may be faster than the first ones.
const MARGIN: f64 = 1.1;

/// A model in this engine.
struct Engine<'a> {
    clock: SystemClock,
    session: Session,
    inputs: &'a Batch,
}

impl Engine<'_> {
    fn time(&mut self, runs: usize) -> Result<Seconds> {
        if runs > 1 {
            // Not counted: the other process has left its data in the caches.
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

/// Times a model in this engine and in ONNX Runtime, with one thread there and with as many as it uses by default.
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
        let Some(theirs) = theirs.filter(|theirs| theirs.shape() == ours.shape()) else {
            return Err(differs(case, name, "in its shape"));
        };
        let agrees = if case.full.is_some() { agree_in_eight_bits } else { agree };
        if !ours.iter().zip(&theirs).all(|(a, b)| agrees(*a, *b)) {
            let apart = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
            return Err(differs(case, name, &format!("by up to {apart:.1e}")));
        }
    }
    drop(outcome);

    let threads = peer.threads.clone();
    let engines = 1 + threads.len();
    let mut engine = Engine { clock: SystemClock::default(), session, inputs: &case.inputs };
    let mut time = |ix: usize, runs: usize| match ix.checked_sub(1) {
        None => engine.time(runs),
        Some(session) => peer.time(session, runs),
    };
    let mut runs = vec![];
    for ix in 0..engines {
        runs.push(runs_per_sample(|count| time(ix, count))?);
    }
    let mut seconds = vec![vec![]; engines];
    for round in 0..rounds {
        for ix in sample_order(engines, round) {
            seconds[ix].push(time(ix, runs[ix])?.0 / runs[ix] as f64);
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

fn differs(case: &Case, output: &str, how: &str) -> Error {
    let text = format!("the output `{output}` differs from that of ONNX Runtime {how}");
    Error::new(ErrorKind::Internal, text).at(&case.model)
}

/// How many runs fill a sample. Finding out warms the engine up.
fn runs_per_sample(mut time: impl FnMut(usize) -> Result<Seconds>) -> Result<usize> {
    let mut runs = 1;
    loop {
        let lasted = time(runs)?.0;
        if lasted >= SAMPLE.0 {
            return Ok((runs as f64 * (MARGIN * SAMPLE.0 / lasted).min(1.0)).ceil() as usize);
        }
        // The first runs are slow: grow tenfold at most.
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
            let runs = runs_per_sample(|count| Ok(Seconds(run * count as f64))).unwrap();
            let lasts = run * runs as f64;
            assert!(lasts >= SAMPLE.0 && lasts <= SAMPLE.0 * 1.2 + run, "{run}: {runs}");
        }
    }
}
