//! What every room shares: one error type, units, and enums with names that people type.
//!
//! | module | what it holds |
//! |---|---|
//! | [`error`] | [`Error`]: kind, place and message as one sentence, and the error that led to it as its source |
//! | [`guard`] | [`guarded`](guard::guarded): a panic of a dependency becomes an error |
//! | [`named`] | [`Named`]: enums whose variants have names |
//! | [`units`] | seconds, joules, operations, bytes: quantities with their unit in the type |
//!
//! ```
//! use perforate_base::{Error, ErrorKind};
//!
//! let cause = "x".parse::<f32>().unwrap_err();
//! let error = Error::new(ErrorKind::Data, "line 2: `x` is not a number").at("d.csv");
//! let error = error.with_source(cause);
//! assert_eq!(error.to_string(), "d.csv: line 2: `x` is not a number.");
//! assert!(std::error::Error::source(&error).is_some());
//! ```

pub mod error;
pub mod guard;
pub mod named;
pub mod units;

pub use error::{Error, ErrorKind, Result};
pub use named::Named;
