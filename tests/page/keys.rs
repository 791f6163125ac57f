//! The page without a mouse.

use std::collections::HashMap;

use serde_json::Value;
use thirtyfour::Key;

use crate::canned::with_canned_page;
use crate::reading::*;
use crate::support::Page;

/// What can be operated and is on the screen, each with a name; what the keys reach must be all of it.
const CONTROLS: &str = "
  const name = (e) => [e.localName, e.id, e.dataset?.scenario, e.dataset?.export, e.dataset?.sample, e.dataset?.tile, e.getAttribute('aria-label'), e.textContent.trim().slice(0, 24)].filter(Boolean).join(' ');
  const can = 'a[href], button:not([tabindex=\"-1\"]), input, select, summary, [tabindex=\"0\"]';
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
        for (tab, least) in
            [("explore", 35), ("inside", 45), ("numbers", 25), ("yours", 22), ("method", 40)]
        {
            open_tab(page, tab);
            let names = page.script(&format!("{CONTROLS} return all.map(name)"));
            let names: Vec<String> = serde_json::from_value(names).expect("names");
            assert!(names.len() >= least, "{tab}: {} controls: {names:?}", names.len());
            let seen = walk(page, names.len() + 2);
            let missed: Vec<_> = names.iter().filter(|name| !seen.contains_key(*name)).collect();
            assert!(missed.is_empty(), "{tab}: not reached: {missed:#?}");
        }

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
        // One tab stop for all hundred inputs: arrows go from one to the next.
        tab_to(page, "#lanes [data-tile]");
        let tile = "return document.activeElement.dataset.tile";
        let first = page.script(tile);
        page.key(Key::Right);
        assert_ne!(page.script(tile), first, "the next input");
        page.key(Key::Enter);
        assert!(content(page, "#tile-story").contains("It takes the path"), "an input's story");
        page.key(Key::Escape);
        assert!(!page.is_visible("#tile-story"), "the story, closed");
        tab_to(page, "#tabs [aria-selected=true]");
        for _ in 0..2 {
            page.key(Key::Right);
        }
        assert!(page.is_visible("#panel-inside"), "the tab after the last and the first");
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
            if selector.contains("export") {
                tab_to(page, "#export-open");
                page.key(Key::Enter);
            }
            tab_to(page, selector);
            page.key(Key::Enter);
            page.wait_until(file, PATIENCE, |page| {
                page.script("return saved")
                    .as_array()
                    .is_some_and(|s| s.contains(&Value::from(file)))
            });
        }

        page.script("scrollTo(0, 0); document.querySelector('.skip').focus()");
        tab_to(page, "#picker-open");
        page.key(Key::Enter);
        page.wait_until("the search field", PATIENCE, |page| {
            page.script("return document.activeElement.id") == "search"
        });
        page.key("untrained");
        page.wait_until("the scenario that is looked for", PATIENCE, |page| {
            page.number("return [...document.querySelectorAll('#scenarios li')].filter((e) => e.checkVisibility()).length") == 1.0
        });
        page.key(Key::Down);
        page.key(Key::Enter);
        page.wait_until("the other scenario", PATIENCE, |page| {
            is_chosen(page, "dendritic/mlp") && measured(page) > 0
        });
    });
}
