//! The first screen: what a visitor sees without scrolling, the hundred inputs, and what is kept for the next visit.

use std::collections::BTreeMap;

use serde_json::Value;
use thirtyfour::Key;

use crate::canned::{events, with_canned_page, with_variants};
use crate::reading::*;
use crate::support::Page;

/// The bottom edge of an element, in CSS pixels from the window's top.
fn bottom(page: &Page, selector: &str) -> f64 {
    page.script("scrollTo(0, 0)");
    page.number(&format!(
        "return document.querySelector('{selector}').getBoundingClientRect().bottom"
    ))
}

/// Width and height of the first chart.
fn chart(page: &Page) -> [f64; 2] {
    let size = page.script("const { clientWidth, clientHeight } = document.querySelector('#chart-quality'); return [clientWidth, clientHeight]");
    serde_json::from_value(size).expect("a size")
}

#[test]
fn the_first_screen_fits_desk_and_phone() {
    let scenarios = ["early-exit/mnist", "dendritic/mlp", "selection-energy/fashion"];
    with_canned_page("fold", &scenarios, "", |page| {
        for scenario in scenarios {
            page.emulate(1280, 650, false);
            open(page, scenario);
            page.wait_until("the hundred", PATIENCE, |page| page.is_visible("#hundred"));
            let tabs = bottom(page, "#tabs");
            assert!(tabs <= 650.0, "{scenario}: the tabs end at {tabs} of 650");
            let [width, height] = chart(page);
            assert!(
                width >= 520.0 && height >= 240.0,
                "{scenario}: the chart has {width} × {height}"
            );
            let hundred = page.number("return document.querySelector('#hundred').clientHeight");
            assert!(hundred >= 140.0, "{scenario}: the hundred have {hundred} px");
            let hidden = page.number(
                "const frame = document.querySelector('#lanes').getBoundingClientRect();
                 return [...document.querySelectorAll('#lanes [data-tile]')].filter((tile) => {
                   const { left, right, bottom, width } = tile.getBoundingClientRect();
                   return width < 8 || left < frame.left || right > frame.right + 1 || bottom > innerHeight;
                 }).length",
            );
            assert_eq!(hidden, 0.0, "{scenario}: inputs that cannot be seen");
            println!("{scenario}: tabs end at {tabs:.0} of 650, chart {width:.0} × {height:.0}");
            page.emulate(390, 664, false);
            page.wait_until("the phone's layout", PATIENCE, |page| chart(page)[0] < 400.0);
            let [width, height] = chart(page);
            assert!(
                width >= 358.0 && height >= 220.0,
                "{scenario}: the chart has {width} × {height}"
            );
            let figures = bottom(page, "#figures > :nth-child(2)");
            assert!(figures <= 664.0, "{scenario}: two figures end at {figures} of 664");
            page.emulate(320, 664, false);
            page.wait_until("nothing to scroll sideways", PATIENCE, |page| {
                page.number("return document.documentElement.scrollWidth - innerWidth") <= 0.0
            });
        }
        page.emulate(1280, 650, false);
        for tab in ["explore", "inside", "numbers", "yours", "method"] {
            open_tab(page, tab);
            let small = page.script(
                "return [...document.querySelectorAll('body *')]
                   .filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
                   .filter((e) => parseFloat(getComputedStyle(e).fontSize) < 13)
                   .map((e) => `${e.localName}.${e.className} ${e.textContent.slice(0, 20)}`)",
            );
            assert_eq!(small, Value::from(Vec::<String>::new()), "{tab}: type below 13 px");
        }
    });
}

