//! Colours, marker shapes and dash patterns.
//!
//! Hues follow Okabe and Ito's colour-blind-safe set, darkened or lightened until each keeps a
//! contrast of 3:1 with its background. No two roles differ by colour alone.

use super::plot::Role;

/// Red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    None,
    Circle,
    Diamond,
    Triangle,
    Square,
    TriangleDown,
    Cross,
    Star,
    HollowCircle,
    HollowDiamond,
    HollowSquare,
    Bar,
}

/// A line's width and dash pattern (on, off, on, off … in CSS pixels; empty is solid).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stroke {
    pub width: f64,
    pub dash: &'static [f64],
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    pub colour: Colour,
    pub marker: Marker,
    pub radius: f64,
    pub stroke: Option<Stroke>,
    /// Higher is painted later.
    pub level: u8,
}

/// Everything about appearance that is not a role.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    pub background: Colour,
    pub ink: Colour,
    pub muted: Colour,
    pub axis: Colour,
    pub grid: Colour,
    /// Font family list, as CSS writes it.
    pub font: &'static str,
    /// Backend units per CSS font pixel. plotters' SVG and bitmap backends divide sizes by 1.24,
    /// its canvas backend does not.
    pub font_scale: f64,
    hues: [Colour; 6],
    sky: Colour,
}

const FONT: &str =
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

impl Theme {
    /// Dark figures on white paper. `background` equals `--card` of the page's style sheet.
    pub fn light() -> Self {
        Theme {
            background: Colour(255, 255, 255),
            ink: Colour(24, 32, 42),
            muted: Colour(91, 102, 115),
            axis: Colour(138, 148, 160),
            grid: Colour(233, 236, 240),
            font: FONT,
            font_scale: 1.0,
            hues: [
                Colour(0, 104, 168),
                Colour(200, 84, 0),
                Colour(0, 138, 100),
                Colour(176, 82, 138),
                Colour(166, 112, 0),
                Colour(74, 84, 96),
            ],
            sky: Colour(38, 138, 196),
        }
    }

    /// The same roles for dark surroundings.
    pub fn dark() -> Self {
        Theme {
            background: Colour(21, 26, 33),
            ink: Colour(232, 237, 243),
            muted: Colour(152, 164, 178),
            axis: Colour(108, 120, 135),
            grid: Colour(39, 46, 56),
            hues: [
                Colour(86, 180, 233),
                Colour(245, 139, 66),
                Colour(45, 196, 148),
                Colour(222, 144, 194),
                Colour(230, 172, 40),
                Colour(176, 188, 202),
            ],
            sky: Colour(120, 200, 240),
            ..Theme::light()
        }
    }

    pub fn of(dark: bool) -> Self {
        if dark { Theme::dark() } else { Theme::light() }
    }

    /// The look of the `ordinal`-th series (from 0) of a role.
    pub(super) fn look(&self, role: Role, ordinal: usize) -> Look {
        use Marker::*;
        const SOLID: &[f64] = &[];
        let [blue, vermillion, green, purple, orange, slate] = self.hues;
        let stroke = |width, dash| Some(Stroke { width, dash });
        let (colour, marker, radius, stroke, level) = match role {
            Role::Curve => {
                let hue = [blue, vermillion, green, purple, orange, slate][ordinal % 6];
                let shape = [Circle, Diamond, Triangle, Square, TriangleDown, Star][ordinal % 6];
                (hue, shape, 4.0, stroke(2.0, SOLID), 6)
            }
            Role::Dense => {
                let hue = [blue, vermillion, green, purple, orange, slate][ordinal % 6];
                (hue, None, 0.0, stroke(1.25, SOLID), 3)
            }
            Role::Front => (slate, None, 0.0, stroke(1.25, &[9.0, 3.0, 2.0, 3.0]), 2),
            Role::Ideal => (self.muted, None, 0.0, stroke(1.5, &[7.0, 5.0]), 1),
            Role::Random => (orange, HollowCircle, 3.5, stroke(1.75, &[2.0, 3.5]), 4),
            Role::Mixture => (purple, None, 0.0, stroke(1.5, &[2.0, 3.0]), 3),
            Role::Oracle => (green, Diamond, 6.0, stroke(1.5, &[12.0, 4.0]), 7),
            Role::Agreement => (green, HollowDiamond, 6.0, stroke(1.5, &[4.0, 4.0]), 7),
            Role::Full => (self.ink, Square, 5.0, Option::None, 8),
            Role::Light => (self.sky, TriangleDown, 6.0, Option::None, 8),
            Role::Static => (purple, Cross, 5.5, Option::None, 8),
            Role::Certified => (vermillion, Star, 8.0, Option::None, 9),
            Role::Reference => {
                let shape = [HollowSquare, Triangle, HollowDiamond, Square][ordinal % 4];
                (slate, shape, 5.0, Option::None, 8)
            }
            Role::Ghost => (self.muted, HollowCircle, 2.5, stroke(1.5, SOLID), 2),
            Role::Bar => (blue, Marker::Bar, 5.0, Option::None, 5),
        };
        Look { colour, marker, radius, stroke, level }
    }
}

impl Default for Theme {
    fn default() -> Self {
        Theme::light()
    }
}
