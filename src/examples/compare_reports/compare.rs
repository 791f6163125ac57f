//! What counts as equal, value by value.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::{sections, texts};

/// Largest deviation of a number, relative or absolute.
const TOLERANCE: f64 = 1e-6;

/// Fields that say where and when, and what a clock decides.
const SKIPPED: &[&str] = &[
    "schema",
    "host",
    "warnings",
    "batch1",
    "batch32",
    "realised",
    "gate_overhead",
    "gate_alone",
    "router_share",
    "prediction_error",
    "rounds",
    "kwh_per_million",
    "gco2e_per_million",
    "usd_per_million",
    "sections",
];

/// What is asked of the comparison.
#[derive(Debug, Default)]
pub struct Rules {
    /// Old and new names.
    pub names: Vec<(String, String)>,
    /// Differences at places that contain one of these do not count.
    pub except: Vec<String>,
    /// Whether sentences are compared by their numbers alone.
    pub reworded: bool,
}

impl Rules {
    /// Takes lines `OLD NEW`.
    pub fn add_names(&mut self, lines: &str) -> Result<(), String> {
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            let (old, new) = line
                .trim()
                .split_once(char::is_whitespace)
                .ok_or(format!("a line of the map must be OLD NEW, but is: {line}"))?;
            self.names.push((old.into(), new.trim().into()));
        }
        // A longer name first: one may begin with another.
        self.names.sort_by_key(|(old, _)| std::cmp::Reverse(old.len()));
        Ok(())
    }

    /// The text with the new names in the place of the old ones.
    pub fn renamed(&self, text: &str) -> String {
        let mut text = text.to_string();
        for task in ["fashion", "mnist", "sentences"] {
            text = text.replace(&format!("models/{task}-"), &format!("models/{task}/"));
        }
        match self.names.iter().find(|(old, _)| *old == text) {
            Some((_, new)) => new.clone(),
            None => self.names.iter().fold(text, |text, (old, new)| match text.contains(new) {
                true => text,
                false => text.replace(old, new),
            }),
        }
    }
}

/// A comparison, and what it has found so far.
#[derive(Debug)]
pub struct Comparison<'a> {
    pub rules: &'a Rules,
    /// A line each.
    pub differences: Vec<String>,
    /// What was found and does not count.
    pub uncounted: Vec<String>,
    /// Values that were held against each other.
    pub compared: usize,
}

impl<'a> Comparison<'a> {
    /// Nothing compared yet.
    pub fn new(rules: &'a Rules) -> Self {
        Comparison { rules, differences: vec![], uncounted: vec![], compared: 0 }
    }

