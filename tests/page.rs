//! The built page in a real browser, as a visitor meets it. `./setup.sh` installs what this needs.
//!
//! Times are printed, never asserted: `cargo test --test page -- --nocapture` shows them.

mod common;
mod support;

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ndarray::ArrayD;
use perforate::bench::record::argmax;
use perforate::data::{images, npz};
use perforate::engine::{Batch, Knobs, Program, Session, to_array};
use perforate::onnx::{GraphBuilder, Metadata, OPSET, Size, encode};
use serde_json::Value;
use support::{Page, with_page, with_page_and_files};
use thirtyfour::Key;
use tract_onnx::pb::ModelProto;

/// Longer than any of it takes on a slow and busy machine; reached only by a page that hangs.
const PATIENCE: Duration = Duration::from_secs(120);

// ---- what the page says about itself ----------------------------------------------------------

fn state(page: &Page) -> String {
    text_of(page.script("return document.documentElement.dataset.state"))
}

/// How many points the curve has.
fn measured(page: &Page) -> usize {
    page.number("return Number(document.documentElement.dataset.curve ?? 0)") as usize
}

fn text_of(value: Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Waits for `condition`, which a page that shows an error will not meet.
#[track_caller]
fn wait_for(page: &Page, what: &str, condition: impl Fn(&Page) -> bool) -> Duration {
    page.wait_until(what, PATIENCE, |page| {
        assert_ne!(state(page), "error", "{}", page.text("#error"));
        condition(page)
    })
}

#[track_caller]
fn wait_for_curve(page: &Page) {
    wait_for(page, "the first point of the curve", |page| measured(page) > 0);
}

#[track_caller]
fn wait_for_sweep(page: &Page) -> Duration {
    wait_for(page, "the end of the sweep", |page| measured(page) > 0 && state(page) == "idle")
}

/// Milliseconds from the navigation to the first curve.
#[track_caller]
fn first_curve_ms(page: &Page) -> f64 {
    wait_for_curve(page);
    page.number("return performance.getEntriesByName('first-curve')[0].startTime")
}

// ---- the table --------------------------------------------------------------------------------

struct Table {
    columns: Vec<String>,
    rows: Vec<Row>,
}

struct Row {
    kind: String,
    selected: bool,
    cells: Vec<String>,
}

impl Table {
    fn read(page: &Page) -> Self {
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
    fn column(&self, id: &str) -> usize {
        self.columns
            .iter()
            .position(|column| column == id)
            .unwrap_or_else(|| panic!("no column {id} among {:?}", self.columns))
    }

    /// Index of the selected row; there is exactly one.
    #[track_caller]
    fn selected(&self) -> usize {
        let selected: Vec<usize> =
            (0..self.rows.len()).filter(|&index| self.rows[index].selected).collect();
        assert_eq!(selected.len(), 1, "selected rows: {selected:?}");
        selected[0]
    }

    #[track_caller]
    fn number(&self, row: &Row, id: &str) -> f64 {
        let cell = &row.cells[self.column(id)];
        leading_number(cell).unwrap_or_else(|| panic!("{id} is no number: {cell:?}"))
    }
}

/// 3.21 of "3.21×", 99.4 of "99.4 %"; a minus sign may be typographic.
fn leading_number(text: &str) -> Option<f64> {
    let text = text.trim().replace('−', "-");
    let end = text.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c))).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// The figures beside the knob, as (label, value).
