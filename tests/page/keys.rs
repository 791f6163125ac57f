//! The page without a mouse.

use std::collections::HashMap;

use serde_json::Value;
use thirtyfour::Key;

use crate::canned::with_canned_page;
use crate::reading::*;
use crate::support::Page;

/// What can be operated and is on the screen, each with a name; what the keys reach must be all of it.
const CONTROLS: &str = "
  const name = (e) => [e.localName, e.id, e.dataset?.scenario, e.dataset?.export, e.dataset?.sample, e.getAttribute('aria-label'), e.textContent.trim().slice(0, 24)].filter(Boolean).join(' ');
  const can = 'a[href], button, input, select, summary, [tabindex=\"0\"]';
  const all = [...document.querySelectorAll(can)].filter((e) => !e.disabled && !e.closest('dialog') && e.checkVisibility() && e.getClientRects().length > 0);
";

/// Walks over the page with the tab key; returns how often each control had the focus.
fn walk(page: &Page, count: usize) -> HashMap<String, usize> {
    page.script("document.activeElement.blur(); scrollTo(0, 0); getSelection().removeAllRanges()");
    let mut seen = HashMap::new();
    for _ in 0..count {
        page.key(Key::Tab);
        let at = page.script(&format!("{CONTROLS} return name(document.activeElement)"));
        *seen.entry(text_of(at)).or_default() += 1;
    }
    seen
}

/// Presses the tab key until the focus is where it is wanted.
#[track_caller]
fn tab_to(page: &Page, selector: &str) {
    for _ in 0..400 {
        if page.script(&format!("return document.activeElement.matches({selector:?})")) == true {
            return;
        }
        page.key(Key::Tab);
    }
    panic!("the tab key never reaches {selector}");
}

fn is(page: &Page, condition: &str) -> bool {
    page.script(&format!("return Boolean({condition})")) == true
}

#[test]
fn every_control_is_reached_and_operated_by_keys() {
    with_canned_page("keys", &["early-exit/mnist", "dendritic/mlp"], "", |page| {
        wait_for_sweep(page);
        page.script("document.querySelectorAll('details').forEach((d) => { d.open = true; })");
        let names = page.script(&format!("{CONTROLS} return all.map(name)"));
        let names: Vec<String> = serde_json::from_value(names).expect("names");
        assert!(names.len() > 60, "controls: {names:?}");
        let seen = walk(page, names.len() + 2);
        let missed: Vec<_> = names.iter().filter(|name| !seen.contains_key(*name)).collect();
        assert!(missed.is_empty(), "not reached: {missed:#?}");

        // One of each kind is operated where the focus came to it.
        tab_to(page, "#routing");
        page.key(" ");
        assert!(is(page, "document.documentElement.dataset.routing === 'off'"), "the switch");
        page.key("r");
        assert!(is(page, "document.documentElement.dataset.routing === 'on'"), "the key r");
        let theme = page.script("return document.documentElement.dataset.theme");
        page.key("t");
        assert_ne!(page.script("return document.documentElement.dataset.theme"), theme);
        page.key("?");
        assert!(is(page, "document.querySelector('#help').open"), "the help");
        page.key(Key::Escape);
        assert!(!is(page, "document.querySelector('#help').open"), "the help, closed");

        tab_to(page, "#knob");
        page.key(Key::Home);
        assert!(is(page, "document.querySelector('#knob').value === '0'"), "the knob");
        tab_to(page, "#settings summary");
        page.key(Key::Enter);
        assert!(!is(page, "document.querySelector('#settings').open"), "the settings");
        tab_to(page, "#filter");
        page.key(Key::Down);
        assert!(!is(page, "document.querySelector('#filter').value === ''"), "the filter");
        page.key(Key::Home);

        tab_to(page, "#samples li:nth-child(3) button");
        page.key(Key::Enter);
        assert!(is(page, "document.activeElement.ariaPressed === 'true'"), "an input");
        // What is drawn there, `visitor` looks at.
        tab_to(page, "#pad");

        // The number behind a chart, and a download, from the figure's own buttons.
        page.script(
            "window.saved = [];
             HTMLAnchorElement.prototype.click = function () { saved.push(this.download); }",
        );
        for (selector, file) in [
            ("#hero [aria-label$='as SVG']", "perforate-early-exit-mnist-quality.svg"),
            ("[data-export=csv]", "perforate-early-exit-mnist.csv"),
        ] {
            tab_to(page, selector);
            page.key(Key::Enter);
            page.wait_until(file, PATIENCE, |page| {
                page.script("return saved")
                    .as_array()
                    .is_some_and(|s| s.contains(&Value::from(file)))
            });
        }

        page.script("scrollTo(0, 0); document.querySelector('.skip').focus()");
        tab_to(page, "[data-scenario='dendritic/mlp']");
        page.key(Key::Enter);
        page.wait_until("the other scenario", PATIENCE, |page| {
            is_chosen(page, "dendritic/mlp") && measured(page) > 0
        });
    });
}
