//! The built page in a real browser, as a visitor meets it. `./setup.sh` installs what this needs.
//!
//! Times are printed, and asserted only where a person would feel them: `cargo test --test page -- --nocapture` shows them.
//! `PERFORATE_WHOLE=1` compares all test images between page and native program, not just some.

mod canned;
#[path = "../common/mod.rs"]
mod common;
mod firefox;
mod first_screen;
mod frames;
mod keys;
mod links;
mod measuring;
mod own;
mod peer;
mod reading;
mod sample;
mod scenarios;
mod studies;
#[path = "../support/mod.rs"]
mod support;
mod visitor;
