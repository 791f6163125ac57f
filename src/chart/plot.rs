//! The data of a figure, apart from how it looks. It travels as JSON: what is empty is left out.

use serde::{Deserialize, Serialize};

/// A figure: axes, series of points, and words around them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plot {
    /// Caption. Drawn by [`svg`](crate::svg) only: on the page it is text beside the canvas.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    /// In legend order. Painting order follows from the roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<Series>,
    /// The point to ring, as (series, point).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<(usize, usize)>,
    /// Where series are named.
    #[serde(default, skip_serializing_if = "is_default")]
    pub naming: Naming,
    /// A quiet line under the figure, such as "batch 1, median of 15 rounds".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Where series are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Naming {
    /// In a legend beside the data.
    #[default]
    Legend,
    /// At their marks.
    AtMarks,
}

/// One axis. Values are plain numbers in base units: seconds, fractions of one, ratios.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// What is measured, with "lower is better" or the like where it helps.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub scale: Scale,
    /// Fixed ends; without them the range follows the points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<(f64, f64)>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub format: NumberFormat,
    /// What stands at 0, 1, 2 …, on an axis of things; empty on one of numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    #[default]
    Linear,
    /// Base ten; values at or below zero are skipped.
    Log,
}

/// How an axis writes its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberFormat {
    #[default]
    Plain,
    /// A fraction of one, written as a percentage: 0.935 is "93.5 %".
    Percent,
    /// A difference of fractions, written in percentage points: −0.004 is "−0.4 pp".
    Points,
    /// "3×".
    Ratio,
    /// Seconds, written as s, ms, µs or ns.
    Seconds,
    /// Any other unit with SI prefixes.
    Si(Unit),
}

/// A unit that takes SI prefixes; seconds have a format to themselves, since there are no kiloseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A bare count: 2.5 M.
    #[default]
    One,
    /// B.
    Bytes,
    /// J.
    Joules,
    /// MAC.
    Macs,
    /// W.
    Watts,
}

impl Unit {
    /// The unit's symbol, as it follows a prefix.
    pub fn symbol(self) -> &'static str {
        match self {
            Unit::One => "",
            Unit::Bytes => "B",
            Unit::Joules => "J",
            Unit::Macs => "MAC",
            Unit::Watts => "W",
        }
    }
}

/// Points that belong together and share a look.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Legend text; empty leaves the series out of the legend.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default)]
    pub role: Role,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<Point>,
}

/// What a series means; decides how it looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The routed model over its knob: line and markers. Several get different hues and shapes.
    #[default]
    Curve,
    /// A finely sampled line, without markers.
    Dense,
    /// Pareto front.
    Front,
    /// What arithmetic promises: dashed.
    Ideal,
    /// Random router at the same activation rate: dotted.
    Random,
    /// What random mixtures of static models give: dotted.
    Mixture,
    /// Cheapest path that is right.
    Oracle,
    /// Cheapest path that agrees with the full model.
    Agreement,
    /// The full model.
    Full,
    /// The light model alone.
    Light,
    /// Static models; reports have called them so from the start.
    #[serde(rename = "matched")]
    Static,
    /// The point that carries a statistical guarantee.
    Certified,
    /// Any other single reference.
    Reference,
    /// The curve of another device.
    Ghost,
    /// Bars from the left edge.
    Bar,
}

/// One measured (or ideal) point. Points that are not finite are skipped, not drawn at a guess.
/// JSON has no such numbers: they are written as `null` and come back as NaN.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    #[serde(deserialize_with = "number::or_nan")]
    pub x: f64,
    #[serde(deserialize_with = "number::or_nan")]
    pub y: f64,
    /// Ends of the confidence interval, in axis units.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "number::interval_or_nan"
    )]
    pub x_interval: Option<(f64, f64)>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "number::interval_or_nan"
    )]
    pub y_interval: Option<(f64, f64)>,
    /// Exact values, ready-made for hovering. A point without a label is not offered by
    /// [`HitMap`](crate::HitMap).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// Index of the knob position that this point stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knob: Option<usize>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Numbers as JSON has them, where `null` stands for one that is not finite.
mod number {
    use serde::{Deserialize, Deserializer};

    pub fn or_nan<'de, D: Deserializer<'de>>(json: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(json)?.unwrap_or(f64::NAN))
    }

    pub fn interval_or_nan<'de, D: Deserializer<'de>>(
        json: D,
    ) -> Result<Option<(f64, f64)>, D::Error> {
        let ends = Option::<(Option<f64>, Option<f64>)>::deserialize(json)?;
        Ok(ends.map(|(low, high)| (low.unwrap_or(f64::NAN), high.unwrap_or(f64::NAN))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Plot {
        Plot {
            title: "Accuracy over cost".into(),
            x: Axis {
                label: "Weights read".into(),
                scale: Scale::Log,
                range: Some((1.0, 1e9)),
                format: NumberFormat::Si(Unit::Bytes),
                names: vec![],
            },
            y: Axis { names: vec!["float32".into(), "int8".into()], ..Axis::default() },
            series: vec![Series {
                name: "routed".into(),
                role: Role::Certified,
                points: vec![
                    Point { x: 1.0, y: 0.25, ..Point::default() },
                    Point {
                        x: 2.0,
                        y: 0.1 + 0.2,
                        x_interval: Some((1.5, 2.5)),
                        y_interval: Some((0.0, 1.0)),
                        label: "12.5×".into(),
                        knob: Some(3),
                    },
                ],
            }],
            selected: Some((0, 1)),
            naming: Naming::AtMarks,
            note: Some("batch 1".into()),
        }
    }

    #[test]
    fn a_plot_survives_json() {
        for plot in [full(), Plot::default()] {
            let json = serde_json::to_string(&plot).unwrap();
            assert_eq!(serde_json::from_str::<Plot>(&json).unwrap(), plot, "{json}");
        }
    }

    #[test]
    fn json_leaves_out_what_is_empty() {
        let json = |value: &Point| serde_json::to_string(value).unwrap();
        assert_eq!(json(&Point { x: 1.0, y: 0.5, ..Point::default() }), r#"{"x":1.0,"y":0.5}"#);
        assert_eq!(serde_json::to_string(&Plot::default()).unwrap(), r#"{"x":{},"y":{}}"#);
    }

    #[test]
    fn numbers_that_json_lacks_come_back_as_nan() {
        let point = Point {
            x: f64::INFINITY,
            y: 1.0,
            x_interval: Some((f64::NAN, 2.0)),
            ..Point::default()
        };
        let json = serde_json::to_string(&point).unwrap();
        let back: Point = serde_json::from_str(&json).unwrap();
        assert!(back.x.is_nan() && back.y == 1.0, "{json}");
        assert!(matches!(back.x_interval, Some((low, 2.0)) if low.is_nan()), "{json}");
    }
}