fn figures(page: &Page) -> Vec<(String, String)> {
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
fn colours(page: &Page) -> Vec<(String, u64)> {
    let value = page.script(
        "return [...document.querySelectorAll('canvas[data-chart]')].map(canvas => {
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

// ---- tests ------------------------------------------------------------------------------------

#[test]
fn first_curve_comes_by_itself_and_numbers_agree() {
    with_page("first-curve", "", |page| {
        let cold = first_curve_ms(page);
        page.reload();
        let warm = first_curve_ms(page);
        println!("navigation to first curve: {cold:.0} ms cold, {warm:.0} ms with a warm cache");

        let sweep = wait_for_sweep(page);
        println!("the whole sweep took {sweep:.1?} more");
        assert_eq!(
            page.script("return crossOriginIsolated"),
            Value::Bool(true),
            "the clock is coarse"
        );
        canvases_are_drawn(page);
        table_is_sane(page);
        figures_stand_in_the_selected_row(page);
    });
}

#[track_caller]
fn canvases_are_drawn(page: &Page) {
    // Figures out of sight are painted when the page is idle.
    page.wait_until("all charts to be painted", PATIENCE, |page| {
        colours(page).iter().all(|(_, count)| *count > 0)
    });
    let colours = colours(page);
    assert!(colours.len() >= 3, "charts: {colours:?}");
    for (id, count) in colours {
        // Background, axes, text, at least two curves, and the shades between them.
        assert!(count > 16, "{id} shows {count} colours: it is blank");
    }
}

#[track_caller]
fn table_is_sane(page: &Page) {
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
    let budget = page.text("#knob-label") == "budget";
    assert!(
        budget || active.is_sorted() || active.iter().rev().is_sorted(),
        "active computation is not monotone in the knob: {active:?}"
    );
}

/// A figure and the table's cell of the same quantity are written from one number.
#[track_caller]
fn figures_stand_in_the_selected_row(page: &Page) {
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
fn digits(text: &str) -> Option<String> {
    leading_number(text).map(|number| number.to_string())
}

#[test]
fn knob_moves_the_selection() {
    with_page("knob", "?quick", |page| {
        wait_for_sweep(page);
        let before = (page.text("#knob-text"), Table::read(page).selected());
        let at_end = page
            .number("const knob = document.querySelector('#knob'); return knob.max - knob.value")
            == 0.0;
        let key = if at_end { Key::Left } else { Key::Right };
        page.press("#knob", key);
        page.wait_until("the knob's text to change", PATIENCE, |page| {
            page.text("#knob-text") != before.0
        });
        assert_ne!(Table::read(page).selected(), before.1, "the selected row");
        figures_stand_in_the_selected_row(page);

        for (key, end) in [(Key::Home, "min"), (Key::End, "max")] {
            page.press("#knob", key);
            page.wait_until(&format!("the knob at its {end}"), PATIENCE, |page| {
                page.number(&format!(
                    "const knob = document.querySelector('#knob'); return knob.{end} - knob.value"
                )) == 0.0
            });
            figures_stand_in_the_selected_row(page);
        }
    });
}

#[test]
fn routing_can_be_switched_off_and_on() {
    with_page("routing", "?quick", |page| {
        wait_for_sweep(page);
        page.press("#knob", Key::Home);
        let routed = figures(page);
        let switch = "document.documentElement.dataset.routing";

        page.click("label.switch");
        page.wait_until("routing off", PATIENCE, |page| {
            page.script(&format!("return {switch} === 'off'")) == true
        });
        let full = figures(page);
        assert_ne!(full, routed, "the figures without routing");

        page.click("label.switch");
        page.wait_until("routing on", PATIENCE, |page| {
            page.script(&format!("return {switch} === 'on'")) == true
        });
        assert_eq!(figures(page), routed, "the figures with routing, again");
    });
}

/// An input that is clicked shows its way through the model, which the knob changes; and a battery runs down.
#[test]
fn an_input_shows_its_way_and_a_battery_runs_down() {
    with_page("inside", "?quick&scenario=selection-energy/fashion", |page| {
        wait_for_sweep(page);
        assert!(page.text("#summary").contains("right answers"), "{}", page.text("#summary"));
        let charts: Vec<String> = colours(page).into_iter().map(|(id, _)| id).collect();
        assert!(charts.contains(&"chart-battery".into()), "{charts:?}");
        assert_eq!(page.number("return document.querySelectorAll('#samples canvas').length"), 24.0);
        page.click("#samples li:nth-child(5) button");
        page.wait_until("the fifth input to be chosen", PATIENCE, |page| {
            page.script(
                "return document.querySelector('#samples li:nth-child(5) button').ariaPressed",
            ) == "true"
        });
        for (key, path) in [(Key::Home, "light"), (Key::End, "full")] {
            page.press("#knob", key);
            page.wait_until(&format!("the path {path} in the story"), PATIENCE, |page| {
                page.text("#story").contains(&format!("It takes the path {path},"))
                    || page.text("#story").contains(&format!("It takes the path {path}:"))
            });
            let lit = page.text("#diagram text.end.lit");
            assert_eq!(lit, path, "the end that is lit");
        }
    });
}

#[test]
fn a_sweep_can_be_cancelled_and_resumed() {
    with_page("cancel", "", |page| {
        wait_for_curve(page);
        assert_eq!(state(page), "measuring", "the sweep was over before it could be cancelled");
        page.click("#cancel");
        let took = wait_for(page, "the sweep to stop", |page| state(page) == "idle");
        println!("cancelled in {took:.0?}");
        let kept = measured(page);
        assert!(kept > 0, "a cancelled sweep keeps what it has");
        assert!(!page.is_visible("#error"), "{}", page.text("#error"));

        page.click("#run");
        wait_for(page, "the sweep to go on", |page| {
            state(page) == "measuring" || measured(page) > kept
        });
        wait_for_sweep(page);
        assert!(measured(page) >= kept, "a resumed sweep goes on");
        figures_stand_in_the_selected_row(page);
    });
}

#[test]
fn each_scenario_gives_a_curve() {
    with_page("scenarios", "?quick", |page| {
        wait_for_sweep(page);
        let scenarios = page.script(
            "return [...document.querySelectorAll('#scenarios [data-scenario]')].map(b => b.dataset.scenario)",
        );
        let scenarios: Vec<String> = serde_json::from_value(scenarios).expect("names");
        for wanted in ["dendritic/mlp", "dendritic/fashion"] {
            assert!(scenarios.iter().any(|name| name == wanted), "no {wanted} among {scenarios:?}");
        }
        // A transformer takes its time in a browser: of these the first rounds will do.
        let (sentences, images): (Vec<_>, Vec<_>) =
            scenarios.iter().rev().partition(|name| name.ends_with("/sentences"));
        for scenario in sentences {
            choose(page, scenario);
            page.wait_until(&format!("a curve of {scenario}"), PATIENCE, |page| {
                is_chosen(page, scenario) && measured(page) > 0
            });
            page.click("#cancel");
            wait_for(page, "the sweep to stop", |page| state(page) == "idle");
            table_is_sane(page);
            figures_stand_in_the_selected_row(page);
        }
        for scenario in images {
            open(page, scenario);
            table_is_sane(page);
            canvases_are_drawn(page);
            figures_stand_in_the_selected_row(page);
        }
    });
}

/// Opens a scenario and waits for its curve.
#[track_caller]
fn open(page: &Page, scenario: &str) {
    choose(page, scenario);
    page.wait_until(&format!("a curve of {scenario}"), PATIENCE, |page| {
        is_chosen(page, scenario) && state(page) == "idle" && measured(page) > 0
    });
}

fn choose(page: &Page, scenario: &str) {
    page.click(&format!("[data-scenario='{scenario}']"));
}

fn is_chosen(page: &Page, scenario: &str) -> bool {
    page.script("return document.querySelector('#scenarios [aria-pressed=true]')?.dataset.scenario")
        == scenario
}

/// A sentence that is typed shows its way; what is wrong with one is said; and a table of one's own is measured.
#[test]
fn sentences_can_be_typed_and_brought_along() {
    let folder = tempfile::tempdir().expect("a folder for the tables");
    with_page("sentences", "?quick&scenario=early-exit/sentences", |page| {
        println!("navigation to first curve of the sentences: {:.0} ms", first_curve_ms(page));
        page.wait_until("the inputs", PATIENCE, |page| page.is_visible("#typing"));
        let typed = |text: &str| {
            page.script(&format!(
                "document.querySelector('#typed').value = {};
                 document.querySelector('#typing').requestSubmit()",
                serde_json::to_string(text).unwrap()
            ));
        };
        typed("A wonderful film, moving and very funny.");
        page.wait_until("the way of the sentence", PATIENCE, |page| {
            page.text("#story").contains("Your sentence, 9 tokens")
        });
        let story = page.text("#story");
        assert!(story.contains("It answers positive"), "{story}");
        assert!(story.contains("skipped") || story.contains("nothing is skipped"), "{story}");
        typed(&"It is dull, and it is long. ".repeat(360));
        page.wait_until("the long sentence", PATIENCE, |page| {
            page.text("#story")
                .contains("It is too long: the model reads the first 126 of its 3240 tokens")
        });
        typed("   ");
        page.wait_until("a word on the empty one", PATIENCE, |page| {
            page.text("#error").contains("type some words")
        });
        assert_is_one_sentence(&page.text("#error"));

        let table = folder.path().join("own.tsv");
        for (content, wanted) in [("1\tgood\nbad\n", "line 2"), ("1\t\u{1F600}\n", "own.tsv")] {
            fs::write(&table, content).expect("a table in the folder");
            page.choose_file("#file", &table);
            page.wait_until("an error about the table", PATIENCE, |page| {
                page.text("#error").contains(wanted)
            });
            assert_is_one_sentence(&page.text("#error"));
        }
        let rows = (0..60).map(|row| match row % 3 {
            0 => "calibration\t1\ta good film\n",
            1 => "calibration\t0\ta bad film, and a long one\n",
            _ => "test\t1\tnot a bad film at all\n",
        });
        let table = folder.path().join("mine.tsv");
        fs::write(&table, format!("part\tlabel\tsentence\n{}", rows.collect::<String>())).unwrap();
        page.choose_file("#file", &table);
        page.wait_until("the table's curve", PATIENCE, |page| {
            measured(page) > 0 && page.text("#table caption").contains("mine.tsv")
        });
    });
}

#[test]
fn bad_files_are_one_sentence_and_the_page_goes_on() {
    let folder = tempfile::tempdir().expect("a folder for the files");
    let good = encode(&model("Relu"));
    let bad: [(&str, Vec<u8>, &[&str]); 4] = [
        ("corrupt.onnx", b"this is not a protobuf of ONNX".to_vec(), &["corrupt.onnx"]),
        ("truncated.onnx", good[..good.len() / 2].to_vec(), &["truncated.onnx"]),
        ("empty.onnx", Vec::new(), &["empty.onnx"]),
        ("unknown.onnx", encode(&model("Frobnicate")), &["unknown.onnx", "Frobnicate"]),
    ];
    with_page("bad-files", "?quick", |page| {
        wait_for_sweep(page);
        let mut last = String::new();
        for (name, bytes, must_name) in &bad {
            let file: PathBuf = folder.path().join(name);
            fs::write(&file, bytes).expect("a file in the folder");
            page.choose_file("#file", &file);
            page.wait_until(&format!("an error about {name}"), PATIENCE, |page| {
                state(page) == "error" && page.text("#error") != last
            });
            last = page.text("#error");
            println!("{name}: {last}");
            assert_is_one_sentence(&last);
            for word in *must_name {
                assert!(last.contains(word), "{name}: {word} is not named in: {last}");
            }
        }

        let file = folder.path().join("good.onnx");
        fs::write(&file, &good).expect("a file in the folder");
        page.choose_file("#file", &file);
        page.wait_until("a plain model to be measured", PATIENCE, |page| {
            state(page) == "idle" && !page.is_visible("#error")
        });

        open(page, "dendritic/mlp");
        assert!(!page.is_visible("#error"), "{}", page.text("#error"));
        table_is_sane(page);
    });
}

#[test]
fn data_that_do_not_fit_are_one_sentence_and_the_page_goes_on() {
    let folder = tempfile::tempdir().expect("a folder for the files");
    let file = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("a file in the folder");
        path
    };
    let array = |width: usize, value: f32| {
        npz::write(&[("x", &ArrayD::from_elem(vec![3, width], value))]).expect("an archive")
    };
    let bad: [(&str, Vec<u8>, &[&str]); 3] = [
        ("wide.npz", array(17, 1.0), &["wide.npz", "`x`", "[3, 17]", "[N, 16]"]),
        ("nan.npz", array(16, f32::NAN), &["nan.npz", "`x`", "row 0", "NaN"]),
        ("text.npz", b"1, 2, 3".to_vec(), &["text.npz"]),
    ];
    with_page("bad-data", "?quick", |page| {
        wait_for_sweep(page);
        page.choose_file("#file", &file("early.npz", &array(16, 1.0)));
        page.wait_until("word that a model must come first", PATIENCE, |page| {
            page.text("#error").contains(".onnx")
        });
        page.choose_file("#file", &file("relu.onnx", &encode(&model("Relu"))));
        page.wait_until("the model", PATIENCE, |page| page.text("#status").contains("relu.onnx"));
        for (name, bytes, must_name) in &bad {
            page.choose_file("#file", &file(name, bytes));
            page.wait_until(&format!("an error about {name}"), PATIENCE, |page| {
                state(page) == "error" && page.text("#error").contains(name)
            });
            let text = page.text("#error");
            println!("{name}: {text}");
            assert_is_one_sentence(&text);
            for word in *must_name {
                assert!(text.contains(word), "{name}: {word} is not named in: {text}");
            }
        }
        page.choose_file("#file", &file("good.npz", &array(16, 1.0)));
        page.wait_until("the run", PATIENCE, |page| page.text("#status").contains("3 rows"));
        assert!(!page.is_visible("#error"), "{}", page.text("#error"));
        open(page, "dendritic/mlp");
        table_is_sane(page);
    });
}

/// All the test images that are shipped, through the routed model, here and in the page.
#[test]
fn the_page_answers_like_the_native_program() {
    const ROWS: usize = 2000;
    const THRESHOLD: f32 = 0.05;
    let folder = tempfile::tempdir().expect("a folder for the files");
    let routed = encode(&common::dendritic_fashion(THRESHOLD));
    fs::write(folder.path().join("routed.onnx"), &routed).expect("the model");
    let file = "models/data/fashion-mnist/t10k-images-idx3-ubyte.gz";
    let all =
        Batch::new().with("x", images::read_images(file, &common::read(file)).expect("the images"));
    let program = Arc::new(Program::load("routed.onnx", &routed).expect("the model"));
    let mut session = Session::new(program);
    with_page_and_files("parity", "?quick", &[folder.path()], |page| {
        wait_for_sweep(page);
        let (mut worst, mut compared) = (0f32, 0);
        for from in (0..all.rows()).step_by(ROWS) {
            let rows = all.slice(from..(from + ROWS).min(all.rows())).expect("rows");
            let x = to_array::<f32>(rows.get("x").expect("x")).expect("an array");
            let archive = npz::write(&[("x", &x)]).expect("an archive");
            fs::write(folder.path().join("images.npz"), archive).expect("the images");
            let theirs = run_in_page(page, THRESHOLD);
            let ours = session.run(&rows, &Knobs::new()).expect("a run").first().expect("logits");
            assert_eq!(ours.shape(), theirs.shape());
            for (row, (a, b)) in ours.rows().into_iter().zip(theirs.rows()).enumerate() {
                let [a, b] = [a, b].map(|row| row.to_vec());
                let apart = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                worst = worst.max(apart);
                assert!(apart <= 1e-4, "image {}: {a:?} here, {b:?} in the page", from + row);
                assert_eq!(argmax(&a), argmax(&b), "image {}", from + row);
                compared += 1;
            }
        }
        println!("{compared} images: logits at most {worst:e} apart");
        assert_eq!(compared, 10_000);
    });
}

/// Runs `routed.onnx` on `images.npz`, both beside the page, and returns its first output.
#[track_caller]
fn run_in_page(page: &Page, threshold: f32) -> ArrayD<f32> {
    let bytes = page.script(&format!(
        "return (async () => {{
           const {{ Lab }} = await import(new URL('perforate.js', document.baseURI).href);
           const lab = new Lab();
           for (const name of ['routed.onnx', 'images.npz']) {{
             const response = await fetch(name, {{ cache: 'no-store' }});
             const bytes = new Uint8Array(await response.arrayBuffer());
             const events = lab.command({{ type: 'file', name, knobs: {{ threshold: {threshold} }} }});
             events.push(...lab.supply(name, bytes));
             for (const event of events) if (event.type === 'error') throw new Error(event.message);
           }}
           return [...lab.outputs()];
         }})()"
    ));
    let bytes: Vec<u8> = serde_json::from_value(bytes).expect("bytes");
    let outputs = npz::read("outputs.npz", &bytes, "logits").expect("an archive");
    to_array::<f32>(outputs.get("logits").expect("logits")).expect("an array")
}

/// One operator between an input and an output of 16 numbers a row.
fn model(op: &str) -> ModelProto {
    let shape = [Size::Rows, Size::Fixed(16)];
    let mut graph = GraphBuilder::new("tiny", OPSET);
    graph.input("x", &shape).expect("an input");
    graph.node(op, "y", &["x"]).expect("a node");
    graph.output("y", &shape).expect("an output");
    graph.into_model(&Metadata::default()).expect("a model of one node")
}

#[track_caller]
fn assert_is_one_sentence(text: &str) {
    assert!(text.ends_with('.'), "no full stop: {text}");
    assert!(text.len() < 300 && !text.contains('\n'), "too long: {text}");
    for word in ["panicked", "unwrap", "RuntimeError", "unreachable", "[object", "undefined"] {
        assert!(!text.contains(word), "{word} is for programmers: {text}");
    }
}
