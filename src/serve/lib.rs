//! Serves a routed model over HTTP/1.1: batches what waits, bounds what it holds, says what it does.
//!
//! | request | answer |
//! |---|---|
//! | `POST /v1/run` | outputs, and the path and cost of each row |
//! | `GET /v1/model` | inputs, outputs, knobs, certificate, and how the file was split |
//! | `GET /health` | `ok` |
//! | `GET /metrics` | counts for Prometheus |
//!
//! # A request
//!
//! Inputs and knobs come as JSON (`application/json`) or as safetensors (`application/vnd.safetensors`); the answer has the
//! form that `Accept` asks for, or that of the request.
//!
//! ```text
//! {"inputs": {"x": {"shape": [1, 2], "data": [0.5, 1]}}, "knobs": {"threshold": 0.9}}
//! {"outputs": {"logits": {"type": "float32", "shape": [1, 3], "data": [2, -1, 0.25]}}, "rows": [{"path": "full", "macs": 4400511}]}
//! ```
//!
//! As safetensors, knobs stand in `__metadata__` as `"knob.threshold": "0.9"`; an answer has `paths` and `macs` there, JSON
//! arrays as text.
//!
//! | status | when |
//! |---|---|
//! | 200 | it was run |
//! | 400 | something in it is malformed, or the model does not take it: one sentence names the field |
//! | 404, 405 | nothing is at this address, or not for this method |
//! | 406, 415 | no form that is accepted; a form that is not read |
//! | 408 | the body took longer than [`Options::client_time`] |
//! | 413 | more bytes or rows than [`Options::body`] and [`Options::request_rows`] |
//! | 500 | a fault of the service, or of the model |
//! | 503, with `Retry-After` | the queue or the room for bodies is full, or the service is stopping |
//! | 504 | no answer within [`Options::request_time`] |
//!
//! # How it runs
//!
//! [`Options::threads`] threads run the model, apart from those that speak HTTP. Requests with equal knobs, types and sizes
//! wait up to [`Options::batch_wait`] for each other and run as one batch of up to [`Options::batch_rows`] rows, unless what
//! the model gives for a row depends on other rows. Each row is routed by itself, as anywhere else.
//!
//! What is held is bounded: connections, bytes of bodies, requests in the queue. A client that is slow to send or to read
//! holds one connection, and that for a limited time. [`Stop::stop`], or SIGTERM and SIGINT for the command line, closes the
//! port; what was accepted is answered, then [`Service::run`] returns.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use perforate_engine::Program;
//! use perforate_serve::{Options, Service};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let program = Program::load("server.onnx", &std::fs::read("server.onnx")?)?;
//!     let service = Service::bind(Arc::new(program), Options::default())?;
//!     println!("http://{}", service.address());
//!     service.run_until_signal()?;
//!     Ok(())
//! }
//! ```

mod app;
mod body;
mod connections;
mod forms;
mod json;
mod metrics;
mod model;
mod options;
mod queue;
mod refusal;
mod safetensors;
mod service;
mod stall;
mod worker;

pub use options::{Options, READERS};
pub use service::{Service, Stop};

#[cfg(test)]
mod testing;
