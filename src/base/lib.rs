//! What every room shares: one error type, units, and enums with names that people type.

pub mod error;
pub mod named;
pub mod units;

pub use error::{Error, ErrorKind, Result};
pub use named::Named;
