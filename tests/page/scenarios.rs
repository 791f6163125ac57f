//! Every scenario gives a curve in the page: a test each, two of them at a time.

use perforate_lab::SCENARIOS;

use crate::reading::*;
use crate::support::{Page, with_page};

macro_rules! scenarios {
    ($($test:ident $name:literal $check:ident;)*) => {
        const NAMES: &[&str] = &[$($name),*];
        $(#[test]
        fn $test() {
            let query = format!("{QUICK}&scenario={}", $name);
            with_page(stringify!($test), &query, |page| $check(page, $name));
        })*
    };
}

// A transformer takes its time in a browser: of these the first rounds will do.
scenarios! {
    dendritic_mlp "dendritic/mlp" to_the_end;
    dendritic_fashion "dendritic/fashion" to_the_end;
    early_exit_mnist "early-exit/mnist" to_the_end;
    early_exit_fashion "early-exit/fashion" to_the_end;
    experts_fashion "experts/fashion" to_the_end;
    pool_fashion "pool/fashion" to_the_end;
    pool_pages "pool/pages" until_cancelled;
    refine_fashion "refine/fashion" to_the_end;
    selection_energy_fashion "selection-energy/fashion" to_the_end;
    selection_fuzzy_fashion "selection-fuzzy/fashion" to_the_end;
    selection_learned_fashion "selection-learned/fashion" to_the_end;
    early_exit_sentences "early-exit/sentences" until_cancelled;
    cascade_sentences "cascade/sentences" until_cancelled;
    cascade_int8_sentences "cascade-int8/sentences" until_cancelled;
    dsn_sentences "dsn/sentences" until_cancelled;
    precision_sentences "precision/sentences" until_cancelled;
    precision_greedy_sentences "precision-greedy/sentences" until_cancelled;
    perforated_sentences "perforated/sentences" until_cancelled;
    perforated_exits_sentences "perforated-exits/sentences" until_cancelled;
}

#[test]
fn no_scenario_is_left_out() {
    let mut registry: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    let mut tested = NAMES.to_vec();
    registry.sort_unstable();
    tested.sort_unstable();
    assert_eq!(tested, registry);
}

/// A page opens one scenario after another, by their buttons, which are all there.
#[test]
fn one_scenario_follows_another() {
    with_page("scenarios", QUICK, |page| {
        wait_for_sweep(page);
        let buttons = page.script(
            "return [...document.querySelectorAll('#scenarios [data-scenario]')].map(b => b.dataset.scenario)",
        );
        let buttons: Vec<String> = serde_json::from_value(buttons).expect("names");
        for name in NAMES {
            assert!(buttons.iter().any(|button| button == name), "no {name} among {buttons:?}");
        }
        for scenario in ["early-exit/mnist", "experts/fashion", "dendritic/mlp"] {
            open(page, scenario);
            table_is_sane(page);
            figures_stand_in_the_selected_row(page);
        }
    });
}

/// Its first curve comes on a phone, the rest on a desk.
fn to_the_end(page: &Page, scenario: &str) {
    page.emulate(390, 844, false);
    wait_for_curve_of(page, scenario, 1);
    fits(page);
    page.emulate(1280, 800, false);
    wait_for_sweep(page);
    fits(page);
    is_shown(page);
    canvases_are_drawn(page);
}

fn until_cancelled(page: &Page, scenario: &str) {
    page.emulate(1280, 800, false);
    wait_for_curve_of(page, scenario, 3);
    fits(page);
    page.emulate(390, 844, false);
    fits(page);
    page.click("#cancel");
    wait_for(page, "the sweep to stop", |page| state(page) == "idle");
    is_shown(page);
}

fn wait_for_curve_of(page: &Page, scenario: &str, patience: u32) {
    page.wait_until(&format!("a curve of {scenario}"), patience * PATIENCE, |page| {
        is_chosen(page, scenario) && measured(page) > 0
    });
}

fn is_shown(page: &Page) {
    table_is_sane(page);
    figures_stand_in_the_selected_row(page);
}

fn fits(page: &Page) {
    page.wait_until("nothing to scroll sideways", PATIENCE, |page| {
        page.number("return document.documentElement.scrollWidth - innerWidth") <= 0.0
    });
}
