//! What the page says about itself: its state, its table, its figures.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::Page;

/// An address that measures as little as a test needs that is not about the measurement; a scenario that follows counts.
pub const QUICK: &str = "?quick&rounds=2&test=100&calibration=100&scenario=dendritic/mlp";

/// Longer than any of it takes on a slow and busy machine; reached only by a page that hangs.
pub const PATIENCE: Duration = Duration::from_secs(120);

// ---- what the page says about itself ----------------------------------------------------------

pub fn state(page: &Page) -> String {
    text_of(page.script("return document.documentElement.dataset.state"))
}

/// How many points the curve has.
pub fn measured(page: &Page) -> usize {
    page.number("return Number(document.documentElement.dataset.curve ?? 0)") as usize
}

/// The text of an element, whether it is on the screen or in a tab or panel that is closed.
#[track_caller]
pub fn content(page: &Page, selector: &str) -> String {
    text_of(page.script(&format!(
        "return document.querySelector({})?.textContent ?? ''",
        serde_json::to_string(selector).expect("a selector")
    )))
}

/// Opens a tab.
#[track_caller]
pub fn open_tab(page: &Page, name: &str) {
    page.click(&format!("#tab-{name}"));
    page.wait_until(name, PATIENCE, |page| page.is_visible(&format!("#panel-{name}")));
}

pub fn text_of(value: Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Waits for `condition`, which a page that shows an error will not meet.
#[track_caller]
pub fn wait_for(page: &Page, what: &str, condition: impl Fn(&Page) -> bool) -> Duration {
    page.wait_until(what, PATIENCE, |page| {
        assert_ne!(state(page), "error", "{}", page.text("#error"));
        condition(page)
    })
}

#[track_caller]
pub fn wait_for_curve(page: &Page) {
    wait_for(page, "the first point of the curve", |page| measured(page) > 0);
}

#[track_caller]
pub fn wait_for_sweep(page: &Page) -> Duration {
    wait_for(page, "the end of the sweep", |page| measured(page) > 0 && state(page) == "idle")
}

/// Milliseconds from the navigation to the first curve.
#[track_caller]
pub fn first_curve_ms(page: &Page) -> f64 {
    wait_for_curve(page);
    page.number("return performance.getEntriesByName('first-curve')[0].startTime")
}

// ---- the table --------------------------------------------------------------------------------

pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
}

pub struct Row {
    pub kind: String,
    selected: bool,
    pub cells: Vec<String>,
}

impl Table {
    pub fn read(page: &Page) -> Self {
        let value = page.script(
            "const table = document.querySelector('#table');
             return {
               columns: [...table.querySelectorAll('thead th')].map(th => th.dataset.column),
               rows: [...table.querySelectorAll('tbody tr')].map(tr => ({
                 kind: tr.dataset.kind,
                 selected: tr.getAttribute('aria-current') === 'true',
                 cells: [...tr.children].map(cell => cell.textContent),
               })),
             };",
        );
        let strings = |list: &Value| -> Vec<String> {
            list.as_array()
                .map(|list| list.iter().cloned().map(text_of).collect())
                .unwrap_or_default()
        };
        Table {
            columns: strings(&value["columns"]),
            rows: value["rows"]
                .as_array()
                .expect("rows")
                .iter()
                .map(|row| Row {
                    kind: text_of(row["kind"].clone()),
                    selected: row["selected"] == true,
                    cells: strings(&row["cells"]),
                })
                .collect(),
        }
    }

    #[track_caller]
    pub fn column(&self, id: &str) -> usize {
        self.columns
            .iter()
            .position(|column| column == id)
            .unwrap_or_else(|| panic!("no column {id} among {:?}", self.columns))
    }

    /// Index of the selected row; there is exactly one.
    #[track_caller]
    pub fn selected(&self) -> usize {
        let selected: Vec<usize> =
            (0..self.rows.len()).filter(|&index| self.rows[index].selected).collect();
        assert_eq!(selected.len(), 1, "selected rows: {selected:?}");
        selected[0]
    }

    #[track_caller]
    pub fn number(&self, row: &Row, id: &str) -> f64 {
        let cell = &row.cells[self.column(id)];
        leading_number(cell).unwrap_or_else(|| panic!("{id} is no number: {cell:?}"))
    }
}

/// 3.21 of "3.21×", 99.4 of "99.4 %"; a minus sign may be typographic.
pub fn leading_number(text: &str) -> Option<f64> {
    let text = text.trim().replace('−', "-");
    let end = text.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c))).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// The figures beside the knob, as (label, value).
pub fn figures(page: &Page) -> Vec<(String, String)> {
    let value = page.script(
        "return [...document.querySelectorAll('#figures > div')].map(
           figure => [figure.children[0].textContent, figure.children[1].textContent]);",
    );
    value
        .as_array()
        .expect("figures")
        .iter()
        .map(|pair| (text_of(pair[0].clone()), text_of(pair[1].clone())))
        .collect()
}

