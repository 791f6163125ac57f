//! Tables for a terminal: columns aligned, two spaces apart.

use comfy_table::{Cell, CellAlignment, Table, presets::NOTHING};

use crate::Result;

use super::io::say;

/// Prints rows under titles; columns whose cells begin with a digit are aligned to the right.
pub fn print_table(titles: &[&str], rows: Vec<Vec<String>>) -> Result<()> {
    say!("{}", aligned(titles, rows));
    Ok(())
}

/// The same as text.
pub fn aligned(titles: &[&str], rows: Vec<Vec<String>>) -> String {
    let numeric = |column: usize| {
        let mut cells = rows.iter().filter_map(|row| row.get(column)).filter(|cell| *cell != "–");
        cells.all(|cell| cell.starts_with(|c: char| c.is_ascii_digit() || "+-−".contains(c)))
    };
    let right: Vec<bool> = (0..titles.len()).map(numeric).collect();
    let align = |column: usize| match right.get(column) {
        Some(true) => CellAlignment::Right,
        _ => CellAlignment::Left,
    };
    let mut table = Table::new();
    table.load_preset(NOTHING);
    let cells = |texts: Vec<String>| {
        texts.into_iter().enumerate().map(|(ix, text)| Cell::new(text).set_alignment(align(ix)))
    };
    table.set_header(cells(titles.iter().map(|title| title.to_string()).collect()));
    for row in rows.clone() {
        table.add_row(cells(row));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines = table.to_string();
    let lines: Vec<&str> = lines.lines().map(str::trim_end).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_and_words_left() {
        let rows = vec![
            vec!["full".to_string(), "1.5 ms".to_string()],
            vec!["light".to_string(), "12 µs".to_string()],
        ];
        let text = aligned(&["model", "latency"], rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[1].ends_with(" 1.5 ms") && lines[2].ends_with("  12 µs"), "{text}");
    }
}
