//! Fields of single strategies in schema 1, and the sections of schema 2 that took their place.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::compare::{Comparison, near};
use crate::texts;

/// A field of a scenario's report in schema 1, and the id of its section.
pub const FIELDS: [(&str, &str); 6] = [
    ("battery", "battery"),
    ("precision", "precision"),
    ("exits", "exits"),
    ("exits_finding", "exits"),
    ("robustness", "robustness"),
    ("robustness_finding", "robustness"),
];

/// Compares the fields that are gone with the sections that are there.
pub fn compare(
    comparison: &mut Comparison,
    scenario: &str,
    fields: &Map<String, Value>,
    sections: &Value,
) {
    for (field, id) in FIELDS {
        let place = format!("{scenario}.{field}");
        let Some(value) = fields.get(field).filter(|value| !is_empty(value)) else { continue };
        let section = sections.as_array().into_iter().flatten().find(|section| section["id"] == id);
        let Some(section) = section else {
            comparison.differs(&place, &format!("AFTER has no section `{id}`"));
            continue;
        };
        // A finding of its own, or within the field.
        let finding = if value.is_string() { Some(value) } else { value.get("finding") };
        if let Some(finding @ Value::String(_)) = finding {
            comparison.values(&format!("{place}.finding"), finding, &section["finding"]);
        }
        // Where a section carries its data as such, these are compared as they are.
        match section.get("data").filter(|data| !data.is_null()) {
            Some(data) if !value.is_string() => comparison.values(&place, value, data),
            _ => records(comparison, &place, value, section),
        }
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// Compares each list of records inside `value` with the rows of the section's table.
fn records(comparison: &mut Comparison, place: &str, value: &Value, section: &Value) {
    let rows = rows(&section["table"]);
    let mut rest = vec![];
    let lists = match value {
        Value::Array(list) => vec![(place.to_string(), list.clone())],
        Value::Object(fields) => {
            rest.extend(fields.iter().filter(|(name, value)| {
                *name != "finding" && !value.is_array() && !value.is_object()
            }));
            let list = |(name, value): (&String, &Value)| {
                let list = match value {
                    Value::Array(list) => list.clone(),
                    Value::Object(entries) => entries.values().cloned().collect(),
                    _ => return None,
                };
                Some((format!("{place}.{name}"), list))
            };
            fields.iter().filter_map(list).collect()
        }
        _ => return,
    };
    let mut without: Vec<String> =
        rest.into_iter().map(|(name, _)| format!("{place}.{name}")).collect();
    for (place, list) in lists {
        if list.len() != rows.len() {
            without.push(place);
            continue;
        }
        without.extend(columns(comparison, &place, &list, &rows));
    }
    for place in without {
        comparison.uncounted.push(format!("{place}: no counterpart in section {}", section["id"]));
    }
}

/// The cells of a table: an array of arrays of texts, or objects with `cells`.
fn rows(table: &Value) -> Vec<Vec<String>> {
    let text = |cell: &Value| match cell {
        Value::String(text) => text.clone(),
        Value::Object(cell) => cell.get("text").and_then(Value::as_str).unwrap_or("").to_string(),
        other => other.to_string(),
    };
    let cells = |row: &Value| -> Vec<String> {
        let cells = row.get("cells").unwrap_or(row);
        cells.as_array().into_iter().flatten().map(text).collect()
    };
    table["rows"].as_array().into_iter().flatten().map(cells).collect()
}

/// Holds each number of the records against the cells of their rows; returns what no row shows.
fn columns(
    comparison: &mut Comparison,
    place: &str,
    list: &[Value],
    rows: &[Vec<String>],
) -> Vec<String> {
    let mut columns: BTreeMap<String, Vec<(usize, &Value)>> = BTreeMap::new();
    for (ix, record) in list.iter().enumerate() {
        leaves(String::new(), record, &mut |name, leaf| {
            columns.entry(name).or_default().push((ix, leaf));
        });
    }
    let mut without = vec![];
    for (name, leaves) in columns {
        let is_shown = |(ix, leaf): &&(usize, &Value)| shows(&rows[*ix], leaf, comparison);
        let missing: Vec<_> =
            leaves.iter().filter(|leaf| !is_shown(leaf)).map(|(ix, leaf)| (*ix, *leaf)).collect();
        if missing.len() == leaves.len() {
            without.push(format!("{place}[].{name}"));
            continue;
        }
        comparison.compared += leaves.len();
        for (ix, leaf) in missing {
            let what = format!("{leaf} is not in its row of the table: {:?}", rows[ix]);
            comparison.differs(&format!("{place}[{ix}].{name}"), &what);
        }
    }
    without
}

fn leaves<'a>(name: String, value: &'a Value, visit: &mut impl FnMut(String, &'a Value)) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(field, value)| {
            leaves(format!("{name}.{field}").trim_start_matches('.').to_string(), value, visit);
        }),
        Value::Array(list) => (list.iter().enumerate())
            .for_each(|(ix, value)| leaves(format!("{name}[{ix}]"), value, visit)),
        Value::Null => {}
        leaf => visit(name, leaf),
    }
}

/// Whether a row shows this value: a text, "yes" or "no", or a number as such or in percent, to the digits that are written.
fn shows(row: &[String], leaf: &Value, comparison: &Comparison) -> bool {
    match leaf {
        Value::String(text) => {
            let renamed = comparison.rules.renamed(text);
            row.iter().any(|cell| cell.contains(text.as_str()) || cell.contains(&renamed))
        }
        Value::Bool(yes) => row.iter().any(|cell| cell == if *yes { "yes" } else { "no" }),
        Value::Number(number) => {
            let value = number.as_f64().unwrap_or(f64::NAN).abs();
            let cells = row.iter().flat_map(|cell| texts::shown(cell));
            cells.into_iter().any(|(shown, half)| {
                let is = |value: f64| near(shown, value) || (shown - value).abs() <= half;
                is(value) || is(100.0 * value)
            })
        }
        _ => false,
    }
}
