//! Every scenario of the registry against every law, a test each: `cargo test --test native early_exit_mnist`.

use std::sync::{Arc, Mutex, PoisonError};

use perforate_lab::SCENARIOS;

use crate::curves;
use crate::laws::{self, Case};

/// What the tests of a scenario share: opened by the first one, dropped by the last one.
struct Shared {
    name: &'static str,
    slot: Mutex<Slot>,
}

struct Slot {
    case: Option<Arc<Case>>,
    /// Tests that have not ended.
    left: usize,
}

impl Shared {
    const fn new(name: &'static str, tests: usize) -> Self {
        Shared { name, slot: Mutex::new(Slot { case: None, left: tests }) }
    }

    /// Runs a test. One that waits for the other to open the scenario would have to do so itself otherwise.
    fn hold(&self, test: fn(&Case)) {
        let _user = User(self);
        let case = self.slot().case.get_or_insert_with(|| Arc::new(Case::open(self.name))).clone();
        test(&case);
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A test that runs.
struct User<'a>(&'a Shared);

impl Drop for User<'_> {
    fn drop(&mut self) {
        let mut slot = self.0.slot();
        slot.left = slot.left.saturating_sub(1);
        if slot.left == 0 {
            slot.case = None;
        }
    }
}

/// A module a scenario: a test for each law, and others that are named with it.
macro_rules! scenarios {
    ($($module:ident $name:literal $(+ $test:ident: $function:path)?;)*) => {
        const NAMES: &[&str] = &[$($name),*];
        $(mod $module {
            use super::*;

            const TESTS: usize = 9 $(+ { let _: fn(&Case) = $function; 1 })?;
            static SHARED: Shared = Shared::new($name, TESTS);

            #[test]
            fn ends_are_the_models() {
                SHARED.hold(laws::ends_are_the_models);
            }

            #[test]
            fn runs_are_deterministic() {
                SHARED.hold(laws::runs_are_deterministic);
            }

            #[test]
            fn paths_cost_something() {
                SHARED.hold(laws::paths_cost_something);
            }

            #[test]
            fn a_split_keeps_every_answer() {
                SHARED.hold(laws::a_split_keeps_every_answer);
            }

            #[test]
            fn trace_adds_up() {
                SHARED.hold(laws::trace_adds_up);
            }

            #[test]
            fn energy_is_monotone() {
                SHARED.hold(laws::energy_is_monotone);
            }

            #[test]
            fn oracle_bounds_accuracy() {
                SHARED.hold(laws::oracle_bounds_accuracy);
            }

            #[test]
            fn batches_answer_like_rows() {
                SHARED.hold(laws::batches_answer_like_rows);
            }

            #[test]
            fn metadata_is_complete() {
                SHARED.hold(laws::metadata_is_complete);
            }

            $(#[test]
            fn $test() {
                SHARED.hold($function);
            })?
        })*
    };
}

scenarios! {
    dendritic_mlp "dendritic/mlp" + curve: curves::obeys_its_laws;
    dendritic_fashion "dendritic/fashion" + curve: curves::obeys_its_laws;
    early_exit_mnist "early-exit/mnist" + curve: curves::obeys_its_laws;
    early_exit_fashion "early-exit/fashion" + curve: curves::obeys_its_laws;
    experts_fashion "experts/fashion" + curve: curves::obeys_its_laws;
    pool_fashion "pool/fashion" + curve: curves::obeys_its_laws;
    pool_pages "pool/pages" + curve: curves::obeys_its_laws;
    refine_fashion "refine/fashion" + curve: curves::obeys_its_laws;
    selection_energy_fashion "selection-energy/fashion" + curve: curves::obeys_its_laws;
    selection_fuzzy_fashion "selection-fuzzy/fashion" + curve: curves::obeys_its_laws;
    selection_learned_fashion "selection-learned/fashion" + curve: curves::obeys_its_laws;
    early_exit_sentences "early-exit/sentences" + curve: curves::obeys_its_laws;
    cascade_sentences "cascade/sentences" + curve: curves::obeys_its_laws;
    cascade_int8_sentences "cascade-int8/sentences" + curve: curves::obeys_its_laws;
    dsn_sentences "dsn/sentences" + curve: curves::obeys_its_laws;
    precision_sentences "precision/sentences" + curve: curves::obeys_its_laws;
    // It differs from the one above in its controller's thresholds alone: that one's curve will do.
    precision_greedy_sentences "precision-greedy/sentences";
    perforated_sentences "perforated/sentences" + curve: curves::obeys_its_laws;
    perforated_exits_sentences "perforated-exits/sentences" + curve: curves::obeys_its_laws;
}

#[test]
fn no_scenario_is_left_out() {
    let mut registry: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
    let mut tested = NAMES.to_vec();
    registry.sort_unstable();
    tested.sort_unstable();
    assert_eq!(tested, registry);
}
