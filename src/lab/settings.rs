//! What a person may set on the page: one table for the controls, the address and the experiment.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use perforate_base::{Error, ErrorKind, Named, Result};

use super::catalogue::{OWN, Scenario};
use super::experiment::Experiment;

/// How a setting is entered.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// A number, in units of which the experiment's own is this many.
    Number(f64),
    /// A whole number.
    Whole,
    /// One of these: value and label.
    Choice(&'static [(&'static str, &'static str)]),
}

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Setting {
    /// Its name in an address.
    id: &'static str,
    /// Field of an experiment, as a JSON pointer.
    field: &'static str,
    group: &'static str,
    label: &'static str,
    unit: &'static str,
    kind: Kind,
}

const GUARANTEE: &str = "Guarantee";
const MEASUREMENT: &str = "Measurement";
const ENERGY: &str = "Energy and money, estimated";
const TARGETS: &str = "Targets";

const fn setting(
    id: &'static str,
    field: &'static str,
    group: &'static str,
    label: &'static str,
    unit: &'static str,
    kind: Kind,
) -> Setting {
    Setting { id, field, group, label, unit, kind }
}

const SETTINGS: [Setting; 22] = [
    setting("epsilon", "/epsilon", GUARANTEE, "Risk, at most", "%", Kind::Number(0.01)),
    setting("delta", "/delta", GUARANTEE, "Chance that it fails", "%", Kind::Number(0.01)),
    setting(
        "loss",
        "/loss",
        GUARANTEE,
        "What counts as a loss",
        "",
        Kind::Choice(&[("error", "a right answer lost"), ("disagreement", "any answer changed")]),
    ),
    setting(
        "cost",
        "/cost",
        GUARANTEE,
        "What counts as cost",
        "",
        Kind::Choice(&[("operations", "operations"), ("time", "time here")]),
    ),
    setting(
        "score",
        "/score",
        MEASUREMENT,
        "How sure an exit is",
        "",
        Kind::Choice(&[
            ("max-probability", "largest probability"),
            ("margin", "margin to the second"),
            ("entropy", "one less entropy"),
            ("patience", "patience"),
            ("gate", "a fitted dendritic gate"),
        ]),
    ),
    setting(
        "answers",
        "/answers",
        MEASUREMENT,
        "What the model answers with",
        "",
        Kind::Choice(&[("classes", "scores of classes"), ("numbers", "numbers")]),
    ),
    setting("batch", "/batch", MEASUREMENT, "Larger batch", "rows", Kind::Whole),
    setting("rounds", "/rounds", MEASUREMENT, "Rounds of timing", "", Kind::Whole),
    setting("settings", "/settings", MEASUREMENT, "Settings of the knob", "", Kind::Whole),
    setting("test", "/test", MEASUREMENT, "Test samples, at most", "", Kind::Whole),
    setting(
        "calibration",
        "/calibration",
        MEASUREMENT,
        "Calibration samples, at most",
        "",
        Kind::Whole,
    ),
    setting("seed", "/seed", MEASUREMENT, "Seed", "", Kind::Whole),
    setting("watts", "/energy/watts_per_thread", ENERGY, "A busy thread", "W", Kind::Number(1.0)),
    setting(
        "pj-mac",
        "/energy/picojoules_per_mac",
        ENERGY,
        "A float operation",
        "pJ",
        Kind::Number(1.0),
    ),
    setting(
        "pj-int8",
        "/energy/picojoules_per_integer_mac",
        ENERGY,
        "An eight-bit operation",
        "pJ",
        Kind::Number(1.0),
    ),
    setting(
        "pj-byte",
        "/energy/picojoules_per_byte",
        ENERGY,
        "A byte of weights",
        "pJ",
        Kind::Number(1.0),
    ),
    setting("g-kwh", "/energy/grams_per_kwh", ENERGY, "CO₂ a kWh", "g", Kind::Number(1.0)),
    setting(
        "usd-hour",
        "/energy/usd_per_thread_hour",
        ENERGY,
        "A thread for an hour",
        "$",
        Kind::Number(1.0),
    ),
    setting(
        "want-accuracy",
        "/targets/accuracy",
        TARGETS,
        "Accuracy, at least",
        "%",
        Kind::Number(0.01),
    ),
    setting(
        "want-speedup",
        "/targets/speedup",
        TARGETS,
        "Speed-up, at least",
        "×",
        Kind::Number(1.0),
    ),
    setting(
        "want-latency",
        "/targets/latency_s",
        TARGETS,
        "Latency, at most",
        "ms",
        Kind::Number(1e-3),
    ),
    setting(
        "want-energy",
        "/targets/energy_j",
        TARGETS,
        "Energy by time, at most",
        "mJ",
        Kind::Number(1e-3),
    ),
];

