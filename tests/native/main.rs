//! Tests across rooms, natively. One binary, since every one that links the engine takes its time to build, and since
//! tests of one scenario share what is opened for them.

mod answers;
mod auto;
mod cli;
mod coin;
#[path = "../common/mod.rs"]
mod common;
mod conformance;
mod curves;
mod engines;
mod fuzz;
mod hostile;
mod laws;
mod observe;
mod onnxruntime;
mod optimise;
mod peers;
mod routers;
mod scenarios;
mod serve;
mod split;
mod tokenizer;
