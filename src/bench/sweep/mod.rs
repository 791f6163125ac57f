//! The sweep: a grid of knob values from the light end to the full one, each timed and judged, with references.
//!
//! It does one slice of work a call, so that the page and the command line run the very same code.
//! It goes through the stages of `stages`, one after the other; each leaves what it has measured
//! among the findings, from which the results are put together at any time.
//!
//! | module | does |
//! |---|---|
//! | `driver` | [`Sweep`]: goes from stage to stage |
//! | `stage` | which stage follows which, and how far each is |
//! | `stages` | one file a stage: its state and its `step` |
//! | `setup`, `findings` | what stays the same; what is found so far |
//! | `answers` | what every path answers, split by split |
//! | `grid` | which settings of the knob are measured |
//! | `model` | models, and contenders of a timing round |
//! | `timer`, `timers` | contenders that take turns; which ones do, on which rows |
//! | `assemble`, `points`, `certificate`, `checks` | results, their points, the operating point, warnings |
//! | `recording` | answers without times, for a file |
//! | `evidence`, `itself` | the router beside simpler models; the full model beside itself |

mod answers;
mod assemble;
mod certificate;
mod checks;
mod driver;
mod evidence;
mod findings;
mod grid;
mod itself;
mod model;
mod outcome;
mod points;
mod recording;
mod setup;
mod stage;
mod stages;
#[cfg(test)]
mod tests;
mod timer;
mod timers;

pub use crate::point::{Point, Timing};
pub use crate::results::{PathResult, ProcessRun, Progress, Reference, ReferenceRole, Results};
pub use crate::subject::{Active, BenchTarget, CostBasis, LightRole, Options};
pub use driver::Sweep;
pub use grid::USUAL_SETTINGS;
pub use itself::check_itself;
pub use recording::{check_answers, record_answers};
