//! What the service is told when it starts: where it listens, how it batches, what it allows.

use std::time::Duration;

/// Threads that read bodies and write answers.
pub const READERS: usize = 4;

/// Settings of the service. The defaults suit a small server.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Address and port; port 0 takes a free one.
    pub listen: String,
    /// Threads that run the model, each with memory of its own.
    pub threads: usize,
    /// Most rows that are run as one batch; a request with more runs by itself.
    pub batch_rows: usize,
    /// How long a request waits for others to share its batch.
    pub batch_wait: Duration,
    /// Most requests that wait; more are answered with 503.
    pub queue: usize,
    /// Most rows of one request; more are answered with 413.
    pub request_rows: usize,
    /// Most bytes of one request's body; more are answered with 413.
    pub body: usize,
    /// Most bytes of all bodies that are held at once; a request beyond is answered with 503. Numbers written as JSON may take
    /// several times their bytes while they are read, by at most [`READERS`] threads.
    pub bodies: usize,
    /// How long a request may take from its last byte to its answer; after that it is answered with 504.
    pub request_time: Duration,
    /// How long a client may take to send a request's head, and then its body (408), and how long it may stop reading its
    /// answer before the connection is closed.
    pub client_time: Duration,
    /// Most connections at once; others wait to be accepted.
    pub connections: usize,
    /// The origin whose pages may ask, or `*`; none allows no other origin.
    pub allow_origin: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            listen: "127.0.0.1:8090".into(),
            threads: 1,
            batch_rows: 32,
            batch_wait: Duration::from_millis(2),
            queue: 256,
            request_rows: 1024,
            body: 16 << 20,
            bodies: 64 << 20,
            request_time: Duration::from_secs(10),
            client_time: Duration::from_secs(10),
            connections: 512,
            allow_origin: None,
        }
    }
}
