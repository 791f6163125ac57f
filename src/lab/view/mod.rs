//! What the page shows, as ready-made text and plots: events in, state out.
//!
//! | module | holds |
//! |---|---|
//! | `card` | a result card, to be passed on |
//! | `chip` | how well the machine measures, and all warnings |
//! | `events` | the view's own state: events and choices in |
//! | `state` | what is shown, as plain data |
//! | `frame` | that data, made of the view's state once a frame |
//! | `ghosts` | curves of other devices |
//! | `kept` | measurements that the browser keeps |
//! | `peer` | ONNX Runtime Web beside the full model |
//! | `race` | full against routed over the hundred inputs |
//! | `sections` | the part of it that not every scenario has |
//! | `exports` | files to take away |

mod card;
mod chip;
mod events;
mod exports;
mod frame;
mod ghosts;
mod kept;
mod peer;
mod race;
mod sections;
mod state;

pub use card::CardText;
pub use chip::ChipState;
pub use events::View;
pub use exports::ExportKind;
pub use peer::{PeerState, PeerTimes};
pub use race::RaceState;
pub use state::{
    ActionState, Card, ChartState, DroppedState, Export, Figure, InsideState, KnobState,
    LayerState, LiveRow, LiveState, ModelState, SectionState, State, UsageState,
};
