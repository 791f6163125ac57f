//! Curves of other devices, drawn beside one's own: from reports that were dropped, and from links.

use perforate_base::{Error, ErrorKind, Result};
use perforate_chart::{Plot, Point, Role, Series};
use perforate_report::text::{percent, times};
use perforate_report::{PointReport, Report, ScenarioReport};

/// The curve of another device.
#[derive(Debug, Clone, PartialEq)]
pub struct Ghost {
    /// Of this scenario.
    pub scenario: String,
    /// What the device is called.
    pub device: String,
    /// Speed-up, and accuracy or agreement, of each setting.
    pub points: Vec<(f64, f64)>,
}

/// Most points of a curve in a link.
const MOST_POINTS: usize = 64;
/// Most characters of a device's name.
const LONGEST_NAME: usize = 40;
/// Most curves that are kept.
const MOST_GHOSTS: usize = 8;

fn fault(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, text)
}

/// A name that may be shown: no control characters, not too long.
fn clean(name: &str) -> String {
    let printable = name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME);
    printable.collect::<String>().trim().to_string()
}

/// Speed-up and quality of the settings that are timed.
fn points(curve: &[PointReport]) -> Vec<(f64, f64)> {
    let of = |point: &PointReport| {
        Some((point.batch1?.speedup.median, point.accuracy.unwrap_or(point.agreement)))
    };
    curve.iter().filter_map(of).collect()
}

impl Ghost {
    /// The curves of a report, one a scenario.
    ///
    /// # Errors
    /// `Config` where the text is no report, or nothing in it is timed.
    pub fn of_report(file: &str, text: &str) -> Result<Vec<Ghost>> {
        let report = Report::from_json(text).map_err(|e| e.at(file))?;
        let cpu = report.host.cpu.clone();
        let host = cpu.unwrap_or_else(|| report.host.target.clone());
        let device = clean(&host);
        let of = |scenario: &ScenarioReport| Ghost {
            scenario: scenario.name.clone(),
            device: device.clone(),
            points: points(&scenario.curve),
        };
        let ghosts: Vec<Ghost> = report.scenarios.iter().map(of).collect();
        let ghosts: Vec<Ghost> = ghosts.into_iter().filter(|g| !g.points.is_empty()).collect();
        match ghosts.is_empty() {
            true => Err(fault("nothing in this report is timed").at(file)),
            false => Ok(ghosts),
        }
    }

    /// A curve as a link carries it: `SCENARIO|DEVICE|x,y|x,y…`.
    pub fn encode(report: &ScenarioReport, device: &str) -> String {
        let device = clean(device).replace('|', " ");
        let points = points(&report.curve);
        let step = points.len().div_ceil(MOST_POINTS).max(1);
        let points = points.iter().step_by(step).map(|(x, y)| format!("{x:.4},{y:.5}"));
        let parts = [report.name.clone(), device].into_iter().chain(points);
        parts.collect::<Vec<_>>().join("|")
    }

    /// Reads [`Ghost::encode`]'s text.
    ///
    /// # Errors
    /// `Config` for any other.
    pub fn decode(text: &str) -> Result<Ghost> {
        let wrong = |what: &str| {
            fault(format!("{what}; ask for the link again")).at("the curve in this link")
        };
        let mut parts = text.split('|');
        let scenario = clean(parts.next().unwrap_or_default());
        let device = clean(parts.next().unwrap_or_default());
        if scenario.is_empty() || device.is_empty() {
            return Err(wrong("it names no scenario or no device"));
        }
        let points: Vec<&str> = parts.collect();
        if points.is_empty() || points.len() > MOST_POINTS {
            return Err(wrong("it has no points, or too many"));
        }
        let read = |point: &&str| {
            let (x, y) = point.split_once(',')?;
            let (x, y) = (x.parse::<f64>().ok()?, y.parse::<f64>().ok()?);
            let sane = x > 0.0 && x < 1e6 && (0.0..=1.0).contains(&y);
            sane.then_some((x, y))
        };
        let points = points.iter().map(read).collect::<Option<Vec<_>>>();
        let points = points.ok_or_else(|| wrong("a point of it is not two sane numbers"))?;
        Ok(Ghost { scenario, device, points })
    }

    fn series(&self) -> Series {
        let point = |&(x, y): &(f64, f64)| Point {
            x,
            y,
            label: format!("{}: {}, {}", self.device, times(x), percent(y)),
            ..Point::default()
        };
        let points = self.points.iter().map(point).collect();
        Series { name: self.device.clone(), role: Role::Ghost, points }
    }
}

/// Adds curves; one of the same device and scenario is replaced, the oldest give way.
pub(super) fn add(known: &mut Vec<Ghost>, new: impl IntoIterator<Item = Ghost>) {
    for ghost in new {
        let same =
            |other: &Ghost| (&other.scenario, &other.device) == (&ghost.scenario, &ghost.device);
        known.retain(|other| !same(other));
        known.push(ghost);
    }
    let surplus = known.len().saturating_sub(MOST_GHOSTS);
    known.drain(..surplus);
}

/// Draws the curves of a scenario into a plot of speed-up and quality.
pub(super) fn draw(plot: &mut Plot, ghosts: &[Ghost], scenario: &str) {
    let own = ghosts.iter().filter(|ghost| ghost.scenario == scenario);
    plot.series.extend(own.map(Ghost::series));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_s_curve_is_read_back_and_hostile_ones_are_refused() {
        let text = "early-exit/mnist|Pixel 8|3.1000,0.98700|1.0000,0.99000";
        let ghost = Ghost::decode(text).unwrap();
        assert_eq!((ghost.device.as_str(), ghost.points.len()), ("Pixel 8", 2));
        let many = format!("a|b{}", "|1,0.5".repeat(65));
        for hostile in [
            "",
            "|",
            "a",
            "a|",
            "|b|1,0.5",
            "a|b",
            "a|b|",
            "a|b|1",
            "a|b|x,y",
            "a|b|NaN,0.5",
            "a|b|inf,0.5",
            "a|b|1e9,0.5",
            "a|b|-1,0.5",
            "a|b|1,2",
            "a|b|1,NaN",
            "\0|\u{7}|1,0.5",
            &many,
        ] {
            let error = Ghost::decode(hostile).expect_err(hostile).to_string();
            assert!(error.contains("the curve in this link") && error.len() < 200, "{error}");
        }
        let long = format!("a|{}|1,0.5", "x".repeat(5000));
        assert_eq!(Ghost::decode(&long).unwrap().device.len(), LONGEST_NAME);
    }

    #[test]
    fn a_device_stands_once_and_the_oldest_give_way() {
        let ghost =
            |device: String, x: f64| Ghost { scenario: "a".into(), device, points: vec![(x, 0.5)] };
        let mut known = vec![];
        add(&mut known, (0..12).map(|ix| ghost(format!("device {ix}"), 1.0)));
        assert_eq!((known.len(), known[0].device.as_str()), (MOST_GHOSTS, "device 4"));
        add(&mut known, [ghost("device 5".into(), 2.0)]);
        assert_eq!((known.len(), known.last().unwrap().points[0].0), (MOST_GHOSTS, 2.0));
    }

    #[test]
    fn what_is_no_report_is_refused_by_name() {
        for text in ["", "{}", "[]", "null", "{\"schema\":2}", "\u{0}"] {
            let error = Ghost::of_report("x.json", text).expect_err(text).to_string();
            assert!(error.starts_with("x.json: "), "{error}");
        }
    }
}
