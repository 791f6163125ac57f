//! How it feels: drawing an input, filters, and a page that answers while it measures.

use thirtyfour::Key;

use crate::canned::with_canned_page;
use crate::reading::*;
use crate::support::{Setting, with, with_page, with_page_alone};

#[test]
fn a_drawing_takes_its_way_and_inputs_are_filtered() {
    with_page("drawing", &format!("{QUICK}&scenario=early-exit/mnist&tab=inside"), |page| {
        wait_for_sweep(page);
        // A stroke downwards: a one.
        page.script(
            "const pad = document.querySelector('#pad');
             pad.scrollIntoView();
             const { left, top, width, height } = pad.getBoundingClientRect();
             pad.setPointerCapture = () => {};
             const at = (kind, y) => pad.dispatchEvent(new PointerEvent(kind, {
               bubbles: true, pointerId: 1, clientX: left + width / 2, clientY: top + y * height }));
             at('pointerdown', 0.15);
             for (let y = 0.2; y < 0.9; y += 0.05) at('pointermove', y);
             at('pointerup', 0.85);",
        );
        page.wait_until("the way of the drawing", PATIENCE, |page| {
            content(page, "#story").contains("Your drawing")
        });
        assert!(content(page, "#story").contains("It answers 1,"), "{}", content(page, "#story"));
        // The same by keys, from the middle of a new sheet.
        page.click("#pad-clear");
        page.script("document.querySelector('#pad').focus()");
        page.key(" ");
        for _ in 0..10 {
            page.key(Key::Down);
        }
        page.key(" ");
        page.wait_until("the way of the other drawing", PATIENCE, |page| {
            page.number("return document.querySelectorAll('#samples li').length") == 26.0
                && content(page, "#story").contains("It answers 1,")
        });

        let paths = || content(page, "#samples");
        let choose = |value: &str| {
            page.script(&format!(
                "const filter = document.querySelector('#filter');
                 filter.value = '{value}';
                 filter.dispatchEvent(new Event('change'))"
            ));
        };
        choose("path exit1");
        page.wait_until("one path", PATIENCE, |_| !paths().contains("full"));
        // At "never" no input is left on the full path; where there is no routing, none differs.
        choose("differing");
        page.press("#knob", Key::End);
        page.wait_until("no input", PATIENCE, |page| page.is_visible("#no-samples"));
        choose("");
        page.wait_until("all inputs", PATIENCE, |page| {
            page.number("return document.querySelectorAll('#samples li').length") == 26.0
        });
    });
}

/// A click on the switch is answered within what a person takes for at once, while the page measures.
#[test]
fn the_page_answers_while_it_measures() {
    const CLICKS: usize = 10;
    /// Milliseconds, of which the longest one is not counted: another program may have had the processor.
    const AT_ONCE: f64 = 300.0;
    with_page_alone("answers", "?scenario=dendritic/fashion", |page| {
        wait_for_curve(page);
        // From the moment at which a click is due, whatever the page's thread does then, until its answer is painted.
        let answers = page.script(&format!(
            "const root = document.documentElement;
             const frame = () => new Promise(requestAnimationFrame);
             const click = (due) => new Promise((done) => setTimeout(async () => {{
               const wanted = root.dataset.routing === 'on' ? 'off' : 'on';
               document.querySelector('#routing').click();
               while (root.dataset.routing !== wanted) await frame();
               await frame();
               done([performance.now() - due, root.dataset.state]);
             }}, due - performance.now()));
             return (async () => {{
               const answers = [];
               for (let ix = 0; ix < {CLICKS}; ix++) answers.push(await click(performance.now() + 110 + 17 * ix));
               return answers;
             }})()"
        ));
        let answers: Vec<(f64, String)> = serde_json::from_value(answers).expect("answers");
        let idle = answers.iter().filter(|(_, state)| state != "measuring").count();
        assert_eq!(idle, 0, "the sweep was over before all clicks were made: {answers:?}");
        let mut times: Vec<f64> = answers.into_iter().map(|(time, _)| time).collect();
        times.sort_by(f64::total_cmp);
        println!("while measuring: answers to clicks in {times:.0?} ms");
        assert!(times[CLICKS - 2] <= AT_ONCE, "answers to clicks took {times:.0?} ms");
    });
}

/// What axe-core finds, in every tab and both themes; and whether the page fits a phone and twice the size.
#[test]
fn the_page_is_for_everybody() {
    let axe = String::from_utf8(crate::common::read("tests/axe/axe.min.js")).expect("a script");
    with_canned_page("everybody", &["selection-energy/fashion"], "", |page| {
        for (width, height, dark) in
            [(1280, 800, false), (1280, 800, true), (390, 844, true), (640, 400, false)]
        {
            page.emulate(width, height, dark);
            if measured(page) == 0 {
                wait_for_sweep(page);
                page.script(
                    "document.querySelectorAll('details').forEach((d) => { d.open = true; })",
                );
            }
            page.wait_until("nothing to scroll sideways", PATIENCE, |page| {
                page.number("return document.documentElement.scrollWidth - innerWidth") <= 0.0
            });
            for tab in ["explore", "inside", "numbers", "yours", "method"] {
                page.script(&format!("document.querySelector('#tab-{tab}').click()"));
                let found = page.script(&format!(
                "{axe};
                 return axe.run(document, {{ resultTypes: ['violations'] }}).then(({{ violations }}) => violations
                   .map(({{ id, nodes }}) => `${{id}}: ${{nodes.map((n) => n.target.join(' ')).slice(0, 4).join(', ')}}`))"
            ));
                let found: Vec<String> = serde_json::from_value(found).expect("findings");
                assert!(found.is_empty(), "{width}x{height}, dark {dark}, {tab}: {found:#?}");
            }
        }
    });
}

/// Writes the pictures that README shows: `cargo test --test page pictures -- --ignored`.
#[test]
#[ignore = "writes www/screenshot*.png"]
fn pictures_of_the_page() {
    with_page_alone("pictures", "?scenario=early-exit/fashion", |page| {
        for (name, width, height, dark) in [
            ("screenshot", 1280, 720, false),
            ("screenshot-dark", 1280, 720, true),
            ("screenshot-phone", 390, 844, false),
        ] {
            page.emulate(width, height, dark);
            if measured(page) == 0 {
                // In full, which takes minutes.
                page.wait_until("the end of the sweep", 5 * PATIENCE, |page| {
                    measured(page) > 0 && state(page) == "idle"
                });
            }
            canvases_are_drawn(page);
            let path = format!("{}/www/{name}.png", env!("CARGO_MANIFEST_DIR"));
            std::fs::write(&path, page.picture()).expect("a picture");
        }
    });
}

#[test]
fn what_was_loaded_works_without_a_network() {
    let query = format!("{QUICK}&scenario=early-exit/mnist");
    let setting = Setting { name: "offline", query: &query, ..Setting::default() };
    with(setting, |page, server| {
        wait_for_sweep(page);
        page.wait_until("the page to be kept", PATIENCE, |page| {
            page.script(
                "return caches.open('perforate').then((c) => c.keys()).then((all) => all.some(({ url }) => url.endsWith('.wasm')))",
            ) == true
        });
        let first = server.sent();
        page.visit(&query);
        wait_for_sweep(page);
        let again = server.sent() - first;
        println!("sent for the first visit {first} bytes, for the second {again}");
        assert!(100 * again < first, "files are sent again: {again} bytes after {first}");
        server.stop();
        page.visit(&query);
        wait_for_curve(page);
    });
}
