//! Measuring: the first curve, cancelling; and what becomes of results: the knob, the switch, the marks of a chart.

use serde_json::Value;
use thirtyfour::Key;

use crate::canned::with_canned_page;
use crate::reading::*;
use crate::support::{Page, with_page, with_page_alone};

#[test]
fn first_curve_comes_by_itself_and_numbers_agree() {
    with_page_alone("first-curve", "", |page| {
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

#[test]
fn knob_moves_the_selection() {
    with_canned_page("knob", &["dendritic/mlp"], "", |page| {
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
    with_canned_page("routing", &["dendritic/mlp"], "", |page| {
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
    with_canned_page("inside", &["selection-energy/fashion"], "&tab=inside", |page| {
        wait_for_sweep(page);
        assert!(page.text("#summary").contains("right answers"), "{}", page.text("#summary"));
        let battery = "return document.querySelectorAll('#panel-explore #chart-battery').length";
        assert_eq!(page.number(battery), 1.0, "the battery's chart");
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
                content(page, "#story").contains(&format!("It takes the path {path},"))
                    || content(page, "#story").contains(&format!("It takes the path {path}:"))
            });
            let lit = content(page, "#diagram text.end.lit");
            assert_eq!(lit, path, "the end that is lit");
        }
    });
}

#[test]
fn a_sweep_can_be_cancelled_and_resumed() {
    with_page_alone("cancel", "", |page| {
        wait_for_curve(page);
        assert_eq!(state(page), "measuring", "the sweep was over before it could be cancelled");
        let took = page.script(
            "const began = performance.now();
             return new Promise((done) => {
               new MutationObserver(() => {
                 if (document.documentElement.dataset.state === 'idle') done(performance.now() - began);
               }).observe(document.documentElement, { attributes: true });
               document.querySelector('#cancel').click();
             })",
        );
        println!("cancelled in {:.0} ms", took.as_f64().expect("milliseconds"));
        assert_eq!(state(page), "idle");
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

/// What a mark says under the pointer stands in the table behind its chart and among all numbers; a click sets the knob.
#[test]
fn what_the_pointer_reads_is_what_the_tables_say() {
    with_page("hover", &format!("{QUICK}&scenario=early-exit/mnist"), |page| {
        wait_for_sweep(page);
        page.emulate(1280, 800, false);
        canvases_are_drawn(page);
        let read = |chart: &str| -> Vec<(String, f64, f64)> {
            let found = page.script(&format!(
                "const canvas = document.querySelector('#chart-{chart}');
                 canvas.scrollIntoView({{ block: 'center' }});
                 const tip = canvas.parentElement.querySelector('.tip');
                 const found = new Map();
                 const frame = () => new Promise(requestAnimationFrame);
                 const {{ left, top, width, height }} = canvas.getBoundingClientRect();
                 return (async () => {{
                   for (let y = 4; y < height; y += 12) for (let x = 4; x < width; x += 12) {{
                     canvas.dispatchEvent(new PointerEvent('pointermove', {{ clientX: left + x, clientY: top + y }}));
                     if ((x - 4) % 36 === 0) await frame();
                     else continue;
                     if (!tip.hidden) found.set(tip.textContent, [x, y]);
                   }}
                   return [...found].map(([text, [x, y]]) => [text, x, y]);
                 }})()"
            ));
            serde_json::from_value(found).expect("texts and places")
        };
        let all = Table::read(page);
        for chart in ["quality", "latency", "speedup"] {
            page.script(&format!(
                "document.querySelector('#chart-{chart}').closest('figure').querySelector('details').open = true"
            ));
            page.wait_until("the numbers behind it", PATIENCE, |page| {
                page.number(&format!(
                    "return document.querySelector('#chart-{chart}').closest('figure').querySelectorAll('tbody tr').length"
                )) > 0.0
            });
            let behind = page.script(&format!(
                "return [...document.querySelector('#chart-{chart}').closest('figure').querySelectorAll('tbody tr')]
                   .map((row) => [...row.children].map((cell) => cell.textContent))"
            ));
            let behind: Vec<Vec<String>> = serde_json::from_value(behind).expect("rows");
            let read = read(chart);
            assert!(read.len() >= 3, "{chart}: {read:?}");
            for (text, ..) in read {
                let (name, says) = text.split_once(": ").expect("a name and values");
                let parts: Vec<&str> = says.split(", ").collect();
                let stands = |cells: &[String], part: &str| {
                    cells.iter().any(|cell| part == cell || part.starts_with(&format!("{cell} ")))
                };
                if name == "routed" {
                    assert!(
                        all.rows
                            .iter()
                            .any(|row| parts.iter().all(|part| stands(&row.cells, part))),
                        "{chart}: \"{text}\" is not a row of all numbers"
                    );
                }
                assert!(
                    behind.iter().any(|row| row[0].starts_with(name)
                        && row[1..3].iter().all(|cell| says.contains(cell.as_str()))),
                    "{chart}: \"{text}\" is not a row behind the chart: {behind:#?}"
                );
            }
        }
        let (text, x, y) = read("speedup")
            .into_iter()
            .find(|(text, ..)| text.starts_with("routed"))
            .expect("a routed point");
        page.script(&format!(
            "const canvas = document.querySelector('#chart-speedup');
             const {{ left, top }} = canvas.getBoundingClientRect();
             canvas.dispatchEvent(new PointerEvent('click', {{ clientX: left + {x}, clientY: top + {y} }}))"
        ));
        let active = text
            .split_once(": ")
            .and_then(|(_, says)| says.split_once(" active"))
            .expect("a share")
            .0;
        let knob = |page: &Page| {
            text_of(page.script("return document.querySelector('#knob-text').textContent"))
        };
        page.wait_until("the knob there", PATIENCE, |page| knob(page).contains(active));
    });
}