/// In every frame each lane holds the inputs that take its path at the setting of the slider, as the measurement has them.
#[test]
fn the_lanes_follow_the_slider() {
    const SCENARIO: &str = "early-exit/mnist";
    let told: Vec<Value> = serde_json::from_str(&events(SCENARIO)).expect("events");
    let inside = told.iter().rfind(|event| event["type"] == "inspector").expect("a look inside");
    let inside = &inside["inside"];
    let hundred = inside["hundred"].as_array().expect("inputs");
    let labels: Vec<&str> =
        inside["paths"].as_array().unwrap().iter().map(|p| p["label"].as_str().unwrap()).collect();
    let wanted = |setting: usize| -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for input in hundred {
            let path = input["taken"][setting].as_u64().expect("a path") as usize;
            let title = match labels[path] {
                "full" => "Full model".to_string(),
                label => label.replace("exit", "Exit "),
            };
            *counts.entry(title).or_default() += 1;
        }
        counts
    };
    with_canned_page("lanes", &[SCENARIO], "", |page| {
        wait_for_sweep(page);
        let moves = page.script(
            "return (async () => {
               const knob = document.querySelector('#knob');
               const frame = () => new Promise(requestAnimationFrame);
               const lanes = () => [...document.querySelectorAll('.lane')].map((lane) =>
                 [lane.querySelector('strong').textContent, lane.querySelectorAll('[data-tile]').length]);
               const moves = [];
               for (let turn = 0; turn < 200; turn += 1) {
                 const value = (turn * 7) % (Number(knob.max) + 1);
                 knob.value = String(value);
                 const began = performance.now();
                 knob.dispatchEvent(new Event('input'));
                 await frame();
                 moves.push([value, performance.now() - began, lanes()]);
                 await frame();
               }
               return moves;
             })()",
        );
        type Move = (usize, f64, Vec<(String, usize)>);
        let moves: Vec<Move> = serde_json::from_value(moves).expect("moves");
        let mut times: Vec<f64> = moves.iter().map(|(_, time, _)| *time).collect();
        for (setting, _, lanes) in moves {
            let shown: BTreeMap<String, usize> =
                lanes.into_iter().filter(|(_, count)| *count > 0).collect();
            assert_eq!(shown, wanted(setting), "at setting {setting}");
        }
        times.sort_by(f64::total_cmp);
        let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
        println!(
            "from a move of the slider to the lanes: median {median:.1} ms, worst {worst:.1} ms"
        );
    });
}

/// What was measured is there again after a reload, before the module has loaded, and nothing is measured anew.
#[test]
fn a_reload_keeps_what_was_measured() {
    /// Milliseconds; the median here is a tenth of it.
    const AT_ONCE: f64 = 1000.0;
    with_canned_page("kept", &["early-exit/mnist", "dendritic/mlp"], "", |page| {
        wait_for_sweep(page);
        let shown = |page: &Page| (page.text("#summary"), figures(page), page.text("#comparison"));
        let before = shown(page);
        page.wait_until("the measurement to be kept", PATIENCE, |page| {
            page.number(
                "return new Promise((done) => {
                   const open = indexedDB.open('perforate', 1);
                   open.onsuccess = () => {
                     const all = open.result.transaction('measurements').objectStore('measurements').count();
                     all.onsuccess = () => { open.result.close(); done(all.result); };
                   };
                   open.onerror = () => done(0);
                 })",
            ) > 0.0
        });
        page.reload();
        wait_for_curve(page);
        let painted =
            page.number("return performance.getEntriesByName('last-view')[0]?.startTime ?? 1e9");
        println!("from the navigation to the last visit's values: {painted:.0} ms");
        assert!(painted <= AT_ONCE, "the last visit's values came after {painted} ms");
        assert_eq!(shown(page), before);
        assert_eq!(state(page), "idle", "it is measured anew");
        assert!(
            page.text("#kept").starts_with("Measured on this device, "),
            "{}",
            page.text("#kept")
        );
        // The slider, the chart and the lanes work on what was kept.
        page.press("#knob", Key::Home);
        let fast = figures(page);
        page.press("#knob", Key::End);
        page.wait_until("other figures", PATIENCE, |page| figures(page) != fast);
        canvases_are_drawn(page);
        figures_stand_in_the_selected_row(page);
        // The picker knows the verdict.
        page.click("#picker-open");
        let last = content(page, "#scenarios [data-scenario='early-exit/mnist'] .last");
        assert!(last.contains('×'), "{last:?}");
        page.key(Key::Escape);
        page.click("#run");
        page.wait_until("a new measurement", PATIENCE, |page| !page.is_visible("#kept"));
        // Nothing is left after that.
        open_tab(page, "method");
        page.click("#forget-all");
        page.reload();
        wait_for_curve(page);
        assert!(!page.is_visible("#kept"), "{}", page.text("#kept"));
    });
}

