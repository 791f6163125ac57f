//! The application without a screen: the catalogue of scenarios, experiments, the measuring session, the page's view.
//!
//! | module | holds |
//! |---|---|
//! | [`catalogue`] | scenarios, as rows of data |
//! | `open`, `opened` | how one is opened, and what comes of it |
//! | [`experiment`] | what decides a measurement, as JSON |
//! | [`link`] | addresses ⇄ scenario and settings |
//! | `own` | the user's models as scenarios |
//! | [`worker`] | the measuring session: commands in, events out |
//! | [`view`] | what the page shows: events in, state out |
//! | [`chosen_files`], [`picture_form`] | what becomes of files that are dropped |
//! | [`run`] | a model on a user's file |
//! | [`sample`] | models and inputs for those who have none at hand |

mod about;
pub mod catalogue;
pub mod chosen_files;
mod diagram;
pub mod experiment;
mod inside;
pub mod link;
mod messages;
mod open;
mod opened;
mod own;
pub mod picture_form;
pub mod run;
pub mod sample;
mod settings;
pub mod view;
pub mod worker;

pub use catalogue::{Group, OWN, OWN_POOL, SCENARIOS, Scenario, find, register, scenarios};
pub use inside::Picture;
pub use opened::Opened;
