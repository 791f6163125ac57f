//! The address, the settings in it, and what can be taken away.

use perforate::engine::Program;
use perforate_lab::experiment::Experiment;
use serde_json::Value;
use thirtyfour::Key;

use crate::canned::with_canned_page;
use crate::reading::*;
use crate::support::{Page, with_page, with_single_file};

fn address(page: &Page) -> String {
    text_of(page.script("return location.search"))
}

/// What a link must bring back.
fn view(page: &Page) -> Vec<String> {
    let settings = page.script(
        "return [...document.querySelectorAll('[data-setting]')].map(f => f.id + '=' + f.value).join()",
    );
    let routing = page.script("return document.documentElement.dataset.routing");
    vec![
        text_of(settings),
        text_of(routing),
        page.text("#knob-text"),
        page.text("#title"),
        address(page),
    ]
}

#[test]
fn a_link_brings_the_view_back() {
    with_canned_page("link", &["dendritic/mlp"], "&epsilon=5", |page| {
        wait_for_sweep(page);
        open_tab(page, "method");
        // By keyboard: a field counts at Enter.
        page.press("#set-watts", "7" + Key::Enter);
        page.press("#set-want-speedup", "3" + Key::Enter);
        page.press("#knob", Key::Left);
        page.press("#knob", Key::Left);
        page.click("label.switch");
        page.wait_until("the address", PATIENCE, |page| address(page).contains("routing=off"));
        for part in ["epsilon=5", "watts=47", "want-speedup=3", "knob="] {
            assert!(address(page).contains(part), "{part} is not in {}", address(page));
        }
        let before = view(page);
        page.visit(&before[4]);
        wait_for_sweep(page);
        assert_eq!(view(page), before);
    });
}

#[test]
fn a_guarantee_is_judged_anew_and_nothing_measured() {
    with_page("judge", "?quick&scenario=dendritic/mlp", |page| {
        wait_for_sweep(page);
        let speeds = |page: &Page| {
            let table = Table::read(page);
            let column = table.column("speed_up");
            table.rows.iter().map(|row| row.cells[column].clone()).collect::<Vec<_>>()
        };
        let (before, summary) = (speeds(page), page.text("#summary"));
        open_tab(page, "method");
        for (typed, wanted) in
            [("0", ": 0 must lie"), ("-3", "-0.03 must lie"), ("much", "not a number")]
        {
            page.script("document.querySelector('#set-epsilon').value = ''");
            page.press("#set-epsilon", typed.to_string() + Key::Enter);
            page.wait_until("a word on the setting", PATIENCE, |page| {
                page.text("#settings-fault").contains(wanted)
            });
        }
        assert!(!address(page).contains("epsilon"), "{}", address(page));
        page.script("document.querySelector('#set-epsilon').value = ''");
        page.press("#set-epsilon", "0.2" + Key::Enter);
        page.wait_until("another finding", PATIENCE, |page| page.text("#summary") != summary);
        assert_eq!((state(page).as_str(), speeds(page)), ("idle", before));
        page.click("#settings-usual");
        page.wait_until("the usual finding", PATIENCE, |page| page.text("#summary") == summary);
        assert!(!address(page).contains("epsilon"), "{}", address(page));
    });
}

#[test]
fn malformed_addresses_are_told_and_the_page_works() {
    let long = format!("&seed={}", "9".repeat(4000));
    let addresses = [
        "&scenario=nothing/here",
        "&scenario=",
        "&scenario=%00",
        "&epsilon=-1",
        "&epsilon=NaN",
        "&epsilon=1e400",
        "&delta=0",
        "&batch=0",
        "&batch=1e9",
        "&rounds=-5",
        "&test=0",
        "&score=%3Cscript%3Ealert(1)%3C/script%3E",
        "&loss=all",
        "&knob=left",
        "&routing=perhaps",
        "&watts=inf",
        "&want-speedup=-2",
        "&__proto__=1&constructor=2",
        "&%F0%9F%98%80=%F0%9F%98%80",
        &long,
    ];
    with_canned_page("malformed", &["dendritic/mlp"], "", |page| {
        for query in addresses {
            page.visit(&format!("?quick&scenario=dendritic/mlp{query}"));
            page.wait_until("the first curve", PATIENCE, |page| measured(page) > 0);
            let told = content(page, "#warnings li");
            assert!(told.starts_with("The address: "), "{query}: {told}");
            assert_is_one_sentence(&told);
            assert_eq!(address(page), "?scenario=dendritic/mlp&quick=", "{query}");
        }
    });
}

/// Clicks an export and returns what would be saved.
#[track_caller]
fn taken(page: &Page, kind: &str) -> Vec<u8> {
    page.script(
        "window.taken = undefined;
         URL.createObjectURL = (blob) => {
           blob.arrayBuffer().then((bytes) => { window.taken = [...new Uint8Array(bytes)]; });
           return '#';
         };",
    );
    page.script(&format!("document.querySelector(\"[data-export='{kind}']\").click()"));
    page.wait_until(kind, PATIENCE, |page| page.script("return window.taken != null") == true);
    serde_json::from_value(page.script("return window.taken")).expect("bytes")
}

#[test]
fn what_is_taken_away_is_what_is_shown() {
    with_page("exports", "?quick&scenario=early-exit/mnist&seed=7&rounds=3", |page| {
        wait_for_sweep(page);
        let table = Table::read(page);
        let routed: Vec<&Row> = table.rows.iter().filter(|row| row.kind == "routed").collect();

        let report: Value = serde_json::from_slice(&taken(page, "json")).expect("a report");
        let curve = report["scenarios"][0]["curve"].as_array().expect("a curve");
        assert_eq!(curve.len(), routed.len());
        for (point, row) in curve.iter().zip(&routed) {
            let active = 100.0 * point["active"].as_f64().unwrap();
            assert!((active - table.number(row, "active")).abs() < 0.051, "{active}");
        }
        let experiment = String::from_utf8(taken(page, "experiment")).unwrap();
        let experiment = Experiment::read("experiment.json", &experiment).unwrap().remove(0);
        assert_eq!((experiment.seed, experiment.rounds), (7, 3));
        let reported = Experiment::read("report.json", &report.to_string()).unwrap();
        assert_eq!(reported, [experiment]);
        let csv = String::from_utf8(taken(page, "csv")).unwrap();
        assert!(csv.lines().count() > curve.len(), "{csv}");
        assert!(String::from_utf8(taken(page, "markdown")).unwrap().contains("early-exit/mnist"));

        let model = Program::load("routed.onnx", &taken(page, "onnx")).expect("a model");
        let default = model.knobs()[0].default.unwrap();
        let shown = leading_number(&page.text("#knob-text")).unwrap();
        assert!((f64::from(default) - shown).abs() < 1e-3, "{default} and {shown}");
    });
}

#[test]
fn one_file_runs_from_a_folder() {
    with_single_file("one-file", QUICK, |page| {
        println!("navigation to first curve of the one file: {:.0} ms", first_curve_ms(page));
        wait_for_sweep(page);
        table_is_sane(page);
        open(page, "early-exit/mnist");
        table_is_sane(page);
        choose(page, "early-exit/sentences");
        page.wait_until("a word on what it does not carry", PATIENCE, |page| {
            page.text("#error").contains("does not carry it")
        });
        open(page, "dendritic/mlp");
    });
}
