//! The same page in Firefox: measured, read, turned, remembered.

use thirtyfour::Key;

use crate::reading::*;
use crate::support::{Browser, Setting, with};

#[test]
fn firefox_measures_shows_and_remembers() {
    if !Browser::Firefox.is_here() {
        println!("NOT RUN: this machine has no Firefox with geckodriver; ./setup.sh installs them");
        return;
    }
    let setting = Setting {
        name: "firefox",
        query: "?scenario=early-exit/mnist&quick",
        in_firefox: true,
        ..Setting::default()
    };
    with(setting, |page, _| {
        let faults = "window.faults = []; addEventListener('error', ({ message }) => faults.push(message)); addEventListener('unhandledrejection', ({ reason }) => faults.push(String(reason)));";
        page.script(faults);
        wait_for_sweep(page);
        let headline = page.text("#summary");
        assert!(headline.contains("faster") || headline.contains("first exit"), "{headline}");
        println!("Firefox: {headline}");
        assert!(measured(page) > 10);
        assert_eq!(page.text("#error"), "");
        let tiles = "return document.querySelectorAll('#lanes [data-tile]').length";
        assert_eq!(page.number(tiles), 100.0);
        // The slider, by keys: the shares in the lanes follow.
        let lanes = || page.text("#lanes");
        page.press("#knob", Key::Home);
        let light = lanes();
        page.press("#knob", Key::End);
        page.wait_until("other lanes", PATIENCE, |_| lanes() != light);
        for tab in ["inside", "numbers", "yours", "method", "explore"] {
            page.click(&format!("#tab-{tab}"));
            assert!(page.is_visible(&format!("#panel-{tab}")), "{tab}");
            let beyond = "return document.documentElement.scrollWidth - innerWidth";
            assert!(page.number(beyond) <= 0.0, "{tab}: it scrolls sideways");
        }
        let faults = page.script("return faults");
        assert_eq!(faults.as_array().map(Vec::len), Some(0), "{faults}");
        // What was measured is there after a reload, before anything is measured.
        page.reload();
        page.wait_until("the kept report", PATIENCE, |page| page.text("#summary") == headline);
    });
}
