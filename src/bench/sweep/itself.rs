//! The measurement's test of itself, alone.

use perforate_base::Result;

use crate::clock::Clock;
use crate::costs::Costs;
use crate::self_check::SelfCheck;
use crate::slice::measure_tick;
use crate::subject::{BenchTarget, Options};

use super::setup::Setup;
use super::timers;

/// Times the full model of `subject` against itself, as every sweep does beside the router.
///
/// # Errors
/// Where the model does not run.
pub fn check_itself(
    subject: BenchTarget,
    options: Options,
    clock: &impl Clock,
) -> Result<Option<SelfCheck>> {
    let costs = Costs::of(&subject.full, &subject.test.0)?;
    let setup = Setup { subject, options, tick: measure_tick(clock) };
    let mut timer = timers::itself(&setup)?;
    while !timer.is_done() {
        timer.step(clock)?;
    }
    Ok(timer.self_check(|row| setup.weight(costs.row(row))))
}