    /// Compares whole reports, scenarios by name.
    pub fn reports(&mut self, before: &Value, after: &Value) {
        let rest = |report: &Value| {
            let mut rest = report.as_object().cloned().unwrap_or_default();
            rest.remove("scenarios");
            Value::Object(rest)
        };
        self.values("report", &rest(before), &rest(after));
        let (before, after) = (by_name(&before["scenarios"]), by_name(&after["scenarios"]));
        for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
            match (before.get(name), after.get(name)) {
                (Some(before), Some(after)) => self.scenario(name, before, after),
                (None, _) => self.differs(name, "is in AFTER only"),
                (_, None) => self.differs(name, "is missing in AFTER"),
            }
        }
    }

    fn scenario(&mut self, name: &str, before: &Value, after: &Value) {
        let (mut core, mut moved) = (Map::new(), Map::new());
        for (field, value) in before.as_object().into_iter().flatten() {
            let to_section = sections::FIELDS.iter().any(|(old, _)| old == field);
            let kept = after.get(field).is_some();
            match to_section && !kept && after.get("sections").is_some() {
                true => moved.insert(field.clone(), value.clone()),
                false => core.insert(field.clone(), value.clone()),
            };
        }
        self.values(name, &Value::Object(core), after);
        sections::compare(self, name, &moved, &after["sections"]);
    }

    /// Notes a difference.
    pub fn differs(&mut self, place: &str, what: &str) {
        let line = format!("{place}: {what}");
        match self.rules.except.iter().any(|text| place.contains(text.as_str())) {
            true => self.uncounted.push(format!("expected: {line}")),
            false => self.differences.push(line),
        }
    }

    /// Compares two values at `place`. What only AFTER has is new, and no difference.
    pub fn values(&mut self, place: &str, before: &Value, after: &Value) {
        let place = place.trim_start_matches('.');
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => self.objects(place, before, after),
            (Value::Array(before), Value::Array(after)) => {
                if before.len() != after.len() {
                    let what = format!("{} entries, then {}", before.len(), after.len());
                    return self.differs(place, &what);
                }
                let [before, after] = [before, after].map(|list| self.in_order(place, list));
                for (ix, (before, after)) in before.iter().zip(&after).enumerate() {
                    self.values(&format!("{place}[{ix}]"), before, after);
                }
            }
            (Value::Number(a), Value::Number(b)) => {
                self.compared += 1;
                let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
                if !near(a, b) {
                    self.differs(place, &format!("{a}, then {b}"));
                }
            }
            (Value::String(a), Value::String(b)) => self.strings(place, a, b),
            (a, b) => {
                self.compared += 1;
                if a != b {
                    self.differs(place, &format!("{}, then {}", short(a), short(b)));
                }
            }
        }
    }

    fn objects(&mut self, place: &str, before: &Map<String, Value>, after: &Map<String, Value>) {
        let settings = place.ends_with(".experiment") || place.contains(".experiment.");
        for (field, value) in before {
            // What was asked for is no measurement, whatever it is called.
            if !settings && comes_from_a_clock(place, field, before) {
                continue;
            }
            let renamed = self.rules.renamed(field);
            let nothing = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
            match after.get(&renamed).or_else(|| after.get(field)) {
                Some(after) => self.values(&format!("{place}.{field}"), value, after),
                None if nothing => {}
                None => self.differs(&format!("{place}.{field}"), "is missing in AFTER"),
            }
        }
    }

    fn strings(&mut self, place: &str, before: &str, after: &str) {
        self.compared += 1;
        if before == after {
            return;
        }
        let renamed = self.rules.renamed(before);
        let [a, b] = [renamed.as_str(), after].map(texts::without_times);
        let sentence = before.ends_with('.') && before.contains(' ');
        let equal = match self.rules.reworded && sentence {
            true => {
                let (a, b) = (texts::numbers(before), texts::numbers(after));
                a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| near(*a, *b))
            }
            false => a == b,
        };
        if !equal {
            self.differs(place, &format!("{a:?}, then {b:?}"));
        }
    }

    /// Files come by name, and their names may have changed.
    fn in_order(&self, place: &str, values: &[Value]) -> Vec<Value> {
        let mut values = values.to_vec();
        if place.ends_with(".files") {
            values.sort_by_key(|value| self.rules.renamed(name_of(value)));
        }
        values
    }
}

fn comes_from_a_clock(place: &str, field: &str, siblings: &Map<String, Value>) -> bool {
    let ideal = field == "ideal_speedup";
    let timed = ["latency", "throughput", "speedup"].iter().any(|part| field.contains(part));
    // Targets of a time or an energy by time: asked for as before, met or not by the clock.
    let judged = place.contains(".targets[")
        && ["got", "met"].contains(&field)
        && ["speedup", "latency_s", "energy_j"].contains(&name_of_fields(siblings));
    let by_time = (place.ends_with(".energy_j") && field == "time")
        || (place.ends_with(".per_correct") && field != "macs");
    !ideal && (timed || field.ends_with("_s") || judged || by_time || SKIPPED.contains(&field))
}

fn by_name(scenarios: &Value) -> BTreeMap<String, &Value> {
    let scenarios = scenarios.as_array().into_iter().flatten();
    scenarios.map(|scenario| (name_of(scenario).to_string(), scenario)).collect()
}

fn name_of(value: &Value) -> &str {
    value.as_object().map_or("", name_of_fields)
}

fn name_of_fields(fields: &Map<String, Value>) -> &str {
    fields.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// Whether two numbers are equal but for rounding.
pub fn near(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= TOLERANCE * (1.0 + a.abs().max(b.abs()))
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}