/// Settings under which models answer otherwise.
const ANSWERED_OTHERWISE: [&str; 2] = ["seed", "score"];

/// What differs from the usual experiment of a scenario, by setting.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings(BTreeMap<&'static str, Value>);

/// A setting as the page shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Control {
    id: &'static str,
    label: &'static str,
    unit: &'static str,
    /// The value, as it is entered; empty where there is none.
    value: String,
    /// The usual one.
    usual: String,
    /// Value and label of each choice; none for a number.
    choices: Vec<(&'static str, &'static str)>,
}

/// Settings that belong together.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Group {
    title: &'static str,
    controls: Vec<Control>,
}

impl Settings {
    /// Whether an address may use this name.
    pub fn knows(id: &str) -> bool {
        SETTINGS.iter().any(|setting| setting.id == id)
    }

    /// Sets one from text, as it is entered; empty means as usual. What cannot be run is refused, and the setting
    /// stays as it was.
    pub fn set(&mut self, usual: &Experiment, id: &str, text: &str) -> Result<()> {
        let setting = SETTINGS.iter().find(|setting| setting.id == id).ok_or_else(|| {
            Error::new(ErrorKind::Config, "there is no such setting").node(shortened(id))
        })?;
        let mut other = self.clone();
        match text.trim() {
            "" => other.0.remove(setting.id),
            text => other.0.insert(setting.id, setting.parse(text)?),
        };
        let as_usual = to_json(usual)?;
        if other.0.get(setting.id) == as_usual.pointer(setting.field) {
            other.0.remove(setting.id);
        }
        other.experiment(usual)?;
        *self = other;
        Ok(())
    }

    /// The usual experiment with what differs.
    pub fn experiment(&self, usual: &Experiment) -> Result<Experiment> {
        // Another seed or another score has other answers than those that were recorded.
        let anew = ANSWERED_OTHERWISE.iter().any(|id| self.0.contains_key(id));
        let usual = if anew { usual.clone().computed_here() } else { usual.clone() };
        let mut whole = to_json(&usual)?;
        for setting in &SETTINGS {
            if let Some((value, field)) =
                self.0.get(setting.id).zip(whole.pointer_mut(setting.field))
            {
                *field = value.clone();
            }
        }
        let experiment: Experiment = serde_json::from_value(whole)
            .map_err(|e| Error::new(ErrorKind::Config, perforate_base::error::one_line(e)))?;
        experiment.validate()?;
        Ok(experiment)
    }

    /// What differs, as an address has it.
    pub fn pairs(&self) -> impl Iterator<Item = (&'static str, String)> + '_ {
        let own =
            SETTINGS.iter().filter_map(|setting| self.0.get(setting.id).map(|v| (setting, v)));
        own.map(|(setting, value)| (setting.id, setting.write(value)))
    }

    /// The controls, with the values of the experiment that is measured.
    pub fn groups(&self, scenario: &Scenario, usual: &Experiment) -> Vec<Group> {
        let own = self.experiment(usual).and_then(|e| to_json(&e)).unwrap_or_default();
        let usual = to_json(usual).unwrap_or_default();
        let text = |of: &Value, setting: &Setting| {
            of.pointer(setting.field).map_or(String::new(), |value| setting.write(value))
        };
        let control = |setting: &Setting| Control {
            id: setting.id,
            label: setting.label,
            unit: setting.unit,
            value: text(&own, setting),
            usual: text(&usual, setting),
            choices: match setting.kind {
                Kind::Choice(choices) if setting.id == "score" => {
                    let offered = |name: &str| scenario.scores().iter().any(|s| s.name() == name);
                    choices.iter().filter(|(value, _)| offered(value)).copied().collect()
                }
                Kind::Choice(choices) => choices.to_vec(),
                Kind::Number(_) | Kind::Whole => vec![],
            },
        };
        let applies = |setting: &&Setting| match setting.id {
            "score" => !scenario.scores().is_empty(),
            "answers" => scenario.name == OWN.name,
            _ => true,
        };
        let group = |title: &'static str| Group {
            title,
            controls: SETTINGS
                .iter()
                .filter(|s| s.group == title)
                .filter(applies)
                .map(control)
                .collect(),
        };
        [GUARANTEE, MEASUREMENT, ENERGY, TARGETS].map(group).into()
    }
}

