//! The command line's commands.

pub mod bench;
pub mod io;
pub mod kernels;
pub mod model;
pub mod route;
