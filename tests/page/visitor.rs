//! How it feels: drawing an input, filters, and a page that answers while it measures.

use crate::reading::*;
use crate::support::{with_page, with_served_page};

#[test]
fn a_drawing_takes_its_way_and_inputs_are_filtered() {
    with_page("drawing", &format!("{QUICK}&scenario=early-exit/mnist"), |page| {
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
            page.text("#story").contains("Your drawing")
        });
        assert!(page.text("#story").contains("It answers 1,"), "{}", page.text("#story"));

        let paths = || page.text("#samples");
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
        page.press("#knob", thirtyfour::Key::End);
        page.wait_until("no input", PATIENCE, |page| page.is_visible("#no-samples"));
        choose("");
        page.wait_until("all inputs", PATIENCE, |page| {
            page.number("return document.querySelectorAll('#samples li').length") == 25.0
        });
    });
}

/// The longest task of the page's own thread, and the slowest answer to a key, while it measures.
#[test]
fn the_page_answers_while_it_measures() {
    with_page("answers", "?quick&scenario=dendritic/fashion", |page| {
        wait_for_curve(page);
        page.script(
            "window.longest = { longtask: 0, event: 0 };
             const watch = (type, options) => new PerformanceObserver((list) => {
               for (const { duration } of list.getEntries()) longest[type] = Math.max(longest[type], duration);
             }).observe({ type, ...options });
             watch('longtask');
             watch('event', { durationThreshold: 16 });",
        );
        for _ in 0..10 {
            page.press("#knob", thirtyfour::Key::Left);
            page.press("#knob", thirtyfour::Key::Right);
        }
        assert_eq!(state(page), "measuring", "the sweep was over before the keys were pressed");
        wait_for_sweep(page);
        let longest = |kind: &str| page.number(&format!("return longest.{kind}"));
        println!("while measuring: longest task {:.0} ms", longest("longtask"));
        println!("while measuring: slowest answer to a key {:.0} ms", longest("event"));
    });
}

/// What axe-core finds serious or critical, in both themes; and whether the page fits a phone and twice the size.
#[test]
fn the_page_is_for_everybody() {
    let axe = String::from_utf8(crate::common::read("tests/axe/axe.min.js")).expect("a script");
    with_page("everybody", &format!("{QUICK}&scenario=selection-energy/fashion"), |page| {
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
            let found = page.script(&format!(
                "{axe};
                 return axe.run(document, {{ resultTypes: ['violations'] }}).then(({{ violations }}) => violations
                   .filter(({{ impact }}) => impact === 'serious' || impact === 'critical')
                   .map(({{ id, nodes }}) => `${{id}}: ${{nodes.map((n) => n.target.join(' ')).slice(0, 4).join(', ')}}`))"
            ));
            let found: Vec<String> = serde_json::from_value(found).expect("findings");
            assert!(found.is_empty(), "{width}x{height}, dark {dark}: {found:#?}");
        }
    });
}

/// Writes the pictures that README shows: `cargo test --test page pictures -- --ignored`.
#[test]
#[ignore = "writes www/screenshot*.png"]
fn pictures_of_the_page() {
    with_page("pictures", "?scenario=dendritic/fashion", |page| {
        for (name, width, height, dark) in [
            ("screenshot", 1280, 1040, false),
            ("screenshot-dark", 1280, 1040, true),
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
    with_served_page("offline", &query, &[], |page, server| {
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
