//! The built page in a real browser, as a visitor meets it. `./setup.sh` installs what this needs.
//!
//! Times are printed, never asserted: `cargo test --test page -- --nocapture` shows them.

#[path = "../common/mod.rs"]
mod common;
mod keys;
mod links;
mod measuring;
mod own;
mod reading;
#[path = "../support/mod.rs"]
mod support;
mod visitor;
