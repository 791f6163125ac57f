//! Charts: a [`Plot`] (what is measured, in plain numbers) drawn on any plotters backend.
//!
//! Nothing here knows of a browser, a clock or a model. [`draw`] paints in device pixels, so that a
//! figure is sharp on every screen, and returns a [`HitMap`]: where each point went, in CSS pixels,
//! which is what hovering and clicking need. [`svg`] writes the same figure to a string.
//!
//! | module | does |
//! |---|---|
//! | `plot` | the data of a figure: [`Plot`], [`Axis`], [`Series`], [`Point`]; to JSON and back |
//! | `figure` | puts a figure together, back to front |
//! | `layout` | where plot area, labels and legend go |
//! | `scale` | axis ranges, ticks, value → position |
//! | `format` | tick labels with their units |
//! | `marks` | lines, dashes, markers, error bars, the ring |
//! | `legend` | samples and names, outside the data |
//! | `names` | names at the marks, where they cover least |
//! | `pen` | CSS pixels → device pixels, on a backend |
//! | `theme` | colours, shapes and dashes of each [`Role`] |
//! | `hit` | from a place on the figure back to a point |
//! | `size` | CSS and device pixels of a figure |
//! | `raster` | SVG → PNG, for the command line |
//! | [`xml`] | text within XML |

mod error;
mod figure;
mod format;
mod hit;
mod layout;
mod legend;
mod marks;
mod names;
mod pen;
mod plot;
#[cfg(feature = "raster")]
mod raster;
mod scale;
mod size;
#[cfg(test)]
mod tests;
mod theme;
pub mod xml;

pub use error::ChartError;
pub use figure::{draw, svg};
pub use hit::{Area, Hit, HitMap};
pub use plot::{Axis, Naming, NumberFormat, Plot, Point, Role, Scale, Series, Unit};
#[cfg(feature = "raster")]
pub use raster::png;
pub use size::Size;
pub use theme::{Colour, Theme};
