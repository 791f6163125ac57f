//! The measuring side of the page, headless: commands in, events out, one slice of work a step.
//!
//! | module | holds |
//! |---|---|
//! | `lab` | the state |
//! | `commands` | commands in: what each of them changes |
//! | `steps`, `studies` | one slice of work: events out |
//! | `session` | the states of a measurement, and of a study |
//! | `peer` | the full model beside another runtime |
//! | `user` | the user's models and inputs |

mod commands;
mod files;
mod lab;
mod peer;
mod session;
mod steps;
mod studies;
mod user;

pub use files::Files;
pub use lab::Lab;
pub use peer::{PeerCase, PeerTensor};

pub use crate::messages::{Command, Event, FetchFault, FileRequest, UserFiles};
