//! What a guarantee is worth once a router is in use: a guarantee holds for inputs like those of its calibration.
//!
//! | module | offers |
//! |---|---|
//! | [`drift`] | an alarm, from the scores of gates alone, when inputs are no longer like those |
//! | [`recalibrate`] | a guarantee anew from labels as they come, which may be looked at after every one |
//!
//! Both are tests by betting: a gambler's capital that cannot be expected to grow while all is well. By Ville's
//! inequality it ever reaches 1/δ with probability δ at most, however long one looks.

pub use perforate_watch::drift;

pub mod recalibrate;
