//! Requests that wait for a thread, and which of them share a batch.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use perforate_engine::{Batch, DatumType, Knobs, Tensor};
use tokio::sync::oneshot;

use crate::refusal::Refusal;

/// The answer to a request.
#[derive(Debug)]
pub struct Answer {
    /// Outputs by name, in the file's order.
    pub outputs: Vec<(String, Tensor)>,
    /// What each row took.
    pub paths: Vec<String>,
    /// What each row cost, in multiply-accumulates.
    pub macs: Vec<f64>,
}

/// A request that waits.
#[derive(Debug)]
pub struct Job {
    /// Its tensors, `[rows, …]`.
    pub inputs: Batch,
    /// Its knobs.
    pub knobs: Knobs,
    /// When it came.
    pub came: Instant,
    /// When its client is told that it took too long.
    pub due: Instant,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Answer, Refusal>>,
}

impl Job {
    /// Whether nobody waits for it any more.
    fn is_late(&self) -> bool {
        self.reply.is_closed() || Instant::now() >= self.due
    }

    /// Whether another can share its batch: equal knobs, types and sizes.
    fn fits(&self, other: &Job) -> bool {
        let kinds = |job: &Job| -> Vec<(String, DatumType, Vec<usize>)> {
            let kind = |name: &str| {
                let tensor = job.inputs.get(name);
                let shape = tensor.map(|t| t.shape().iter().skip(1).copied().collect());
                let kind = tensor.map_or(DatumType::F32, |t| t.datum_type());
                (name.to_string(), kind, shape.unwrap_or_default())
            };
            let mut all: Vec<_> = job.inputs.names().map(kind).collect();
            all.sort_by(|a, b| a.0.cmp(&b.0));
            all
        };
        self.knobs == other.knobs && kinds(self) == kinds(other)
    }
}

/// How requests share batches.
#[derive(Debug, Clone, Copy)]
pub struct Sharing {
    /// Most rows of a batch.
    pub rows: usize,
    /// How long the first one waits for others.
    pub wait: Duration,
    /// Whether they may at all: what a row gives depends on that row alone.
    pub allowed: bool,
}

/// The queue. It never grows beyond its bound.
#[derive(Debug)]
pub struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    most: usize,
    sharing: Sharing,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    /// A queue of at most `most` requests.
    pub fn new(most: usize, sharing: Sharing) -> Queue {
        Queue { waiting: Mutex::default(), changed: Condvar::new(), most, sharing }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it holds the lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests that wait.
    pub fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    /// Adds a request, unless the queue is full or closed.
    pub fn push(&self, job: Job) -> Result<(), Refusal> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Refusal::busy("the service is stopping: ask another one"));
        }
        if waiting.jobs.len() >= self.most {
            waiting.jobs.retain(|job| !job.is_late());
        }
        if waiting.jobs.len() >= self.most {
            return Err(Refusal::busy("too many requests wait: try again in a second"));
        }
        waiting.jobs.push_back(job);
        drop(waiting);
        self.changed.notify_all();
        Ok(())
    }

    /// Takes no more requests; those that wait are still handed out.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// The next requests that share a batch; none once the queue is closed and empty.
    pub fn next(&self) -> Option<Vec<Job>> {
        let mut waiting = self.lock();
        loop {
            waiting.jobs.retain(|job| !job.is_late());
            let Some(first) = waiting.jobs.front() else {
                if waiting.closed {
                    return None;
                }
                waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = (first.came + self.sharing.wait).saturating_duration_since(Instant::now());
            let (chosen, full) = self.chosen(&waiting.jobs);
            if full || left.is_zero() || waiting.closed {
                let mut batch = vec![];
                for ix in chosen.into_iter().rev() {
                    batch.extend(waiting.jobs.remove(ix));
                }
                batch.reverse();
                return Some(batch);
            }
            let waited = self.changed.wait_timeout(waiting, left);
            waiting = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(guard, _)| guard);
        }
    }

    /// The requests that go with the first, in order, and whether no other can join them.
    fn chosen(&self, jobs: &VecDeque<Job>) -> (Vec<usize>, bool) {
        let Some(first) = jobs.front() else { return (vec![], true) };
        let mut rows = first.inputs.rows();
        let mut chosen = vec![0];
        if !self.sharing.allowed {
            return (chosen, true);
        }
        for (ix, job) in jobs.iter().enumerate().skip(1) {
            if rows >= self.sharing.rows {
                break;
            }
            let more = rows + job.inputs.rows();
            if more <= self.sharing.rows && first.fits(job) {
                rows = more;
                chosen.push(ix);
            }
        }
        (chosen, rows >= self.sharing.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::ArrayD;

    fn job(rows: usize, knob: f32) -> (Job, oneshot::Receiver<Result<Answer, Refusal>>) {
        let (reply, receiver) = oneshot::channel();
        let inputs = Batch::new().with("x", ArrayD::<f32>::zeros(vec![rows, 2]));
        let knobs = Knobs::new().with("threshold", knob);
        let came = Instant::now();
        (Job { inputs, knobs, came, due: came + Duration::from_secs(60), reply }, receiver)
    }

    fn queue(most: usize, rows: usize, allowed: bool) -> Queue {
        Queue::new(most, Sharing { rows, wait: Duration::ZERO, allowed })
    }

    #[test]
    fn alike_requests_share_a_batch_up_to_its_rows() {
        let queue = queue(8, 4, true);
        let mut receivers = vec![];
        for (rows, knob) in [(1, 0.5), (2, 0.5), (1, 0.9), (2, 0.5), (1, 0.5)] {
            let (job, receiver) = job(rows, knob);
            receivers.push(receiver);
            queue.push(job).unwrap();
        }
        let rows = |batch: Vec<Job>| batch.iter().map(|job| job.inputs.rows()).collect::<Vec<_>>();
        // The third has another knob, the fourth too many rows.
        assert_eq!(rows(queue.next().unwrap()), [1, 2, 1]);
        assert_eq!(rows(queue.next().unwrap()), [1]);
        assert_eq!(rows(queue.next().unwrap()), [2]);
        queue.close();
        assert!(queue.next().is_none());
        assert_eq!(queue.push(job(1, 0.5).0).unwrap_err().status, 503);
    }

    #[test]
    fn rows_that_depend_on_each_other_share_nothing() {
        let queue = queue(8, 4, false);
        let (jobs, _receivers): (Vec<_>, Vec<_>) = (0..2).map(|_| job(1, 0.5)).unzip();
        jobs.into_iter().for_each(|job| queue.push(job).unwrap());
        assert_eq!(queue.next().unwrap().len(), 1);
    }

    #[test]
    fn a_full_queue_refuses_and_one_whose_clients_left_does_not() {
        let queue = queue(2, 4, true);
        let (jobs, receivers): (Vec<_>, Vec<_>) = (0..2).map(|_| job(1, 0.5)).unzip();
        jobs.into_iter().for_each(|job| queue.push(job).unwrap());
        let (more, _receiver) = job(1, 0.5);
        assert_eq!(queue.push(more).unwrap_err().status, 503);
        drop(receivers);
        let (more, _receiver) = job(1, 0.5);
        queue.push(more).unwrap();
        assert_eq!(queue.next().unwrap().len(), 1);
    }
}
