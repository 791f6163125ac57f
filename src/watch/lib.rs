//! Watches a routed model in use, on request: what rows took which path, the scores at the gates, the times of the segments,
//! and an alarm when inputs are no longer like those of the calibration. No input is kept.
//!
//! | module | offers |
//! |---|---|
//! | [`drift`] | the alarm: a test by betting on the scores alone |
//! | `observer` | counts what runs did: [`Observer`] |
//! | `description` | what a model says of itself: [`describe`] |
//! | `report` | what was counted, as JSON: [`Report`] |

mod description;
pub mod drift;
mod observer;
mod report;

pub use description::describe;
pub use observer::{DELTA, Observer};
pub use report::{Drift, GateReport, Report, SegmentReport, VERSION};
