//! What the page shows, as ready-made text and plots: events in, state out.
//!
//! | module | holds |
//! |---|---|
//! | `events` | the view's own state: events and choices in |
//! | `state` | what is shown, as plain data |
//! | `frame` | that data, made of the view's state once a frame |
//! | `sections` | the part of it that not every scenario has |
//! | `exports` | files to take away |

mod events;
mod exports;
mod frame;
mod sections;
mod state;

pub use events::View;
pub use exports::ExportKind;
pub use state::{
    ActionState, Card, ChartState, DroppedState, Export, Figure, InsideState, KnobState, LiveRow,
    LiveState, ModelState, SectionState, State, UsageState,
};
