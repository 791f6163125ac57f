//! Which settings of the knob are measured.

use crate::dense::{knob_values, knob_values_by_cost};
use crate::setting::Setting;
use crate::subject::BenchTarget;

use super::answers::Answers;
use super::setup::Setup;

/// Settings of the knob that are measured, ends included, unless asked otherwise.
pub const USUAL_SETTINGS: usize = ACTIVE_SHARES.len();
/// Shares of rows that should take the full path at so many knob values, cheapest first.
/// They are denser where routers are used, and whole 64ths, which the rows that are timed can show.
const ACTIVE_SHARES: [f64; 13] = [
    0.0,
    1.0 / 64.0,
    3.0 / 64.0,
    5.0 / 64.0,
    8.0 / 64.0,
    10.0 / 64.0,
    13.0 / 64.0,
    16.0 / 64.0,
    20.0 / 64.0,
    26.0 / 64.0,
    32.0 / 64.0,
    45.0 / 64.0,
    1.0,
];
/// Settings that are tested for the guarantee.
const TESTED: usize = 128;
/// Rows from which it is known what each path costs where a knob alone decides.
pub(super) const FEW_ROWS: usize = 4;

/// Settings at which about [`active_shares`] of the calibration samples pass the gate, or of the
/// operations are spent where there are several; cheapest first.
pub(super) fn choose(setup: &Setup, answers: &Answers) -> Vec<Setting> {
    // Not all that happen to be recorded: the same experiment must choose the same settings.
    let first = answers.first_rows(setup, &setup.subject.calibration.0);
    let alike = answers.test.follows_settings();
    let n = if alike { FEW_ROWS.min(first) } else { first };
    spread(setup, answers, n, active_shares(setup.options.settings))
}

/// Settings at which about these shares of the first `n` calibration samples pass the one gate, or of their operations
/// are spent.
fn spread(
    setup: &Setup,
    answers: &Answers,
    n: usize,
    inner: impl Iterator<Item = f64>,
) -> Vec<Setting> {
    let BenchTarget { knob, range, routed, .. } = &setup.subject;
    let values = if routed.gates().len() > 1 {
        let weight = |work| setup.weight(work);
        knob_values_by_cost(&answers.calibration, n, (knob, *range), inner, weight)
    } else {
        let recording = &answers.calibration;
        let light = &recording.paths[recording.index_of(answers.light)];
        knob_values(light.scores.iter().map(|gates| gates[0]), *range, inner)
    };
    values.into_iter().map(Setting).collect()
}

/// Settings that are tested for the guarantee, ends included: many more than are timed. They are chosen by scores and
/// operations alone, so that testing one after the other keeps its level.
pub(super) fn tested(setup: &Setup, answers: &Answers) -> Vec<Setting> {
    let shares = (1..TESTED).map(|step| (step as f64 / TESTED as f64).powf(1.5));
    spread(setup, answers, answers.calibration.len(), shares)
}

/// Shares of rows that take the full path at `settings` knob values without the ends, as dense as [`ACTIVE_SHARES`] are.
fn active_shares(settings: usize) -> impl Iterator<Item = f64> {
    let steps = settings.saturating_sub(1).max(1);
    (1..steps).map(move |step| {
        let at = (step * (ACTIVE_SHARES.len() - 1)) as f64 / steps as f64;
        let below = at as usize;
        ACTIVE_SHARES[below] + (ACTIVE_SHARES[below + 1] - ACTIVE_SHARES[below]) * at.fract()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_as_dense_as_usual_however_many() {
        let shares = |settings| active_shares(settings).collect::<Vec<_>>();
        assert_eq!(shares(USUAL_SETTINGS), ACTIVE_SHARES[1..12]);
        let [finer, usual] = [shares(25), shares(13)];
        assert_eq!(finer.len(), 23);
        assert!(finer.iter().skip(1).step_by(2).eq(&usual), "every other one is a usual one");
        assert!(finer.is_sorted() && finer[0] > 0.0 && finer[22] < 1.0);
        assert!(shares(2).is_empty() && shares(3).len() == 1);
    }
}