/// A browser that keeps nothing says so once, and everything else works.
#[test]
fn a_browser_that_keeps_nothing_says_so() {
    with_canned_page("refused", &["early-exit/mnist", "dendritic/mlp"], "", |page| {
        wait_for_sweep(page);
        page.script(
            "indexedDB.open = () => { throw new Error('denied'); };
             IDBFactory.prototype.open = indexedDB.open;
             IDBDatabase.prototype.transaction = () => { throw new Error('denied'); };",
        );
        open(page, "dendritic/mlp");
        page.wait_until("a word on it", PATIENCE, |page| {
            content(page, "#toast").contains("keeps no measurements for the next visit (denied)")
        });
        table_is_sane(page);
    });
}

/// The curve of another device comes by a link and by a report that is dropped; hostile ones are told and left out.
#[test]
fn other_devices_stand_beside_one_s_own() {
    let folder = tempfile::tempdir().expect("a folder for the reports");
    with_canned_page("ghosts", &["early-exit/mnist"], "", |page| {
        wait_for_sweep(page);
        let series = |page: &Page| content(page, "#hero .behind tbody");
        page.script("document.querySelector('#hero .behind').open = true");
        let address = text_of(page.script("return location.search"));
        let link = format!("{address}#curve=early-exit%2Fmnist%7CPixel%208%7C3.1,0.987%7C1.0,0.99");
        page.visit("?scenario=early-exit/mnist&tab=method");
        page.visit(&link);
        wait_for_curve(page);
        page.script("document.querySelector('#hero .behind').open = true");
        page.wait_until("the sender's curve", PATIENCE, |page| series(page).contains("Pixel 8"));

        let taken = page.script(
            "window.taken = undefined;
             URL.createObjectURL = (blob) => { blob.text().then((text) => { window.taken = text; }); return '#'; };
             document.querySelector(\"[data-export='json']\").click();
             return new Promise((done) => { const wait = () => window.taken ? done(window.taken) : setTimeout(wait, 20); wait(); })",
        );
        let mut report: Value = serde_json::from_str(&text_of(taken)).expect("a report");
        report["host"]["cpu"] = "Another machine".into();
        let file = folder.path().join("bench.json");
        std::fs::write(&file, report.to_string()).expect("a report");
        page.choose_file("#file", &file);
        page.wait_until("the other machine", PATIENCE, |page| {
            content(page, "#toast").contains("bench.json: measured on Another machine")
        });
        page.wait_until("its curve", PATIENCE, |page| {
            page.script("document.querySelector('#hero .behind').open = false");
            page.script("document.querySelector('#hero .behind').open = true");
            series(page).contains("Another machine")
        });
        for (name, text) in [
            ("empty.json", ""),
            ("list.json", "[]"),
            ("other.json", "{\"a\": 1}"),
            ("deep.json", &"[".repeat(9000)),
        ] {
            let file = folder.path().join(name);
            std::fs::write(&file, text).expect("a file");
            page.choose_file("#file", &file);
            page.wait_until(name, PATIENCE, |page| page.text("#error").contains(name));
            assert_is_one_sentence(&page.text("#error"));
        }
        assert!(measured(page) > 0, "the results are still there");
        page.visit(&format!("{address}&tab=numbers#curve=%E0%A4%A|<script>"));
        wait_for_curve(page);
        let told = content(page, "#warnings");
        assert!(told.contains("the curve in this link"), "{told}");
    });
}

/// A picture of what was found: headline, chart, rival, device.
#[test]
fn a_result_card_is_drawn() {
    with_canned_page("card", &["early-exit/mnist"], "", |page| {
        wait_for_sweep(page);
        let size = page.script(
            "window.taken = undefined;
             URL.createObjectURL = (blob) => { createImageBitmap(blob).then((picture) => { window.taken = picture; }); return '#'; };
             HTMLAnchorElement.prototype.click = function () { window.file = this.download; };
             document.querySelector(\"[data-export='card']\").click();
             return new Promise((done) => {
               const wait = () => {
                 if (!window.taken) return setTimeout(wait, 20);
                 const canvas = new OffscreenCanvas(taken.width, taken.height);
                 const pen = canvas.getContext('2d');
                 pen.drawImage(taken, 0, 0);
                 const strip = (y, height) => new Set(new Uint32Array(pen.getImageData(0, y, 1200, height).data.buffer)).size;
                 done([taken.width, taken.height, strip(60, 90), strip(210, 300), strip(520, 100), file]);
               };
               wait();
             })",
        );
        let (width, height, headline, chart, facts, file): (f64, f64, f64, f64, f64, String) =
            serde_json::from_value(size).expect("a card");
        assert_eq!((width, height), (1200.0, 630.0));
        assert!(
            headline > 8.0 && chart > 16.0 && facts > 8.0,
            "{headline}, {chart}, {facts} colours"
        );
        assert_eq!(file, "perforate-early-exit-mnist-card.png");
        canvases_are_drawn(page);
    });
}

/// The chip holds all warnings and plain advice; a race runs at the measured ratio.
#[test]
fn the_chip_advises_and_a_race_runs() {
    with_canned_page("chip", &["early-exit/mnist"], "&bogus=1", |page| {
        wait_for_sweep(page);
        assert!(!page.is_visible("#warnings"), "warnings stand in the chip alone");
        page.click("#chip");
        assert!(
            page.text("#warnings").contains("bogus=1 is ignored"),
            "{}",
            page.text("#warnings")
        );
        assert!(page.text("#advice").contains("planted slow-down"), "{}", page.text("#advice"));
        page.key(Key::Escape);
        page.press("#knob", Key::Home);
        page.click("#race");
        page.wait_until("the race", PATIENCE, |page| {
            let count = |nth| {
                page.number(&format!(
                    "return document.querySelectorAll('.race progress')[{nth}]?.value ?? 0"
                ))
            };
            count(0) > 0.0 && count(1) > 0.0
        });
        assert!(page.text("#hundred-caption").contains("at the times measured here"));
        page.wait_until("the end of the race", PATIENCE, |page| {
            page.number("return document.querySelectorAll('.race').length") == 0.0
        });
    });
}

/// A verdict as a report has it: class, quality, headline and line, each as long as it comes.
const VERDICTS: [(&str, Option<&str>, &str, &str); 7] = [
    (
        "pays_certified",
        Some("good"),
        "4.31× faster. Its operations take 21.4\u{a0}% of the full model’s energy, estimated.",
        "Certified: at most 0.5\u{a0}% of right answers lost (90\u{a0}% confidence, n\u{a0}=\u{a0}4,000). No static model tested is both as fast and as accurate.",
    ),
    (
        "pays_uncertified",
        Some("good"),
        "5.12× faster on these 1,500 inputs, but without a guarantee.",
        "Accuracy −0.1 points (−0.5 to +0.2). 38 more calibration inputs could be enough; add inputs or allow more loss.",
    ),
    (
        "does_not_pay",
        Some("good"),
        "Routing does not pay here. A smaller model is 4.70× faster; the router, 3.60×.",
        "Its accuracy is at most 0.3 points below the router’s (95\u{a0}%, n\u{a0}=\u{a0}1,500). Use the smaller model.",
    ),
    (
        "first_exit_suffices",
        Some("good"),
        "You don’t need a router. The first exit alone is 7.81× faster.",
        "It loses at most 0.1 points against the whole network (95\u{a0}%, n\u{a0}=\u{a0}5,000). Cut the model there.",
    ),
    (
        "undecided",
        Some("fair"),
        "3.93× faster than the full model. Against a random mixture of static models: too close to call at n\u{a0}=\u{a0}1,500.",
        "At equal cost, the router’s accuracy is −0.1 points (−0.5 to +0.3) against the mixture’s.",
    ),
    (
        "noisy",
        Some("noisy"),
        "At least 2.10× faster. This machine is too busy to say more.",
        "Close other programs and measure again.",
    ),
    (
        "measuring",
        None,
        "Between 2.41× and 3.62× faster so far.",
        "Calibrating: 57 of 400 inputs. Certification needs at least 115.",
    ),
];

/// Every verdict has its colour, its chip and its words on the first screen of a desk and of a phone, in both themes; with
/// PERFORATE_PICTURES=1 a picture of each is written to `target/pictures`.
#[test]
fn every_verdict_stands_on_the_first_screen() {
    const SCENARIO: &str = "early-exit/mnist";
    let told: Vec<Value> = serde_json::from_str(&events(SCENARIO)).expect("events");
    let variant =
        |(ix, (class, quality, headline, line)): (usize, &(&str, Option<&str>, &str, &str))| {
            let mut told = told.clone();
            let report = told.iter_mut().find(|event| event["type"] == "results").expect("results");
            let scenario = &mut report["report"]["scenarios"][0];
            scenario["verdict"] = (*class).into();
            scenario["quality"] = quality.map_or(Value::Null, Value::from);
            scenario["summary"] = (*headline).into();
            scenario["comparison"] = (*line).into();
            if *class == "measuring" {
                told.retain(|event| event["type"] != "done");
            }
            (100 + ix as u64, serde_json::to_string(&told).expect("events in JSON"))
        };
    let variants: Vec<(u64, String)> = VERDICTS.iter().enumerate().map(variant).collect();
    let pictures = std::env::var("PERFORATE_PICTURES").is_ok_and(|value| value == "1");
    with_variants("verdicts", &[SCENARIO], "", &variants, |page| {
        for ((seed, _), (class, quality, headline, line)) in variants.iter().zip(&VERDICTS) {
            page.visit(&format!("{QUICK}&scenario={SCENARIO}&seed={seed}"));
            wait_for_curve(page);
            page.wait_until("the headline", PATIENCE, |page| {
                content(page, "#summary") == *headline
            });
            assert_eq!(content(page, "#comparison"), *line);
            let mark = text_of(page.script("return document.documentElement.dataset.verdict"));
            let wanted = match *class {
                "pays_certified" | "pays_uncertified" => "pays",
                "does_not_pay" | "first_exit_suffices" => "does-not-pay",
                "measuring" => "pending",
                _ => "undecided",
            };
            assert_eq!(mark, wanted, "{class}");
            let level =
                text_of(page.script("return document.querySelector('#chip').dataset.level"));
            assert_eq!(level, quality.unwrap_or("open"), "{class}");
            assert!(!page.is_visible("#warnings"), "{class}: warnings outside the chip");
            for (width, height) in [(1280, 650), (390, 664)] {
                for dark in [false, true] {
                    page.emulate(width, height, dark);
                    page.wait_until("the layout", PATIENCE, |page| {
                        (chart(page)[0] < 400.0) == (width < 400)
                    });
                    let last = if width < 400 { "#figures > :nth-child(2)" } else { "#tabs" };
                    let end = bottom(page, last);
                    assert!(end <= f64::from(height), "{class}: {last} ends at {end} of {height}");
                    if pictures {
                        let theme = if dark { "dark" } else { "light" };
                        let folder = crate::support::build::target().join("pictures");
                        std::fs::create_dir_all(&folder).expect("a folder for the pictures");
                        let file = folder.join(format!("{class}-{width}-{theme}.png"));
                        std::fs::write(file, page.picture()).expect("a picture");
                    }
                }
            }
        }
    });
}
