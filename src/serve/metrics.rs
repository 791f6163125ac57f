//! What the service counts, as text for Prometheus (text format 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::queue::Answer;

/// Upper bounds of latencies, in seconds.
const SECONDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Upper bounds of batches, in rows.
const ROWS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 256.0, 1024.0];
/// Paths that are counted by name; further ones are counted together.
const MOST_PATHS: usize = 256;

/// The counts since the start.
#[derive(Debug)]
pub struct Metrics {
    requests: Mutex<BTreeMap<u16, u64>>,
    paths: Mutex<BTreeMap<String, u64>>,
    rows: AtomicU64,
    batches: Histogram,
    latency: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics {
            requests: Mutex::default(),
            paths: Mutex::default(),
            rows: AtomicU64::new(0),
            batches: Histogram::new(&ROWS),
            latency: Histogram::new(&SECONDS),
        }
    }
}

impl Metrics {
    /// A request to run the model was answered with this status, after so long.
    pub fn answered(&self, status: u16, after: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry(status).or_default() += 1;
        self.latency.add(after.as_secs_f64());
    }

    /// A batch was run for these requests.
    pub fn ran(&self, answers: &[Answer]) {
        let rows: usize = answers.iter().map(|answer| answer.paths.len()).sum();
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.batches.add(rows as f64);
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        for path in answers.iter().flat_map(|answer| &answer.paths) {
            let known = paths.contains_key(path) || paths.len() < MOST_PATHS;
            *paths.entry(if known { path.clone() } else { "other".into() }).or_default() += 1;
        }
    }

    /// All counts as text. `waiting` requests are in the queue, `bytes` of bodies are held, `connections` are open.
    pub fn text(&self, waiting: usize, bytes: usize, connections: usize) -> String {
        let mut text = String::new();
        let mut series = |name: &str, kind: &str, help: &str, lines: Vec<(String, f64)>| {
            let name = format!("perforate_{name}");
            // Writing to a string does not fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            lines.into_iter().for_each(|(labels, value)| {
                let _ = writeln!(text, "{name}{labels} {value}");
            });
        };
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let requests =
            requests.into_iter().map(|(status, n)| (format!("{{status=\"{status}\"}}"), n as f64));
        series(
            "requests_total",
            "counter",
            "Requests to run the model, by status.",
            requests.collect(),
        );
        let rows = self.rows.load(Ordering::Relaxed) as f64;
        series("rows_total", "counter", "Rows that were run.", vec![(String::new(), rows)]);
        let paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let paths = paths
            .into_iter()
            .map(|(path, n)| (format!("{{path=\"{}\"}}", escaped(&path)), n as f64));
        series("path_rows_total", "counter", "Rows by the path that they took.", paths.collect());
        let gauge = |value: usize| vec![(String::new(), value as f64)];
        series("queue_requests", "gauge", "Requests that wait.", gauge(waiting));
        series("body_bytes", "gauge", "Bytes of request bodies that are held.", gauge(bytes));
        series("connections", "gauge", "Open connections.", gauge(connections));
        self.batches.write(&mut text, "perforate_batch_rows", "Rows of a batch.");
        let help = "Time from a request's head to its answer.";
        self.latency.write(&mut text, "perforate_request_seconds", help);
        text
    }
}

/// A label's value as the format wants it.
fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// How often values fell under each bound.
#[derive(Debug)]
struct Histogram {
    bounds: &'static [f64],
    counts: Vec<AtomicU64>,
    /// The sum of all values, in millionths.
    sum: AtomicU64,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Histogram {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Histogram { bounds, counts, sum: AtomicU64::new(0) }
    }

    fn add(&self, value: f64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        self.counts[at].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add((value * 1e6) as u64, Ordering::Relaxed);
    }

    fn write(&self, text: &mut String, name: &str, help: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} histogram");
        let mut total = 0;
        for (ix, count) in self.counts.iter().enumerate() {
            total += count.load(Ordering::Relaxed);
            let bound = self.bounds.get(ix).map_or("+Inf".to_string(), f64::to_string);
            let _ = writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {total}");
        }
        let sum = self.sum.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(text, "{name}_sum {sum}\n{name}_count {total}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_become_text() {
        let metrics = Metrics::default();
        metrics.answered(200, Duration::from_millis(3));
        metrics.answered(200, Duration::from_millis(1));
        metrics.answered(400, Duration::from_secs(20));
        let answer =
            |path: &str| Answer { outputs: vec![], paths: vec![path.into()], macs: vec![1.0] };
        metrics.ran(&[answer("full"), answer("a \"b\"")]);
        let text = metrics.text(3, 0, 1);
        for line in [
            "perforate_requests_total{status=\"200\"} 2",
            "perforate_requests_total{status=\"400\"} 1",
            "perforate_rows_total 2",
            "perforate_path_rows_total{path=\"a \\\"b\\\"\"} 1",
            "perforate_queue_requests 3",
            "perforate_batch_rows_bucket{le=\"1\"} 0",
            "perforate_batch_rows_bucket{le=\"2\"} 1",
            "perforate_request_seconds_bucket{le=\"0.001\"} 1",
            "perforate_request_seconds_bucket{le=\"0.005\"} 2",
            "perforate_request_seconds_bucket{le=\"+Inf\"} 3",
            "perforate_request_seconds_count 3",
        ] {
            assert!(text.lines().any(|own| own == line), "{line}: {text}");
        }
    }
}