impl Setting {
    fn parse(&self, text: &str) -> Result<Value> {
        let fault = |wanted: String| {
            let text = format!("\"{}\" is not {wanted}", shortened(text));
            Error::new(ErrorKind::Config, text).node(self.id)
        };
        match self.kind {
            Kind::Number(scale) => match text.replace(',', ".").parse::<f64>() {
                // Scaled in decimal places: 0.5 % is 0.005, and not a neighbour of it.
                Ok(value) if value.is_finite() => Ok(json!(rounded(value * scale))),
                _ => Err(fault("a number".into())),
            },
            Kind::Whole => match text.parse::<u32>() {
                Ok(value) => Ok(json!(value)),
                Err(_) => Err(fault("a whole number".into())),
            },
            Kind::Choice(choices) => match choices.iter().find(|(value, _)| *value == text) {
                Some((value, _)) => Ok(json!(value)),
                None => {
                    let known: Vec<_> = choices.iter().map(|(value, _)| *value).collect();
                    Err(fault(format!("one of {}", known.join(", "))))
                }
            },
        }
    }

    /// The text that [`Setting::parse`] reads back as `value`.
    fn write(&self, value: &Value) -> String {
        match (self.kind, value) {
            (Kind::Number(scale), Value::Number(number)) => {
                number.as_f64().map_or(String::new(), |v| rounded(v / scale).to_string())
            }
            (_, Value::String(text)) => text.clone(),
            (_, Value::Null) => String::new(),
            (_, other) => other.to_string(),
        }
    }
}

/// To twelve significant digits: what a change of units adds is gone.
fn rounded(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

/// What a person entered, as far as a message repeats it.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

fn to_json(experiment: &Experiment) -> Result<Value> {
    serde_json::to_value(experiment).map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::find;

    #[test]
    fn every_setting_is_a_field_of_an_experiment_and_is_read_back() {
        let scenario = find("early-exit/mnist").unwrap();
        let usual = to_json(&Experiment::in_page(scenario, false)).unwrap();
        for setting in &SETTINGS {
            let value = usual.pointer(setting.field).unwrap_or_else(|| panic!("{}", setting.field));
            let text = setting.write(value);
            if !text.is_empty() {
                assert_eq!(setting.parse(&text).unwrap(), *value, "{}", setting.id);
            }
        }
    }

    #[test]
    fn what_is_set_stands_in_the_experiment_and_nothing_else_changes() {
        let usual = Experiment::in_page(find("early-exit/mnist").unwrap(), true);
        let mut settings = Settings::default();
        for (id, text) in [("epsilon", "2"), ("want-latency", "0.3"), ("score", "margin")] {
            settings.set(&usual, id, text).unwrap();
        }
        let own = settings.experiment(&usual).unwrap();
        assert_eq!((own.epsilon, own.targets.latency_s), (0.02, Some(0.0003)));
        assert_eq!(
            Experiment {
                epsilon: usual.epsilon,
                targets: usual.targets,
                score: usual.score,
                ..own
            },
            usual.clone().computed_here(),
            "another score has other answers than those recorded"
        );
        let pairs: Vec<_> = settings.pairs().collect();
        let texts = [("epsilon", "2"), ("score", "margin"), ("want-latency", "0.3")];
        assert_eq!(pairs, texts.map(|(id, text)| (id, text.to_string())));
        // As usual, by its value or by nothing.
        settings.set(&usual, "epsilon", "0.5").unwrap();
        settings.set(&usual, "score", "").unwrap();
        settings.set(&usual, "want-latency", " ").unwrap();
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn what_cannot_be_run_is_refused_and_named() {
        let usual = Experiment::in_page(find("dendritic/mlp").unwrap(), true);
        let mut settings = Settings::default();
        for (id, text, word) in [
            ("epsilon", "400", "epsilon"),
            ("epsilon", "much", "not a number"),
            ("delta", "NaN", "not a number"),
            ("batch", "1", "batch"),
            ("batch", "1.5", "whole number"),
            ("rounds", "99999999", "rounds"),
            ("settings", "2", "settings"),
            ("loss", "none", "error, disagreement"),
            ("watts", "-1", "watts"),
            ("want-speedup", "-3", "speedup"),
            ("nothing", "1", "nothing"),
        ] {
            let message = settings.set(&usual, id, text).unwrap_err().to_string();
            assert!(message.contains(word), "{id}={text}: {message}");
        }
        assert_eq!(settings, Settings::default());
    }
}