/// How many different colours each canvas shows, by its id.
pub fn colours(page: &Page) -> Vec<(String, u64)> {
    let value = page.script(
        "return [...document.querySelectorAll('canvas[data-chart]')].filter(canvas => canvas.checkVisibility()).map(canvas => {
           const { width, height } = canvas;
           if (width === 0 || height === 0) return [canvas.id, 0];
           const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
           return [canvas.id, new Set(new Uint32Array(pixels.buffer)).size];
         });",
    );
    value
        .as_array()
        .expect("canvases")
        .iter()
        .map(|pair| (text_of(pair[0].clone()), pair[1].as_u64().unwrap_or(0)))
        .collect()
}

/// Figures out of sight are painted when the page is idle, and after a change of size once more. A painted one shows
/// background, axes, text, at least two curves, and the shades between them.
#[track_caller]
pub fn canvases_are_drawn(page: &Page) {
    let poor = |page: &Page| -> Vec<(String, u64)> {
        let all = colours(page);
        if all.len() < 3 { all } else { all.into_iter().filter(|(_, n)| *n <= 16).collect() }
    };
    let began = Instant::now();
    loop {
        let poor = poor(page);
        if poor.is_empty() {
            return;
        }
        if began.elapsed() > PATIENCE {
            let sizes = page.script(
                "return [...document.querySelectorAll('canvas[data-chart]')].map(canvas =>
                   [canvas.id, canvas.width, canvas.height, canvas.clientWidth, canvas.clientHeight])",
            );
            panic!("charts that were never painted, with their colours: {poor:?}; sizes {sizes}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[track_caller]
pub fn table_is_sane(page: &Page) {
    let table = Table::read(page);
    assert!(table.rows.len() >= 5, "{} rows", table.rows.len());
    let curve: Vec<&Row> = table.rows.iter().filter(|row| row.kind == "routed").collect();
    assert_eq!(curve.len(), measured(page), "rows of the curve");

    let active: Vec<f64> = curve.iter().map(|row| table.number(row, "active")).collect();
    for (row, active) in curve.iter().zip(&active) {
        let [latency, speed_up] = ["latency", "speed_up"].map(|id| table.number(row, id));
        assert!(latency > 0.0, "latency {latency}");
        assert!(speed_up > 0.0 && speed_up < 10_000.0, "speed-up {speed_up}");
        // Heads that are passed on the way come on top of the full model's operations.
        assert!((0.0..=110.0).contains(active), "active computation {active} %");
    }
    // A budget of energy orders models by energy, which `tests/laws.rs` holds it to: an eight-bit model costs less
    // of it than the one that it stands for, at a few operations more.
    let budget = content(page, "#knob-label") == "budget";
    assert!(
        budget || active.is_sorted() || active.iter().rev().is_sorted(),
        "active computation is not monotone in the knob: {active:?}"
    );
}

/// A figure and the table's cell of the same quantity are written from one number.
#[track_caller]
pub fn figures_stand_in_the_selected_row(page: &Page) {
    let table = Table::read(page);
    let row = &table.rows[table.selected()];
    let cells: HashSet<Option<String>> = row.cells.iter().map(|cell| digits(cell)).collect();
    let figures = figures(page);
    assert!(figures.len() >= 3, "figures: {figures:?}");
    for (label, value) in figures {
        assert!(
            cells.contains(&digits(&value)),
            "{label} is {value} beside the knob, and not in its row: {:?}",
            row.cells
        );
    }
}

/// The number as it is written, without the unit, which the table has in its head.
pub fn digits(text: &str) -> Option<String> {
    leading_number(text).map(|number| number.to_string())
}

/// Opens a scenario and waits for its curve.
#[track_caller]
pub fn open(page: &Page, scenario: &str) {
    choose(page, scenario);
    page.wait_until(&format!("a curve of {scenario}"), PATIENCE, |page| {
        is_chosen(page, scenario) && state(page) == "idle" && measured(page) > 0
    });
}

/// Chooses a scenario in the picker.
#[track_caller]
pub fn choose(page: &Page, scenario: &str) {
    page.click("#picker-open");
    page.click(&format!("#scenarios [data-scenario='{scenario}']"));
}

pub fn is_chosen(page: &Page, scenario: &str) -> bool {
    page.script("return document.querySelector('#scenarios [aria-pressed=true]')?.dataset.scenario")
        == scenario
}

#[track_caller]
pub fn assert_is_one_sentence(text: &str) {
    assert!(text.ends_with('.'), "no full stop: {text}");
    assert!(text.len() < 300 && !text.contains('\n'), "too long: {text}");
    for word in ["panicked", "unwrap", "RuntimeError", "unreachable", "[object", "undefined"] {
        assert!(!text.contains(word), "{word} is for programmers: {text}");
    }
}
