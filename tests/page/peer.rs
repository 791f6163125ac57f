//! ONNX Runtime Web beside the full model.

use crate::reading::*;
use crate::support::with_page_alone;

fn has_peers() -> bool {
    !std::env::var("PERFORATE_PEERS").is_ok_and(|value| value == "no")
}

/// A button runs it from the page's own folder: its answers are ours, and it stands by name in the first chart. Where its files
/// are not there, the page says so and goes on.
#[test]
fn onnx_runtime_web_stands_on_the_same_chart() {
    if !has_peers() {
        eprintln!("NOT RUN: PERFORATE_PEERS=no");
        return;
    }
    with_page_alone("peer", &format!("{QUICK}&scenario=early-exit/mnist"), |page| {
        wait_for_sweep(page);
        let loaded = |page: &crate::support::Page| {
            page.number("return performance.getEntriesByType('resource').filter(({ name }) => name.includes('/ort/')).length")
        };
        assert_eq!(loaded(page), 0.0, "it was loaded before anybody asked for it");
        page.script(
            "window.own = window.fetch;
             window.fetch = (address, options) => String(address).includes('/ort/') ? Promise.reject(new Error('gone')) : own(address, options)",
        );
        page.click("#peer-run");
        page.wait_until("word that it is not there", PATIENCE, |page| {
            page.text("#peer-findings").contains("does not carry ONNX Runtime Web")
        });
        page.script("window.fetch = window.own");
        page.click("#peer-run");
        page.wait_until("what was found", PATIENCE, |page| {
            page.text("#peer-findings").contains("ONNX Runtime Web with one thread takes")
        });
        page.wait_until("the end", PATIENCE, |page| {
            page.text("#peer-run") == "Run ONNX Runtime Web here"
        });
        let found = page.text("#peer-findings");
        println!("{found}");
        assert!(found.contains("All 16 answers are the same."), "{found}");
        assert!(found.contains("the routed one at this setting at"), "{found}");
        page.script("document.querySelector('#hero .behind').open = true");
        page.wait_until("its mark", PATIENCE, |page| {
            content(page, "#hero .behind tbody").contains("ONNX Runtime Web")
        });
        assert!(!page.is_visible("#error"), "{}", page.text("#error"));
        table_is_sane(page);
    });
}
