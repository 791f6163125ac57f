//! Walks a program: sends every row down its own path, charges what it runs, keeps the trace.

mod gates;
mod outcome;
mod path_from_knobs;
mod run;
mod segments;
mod state;

pub use outcome::{Outcome, Routing};
pub use run::Execution;
pub use state::{Invocation, SegmentTime, Session};
