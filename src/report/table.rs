//! Tables of ready-made text.

use serde::{Deserialize, Serialize};

/// A table for people.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Table {
    /// What it shows, in a sentence.
    pub caption: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, each with a cell for every column.
    pub rows: Vec<Row>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Column {
    /// Differs from those of the table's other columns.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// The unit, or what its numbers are a share of; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
}

/// A row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct Row {
    /// One a column.
    pub cells: Vec<String>,
    /// Whether it is the one at hand.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub selected: bool,
    /// What it is a row of.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
}

impl Column {
    /// A column without a unit, whose heading is its id.
    pub fn titled(title: &str) -> Column {
        Column { id: title.into(), title: title.into(), unit: String::new() }
    }
}

impl Table {
    /// A table of rows that are cells with their columns' titles; none without rows.
    pub fn of(
        kind: &str,
        caption: &str,
        rows: impl IntoIterator<Item = Vec<(&'static str, String)>>,
    ) -> Option<Table> {
        let rows: Vec<_> = rows.into_iter().collect();
        let columns = rows.first()?.iter().map(|(title, _)| Column::titled(title)).collect();
        let row = |cells: Vec<(&'static str, String)>| Row {
            cells: cells.into_iter().map(|(_, cell)| cell).collect(),
            selected: false,
            kind: kind.into(),
        };
        Some(Table { caption: caption.into(), columns, rows: rows.into_iter().map(row).collect() })
    }

    /// The table as Markdown, without its caption.
    pub fn to_markdown(&self) -> String {
        let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
        let head = |column: &Column| match column.unit.as_str() {
            "" => column.title.clone(),
            unit => format!("{}, {unit}", column.title),
        };
        let heads: Vec<String> = self.columns.iter().map(head).collect();
        let mut text = line(heads.iter().map(String::as_str).collect());
        text += &format!("{}|\n", "|---".repeat(self.columns.len()));
        for row in &self.rows {
            text += &line(row.cells.iter().map(String::as_str).collect());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_takes_its_columns_from_its_rows() {
        assert_eq!(Table::of("exit", "Exits", []), None);
        let rows = [("a", "b"), ("c", "d")];
        let rows = rows.map(|(x, y)| vec![("first", x.to_string()), ("second", y.to_string())]);
        let table = Table::of("exit", "Exits", rows).unwrap();
        assert_eq!(table.to_markdown(), "| first | second |\n|---|---|\n| a | b |\n| c | d |\n");
    }
}
