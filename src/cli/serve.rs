//! `serve`: a model over HTTP.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use perforate_engine::Program;
use perforate_serve::{Options, Service};

use crate::Result;
use crate::units::{Bytes, Seconds};

use super::io::{read, say};
use super::quantities::{size, time};

#[derive(clap::Args)]
pub struct ServeArguments {
    model: PathBuf,
    /// Address and port; port 0 takes a free one, which is printed.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: String,
    /// Threads that run the model.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Most rows of a batch.
    #[arg(long, default_value_t = 32)]
    batch_rows: usize,
    /// How long a request waits for others to share its batch.
    #[arg(long, value_parser = time, default_value = "2ms")]
    batch_wait: Seconds,
    /// Most requests that wait; more get 503.
    #[arg(long, default_value_t = 256)]
    queue: usize,
    /// Most rows of a request; more get 413.
    #[arg(long, default_value_t = 1024)]
    request_rows: usize,
    /// Most bytes of a request's body; more get 413.
    #[arg(long, value_parser = size, default_value = "16MiB")]
    body: Bytes,
    /// Most bytes of all bodies that are held at once; a request beyond gets 503.
    #[arg(long, value_parser = size, default_value = "64MiB")]
    bodies: Bytes,
    /// Longest time from a request's last byte to its answer; then it gets 504.
    #[arg(long, value_parser = time, default_value = "10s")]
    request_time: Seconds,
    /// Longest time that a client may take to send a request's head, then its body, or stop reading its answer.
    #[arg(long, value_parser = time, default_value = "10s")]
    client_time: Seconds,
    /// Most connections at once; others wait.
    #[arg(long, default_value_t = 512)]
    connections: usize,
    /// Origin whose pages may ask, such as https://example.org, or * for all; none may unless given.
    #[arg(long)]
    allow_origin: Option<String>,
}

/// Serves the model until a signal ends it.
pub fn serve(arguments: &ServeArguments) -> Result<()> {
    let name = arguments.model.display().to_string();
    let program = Arc::new(Program::load(&name, &read(&arguments.model)?)?);
    let duration = |time: Seconds| Duration::from_secs_f64(time.0);
    let service = Service::bind(
        program,
        Options {
            listen: arguments.listen.clone(),
            threads: arguments.threads,
            batch_rows: arguments.batch_rows,
            batch_wait: duration(arguments.batch_wait),
            queue: arguments.queue,
            request_rows: arguments.request_rows,
            body: arguments.body.0 as usize,
            bodies: arguments.bodies.0 as usize,
            request_time: duration(arguments.request_time),
            client_time: duration(arguments.client_time),
            connections: arguments.connections,
            allow_origin: arguments.allow_origin.clone(),
        },
    )?;
    say!("{name}: http://{}", service.address());
    service.run_until_signal()
}
