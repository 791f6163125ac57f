//! The threads that run the model: each takes what shares a batch, and gives every request its own rows.

use std::sync::Arc;

use perforate_base::error::{Error, ErrorKind, Result, one_line};
use perforate_base::guard::{Panicked, guarded};
use perforate_engine::{Batch, Outcome, Program, Routing, Session, Tensor};

use crate::metrics::Metrics;
use crate::queue::{Answer, Job, Queue};
use crate::refusal::Refusal;

/// Works until the queue is closed and empty.
pub fn work(program: &Arc<Program>, queue: &Queue, metrics: &Metrics) {
    let mut session = Session::new(program.clone());
    while let Some(jobs) = queue.next() {
        // What is wrong with one request must not become another's error.
        let mut sound = vec![];
        for job in jobs {
            match session.begin(&job.inputs, &job.knobs, Routing::Scores) {
                Ok(_) => sound.push(job),
                // Whoever asked may have left.
                Err(error) => drop(job.reply.send(Err(error.into()))),
            }
        }
        if sound.is_empty() {
            continue;
        }
        match run(program, &mut session, &sound) {
            Ok(answers) => {
                metrics.ran(&answers);
                sound
                    .into_iter()
                    .zip(answers)
                    .for_each(|(job, answer)| drop(job.reply.send(Ok(answer))));
            }
            Err(error) => {
                // A run that panicked has left its memory in any state.
                session = Session::new(program.clone());
                let refusal = Refusal::from(error);
                sound.into_iter().for_each(|job| drop(job.reply.send(Err(refusal.clone()))));
            }
        }
    }
}

/// Runs the requests as one batch.
fn run(program: &Program, session: &mut Session, jobs: &[Job]) -> Result<Vec<Answer>> {
    let fault = |panic: Panicked| {
        Error::new(ErrorKind::Internal, format!("the model cannot be run on this ({panic})"))
    };
    let outcome = guarded(fault, || match jobs {
        [job] => session.run(&job.inputs, &job.knobs),
        _ => session.run(&joined(jobs)?, &jobs[0].knobs),
    })?;
    let mut first = 0;
    jobs.iter()
        .map(|job| {
            let rows = if program.is_whole() { 1 } else { job.inputs.rows() };
            let answer = part(program, &outcome, first..first + rows, jobs.len() == 1);
            first += rows;
            answer
        })
        .collect()
}

/// The inputs of several requests behind each other.
fn joined(jobs: &[Job]) -> Result<Batch> {
    let mut all = Batch::new();
    for name in jobs[0].inputs.names() {
        let tensors: Vec<&Tensor> =
            jobs.iter().filter_map(|job| job.inputs.get(name)).map(|value| &**value).collect();
        let tensor = Tensor::stack_tensors(0, &tensors).map_err(internal)?;
        all = all.with_tensor(name, tensor);
    }
    Ok(all)
}

/// The answer to some rows of a run; to all of it where it ran for one request.
fn part(
    program: &Program,
    outcome: &Outcome,
    rows: std::ops::Range<usize>,
    all: bool,
) -> Result<Answer> {
    let own = |tensor: &Tensor| match all {
        true => Ok(tensor.clone()),
        false => tensor.slice(0, rows.start, rows.end).map_err(internal),
    };
    let outputs = outcome
        .outputs()
        .map(|(name, tensor)| Ok((name.to_string(), own(tensor)?)))
        .collect::<Result<_>>()?;
    let traces = &outcome.trace.rows[rows.clone()];
    Ok(Answer {
        outputs,
        paths: traces.iter().map(|row| program.path_label(row.path)).collect(),
        macs: traces.iter().map(|row| row.work.macs.0).collect(),
    })
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Internal, one_line(error))
}
