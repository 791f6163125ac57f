//! Live controls and studies that a visitor asks for.

use crate::reading::*;
use crate::support::{Page, with_page};

/// Sentences pass a network stage by stage, each in the precision that the budget of that moment affords.
#[test]
fn a_budget_is_spent_live() {
    with_page("budget", &format!("{QUICK}&scenario=precision/sentences"), |page| {
        page.wait_until("the first curve", 3 * PATIENCE, |page| {
            measured(page) > 0 && page.is_visible("#section-precision [data-live]")
        });
        let turn = |budget: &str| {
            page.script(&format!(
                "document.querySelector('#section-precision input[type=range]').value = {budget}"
            ));
        };
        let variants = |page: &Page| -> Vec<String> {
            let cells = page.script(
                "return [...document.querySelectorAll('#section-precision .live-rows [data-variant]')].map(c => c.dataset.variant)",
            );
            serde_json::from_value(cells).expect("variants")
        };
        // The rows are painted anew at every stage: they are read in one go.
        let answered = |page: &Page| {
            page.script(
                "return document.querySelector('#section-precision .live-rows .answer')?.textContent ?? '…'",
            ) != "…"
        };
        turn("1");
        page.click("#section-precision [data-live]");
        // What is measured makes room, and can be gone on with.
        wait_for(page, "the sweep to stop", |page| state(page) == "idle");
        page.wait_until("a sentence in f32", PATIENCE, |page| {
            variants(page).starts_with(&["f32"; 6].map(String::from)) && answered(page)
        });
        // Turned while a sentence is on its way: the stages still to come follow.
        page.wait_until("the next sentence", PATIENCE, |page| !answered(page));
        turn("0");
        page.wait_until("stages that follow the budget", PATIENCE, |page| {
            let last = variants(page);
            last[0] == "f32" && last[5] == "int4"
        });
        page.wait_until("a sentence in four bits", PATIENCE, |page| {
            variants(page).starts_with(&["int4"; 6].map(String::from)) && answered(page)
        });
        assert!(page.text("#section-precision .live-told").contains("estimated from operations"));
        assert!(
            page.text("#section-precision .live-rows").contains("right")
                || page.text("#section-precision .live-rows").contains("wrong")
        );
        page.click("#section-precision [data-live]");
        assert_eq!(page.text("#section-precision [data-live]"), "Run sentences");
        assert!(!page.is_visible("#error"));
        // Energy by time knows no precision, and stands nowhere here.
        assert!(!content(page, "#about").contains("by time"), "{}", content(page, "#about"));
    });
}

/// Perforated attention is measured on long texts when that is asked for, and the sweep waits meanwhile.
#[test]
fn long_texts_are_measured_on_demand() {
    with_page("lengths", &format!("{QUICK}&scenario=perforated/sentences"), |page| {
        page.wait_until("the first curve", 3 * PATIENCE, |page| measured(page) > 0);
        assert!(page.is_visible("#section-long-texts [data-study]"));
        page.click("#cancel");
        wait_for(page, "the sweep to stop", |page| state(page) == "idle");
        let before = measured(page);
        page.click("#section-long-texts [data-study]");
        wait_for(page, "the measurement", |page| state(page) == "measuring");
        page.wait_until("the measurement's end", 5 * PATIENCE, |page| state(page) == "idle");
        assert!(!page.is_visible("#error"), "{}", page.text("#error"));
        // Attention and the transformer at two lengths, one of them with several texts as well.
        let table = page.text("#section-long-texts table");
        for word in ["attention", "transformer", "128", "256", "MB"] {
            assert!(table.contains(word), "{word}: {table}");
        }
        let findings = page.text("#section-long-texts .findings");
        for word in
            ["At 256 tokens", "of the operations", "34 % faster", "Blocks chosen as learned"]
        {
            assert!(findings.contains(word), "{word}: {findings}");
        }
        for chart in ["lengths", "memory", "ablations"] {
            let canvas = format!("#chart-{chart}");
            assert!(page.is_visible(&canvas), "{chart}");
        }
        // The sweep stays where it was stopped, and goes on when asked.
        assert_eq!(measured(page), before);
        assert_eq!(page.text("#run"), "Measure again");
        choose(page, "dendritic/mlp");
        wait_for(page, "another scenario", |page| {
            !page.is_visible("#section-long-texts [data-study]")
        });
    });
}
