//! Charts: a [`Plot`] (what is measured, in plain numbers) drawn on any plotters backend.
//!
//! Nothing here knows of a browser, a clock or a model. [`draw`] paints in device pixels, so that a
//! figure is sharp on every screen, and returns a [`HitMap`]: where each point went, in CSS pixels,
//! which is what hovering and clicking need. [`svg`] writes the same figure to a string.
//!
//! | room | does |
//! |---|---|
//! | `scale` | axis ranges, ticks, value → position |
//! | `format` | tick labels with their units |
//! | `layout` | where plot area, labels and legend go |
//! | `pen` | CSS pixels → device pixels, on a backend |
//! | `marks` | lines, dashes, markers, error bars, the ring |
//! | `legend` | samples and names, outside the data |
//! | `raster` | SVG → PNG, for the command line |
//! | `theme` | colours, shapes and dashes of each [`Role`] |

mod figure;
mod format;
mod hit;
mod layout;
mod legend;
mod marks;
mod pen;
#[cfg(feature = "raster")]
mod raster;
mod scale;
#[cfg(test)]
mod tests;
mod theme;

pub use figure::{draw, svg};
pub use format::NumberFormat;
pub use hit::{Area, Hit, HitMap};
#[cfg(feature = "raster")]
pub use raster::png;
pub use scale::Scale;
pub use theme::{Colour, Role, Theme};

/// A figure, apart from how it looks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plot {
    /// Caption. Drawn by [`svg`] only: on the page it is text beside the canvas.
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    /// In legend order. Painting order follows from the roles.
    pub series: Vec<Series>,
    /// The point to ring, as (series, point).
    pub selected: Option<(usize, usize)>,
    /// A quiet line under the figure, such as "batch 1, median of 15 rounds".
    pub note: Option<String>,
}

/// One axis. Values are plain numbers in base units: seconds, fractions of one, ratios.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// What is measured, with "lower is better" or the like where it helps.
    pub label: String,
    pub scale: Scale,
    /// Fixed ends; without them the range follows the points.
    pub range: Option<(f64, f64)>,
    pub format: NumberFormat,
    /// What stands at 0, 1, 2 …, on an axis of things; empty on one of numbers.
    pub names: Vec<String>,
}

/// Points that belong together and share a look.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Legend text; empty leaves the series out of the legend.
    pub name: String,
    pub role: Role,
    pub points: Vec<Point>,
}

/// One measured (or ideal) point. Points that are not finite are skipped, not drawn at a guess.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
    /// Ends of the confidence interval, in axis units.
    pub x_interval: Option<(f64, f64)>,
    pub y_interval: Option<(f64, f64)>,
    /// Exact values, ready-made for hovering. A point without a label is not offered by [`HitMap`].
    pub label: String,
    /// Index of the knob position that this point stands for.
    pub knob: Option<usize>,
}

/// Size of the figure in CSS pixels, and how many device pixels make one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    pub width: f64,
    pub height: f64,
    pub device_pixel_ratio: f64,
}

impl Size {
    /// Pixel size of the bitmap that the figure needs: set the canvas to exactly this.
    pub fn device(&self) -> (u32, u32) {
        let side = |css: f64| (css * self.ratio()).round().clamp(1.0, 16_384.0) as u32;
        (side(self.width), side(self.height))
    }

    fn ratio(&self) -> f64 {
        if self.device_pixel_ratio.is_finite() && self.device_pixel_ratio > 0.0 {
            self.device_pixel_ratio.min(8.0)
        } else {
            1.0
        }
    }
}

/// The backend refused to draw: its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartError(pub String);

impl std::fmt::Display for ChartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the chart could not be drawn: {}", self.0)
    }
}

impl std::error::Error for ChartError {}
