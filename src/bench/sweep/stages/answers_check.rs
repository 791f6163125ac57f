//! Answers recorded before: whether they come out here as well.

use perforate_base::Result;
use perforate_base::units::Seconds;

use crate::clock::Clock;
use crate::recorded::CHECKED;
use crate::slice::TimeSlice;
use crate::sweep::findings::Findings;
use crate::sweep::outcome::Outcome;
use crate::sweep::setup::Setup;

/// Rows that run again before the verdict, at least, and seconds in which there may be more; the rest comes after it.
const BEFORE: (usize, Seconds) = (50, Seconds(1.5));
/// Rows are taken from all over the samples: this step has no divisor with their number in common.
const STEP: usize = 73;

/// Runs some rows again, spread over the test samples. If they do not come out as recorded, the sweep starts over without
/// the recorded answers.
#[derive(Debug, Default)]
pub struct CheckAnswers {
    /// Whether the verdict waits for it.
    pub is_before_the_verdict: bool,
    began: Option<Seconds>,
}

impl CheckAnswers {
    /// What comes before the verdict.
    pub fn before_the_verdict() -> CheckAnswers {
        CheckAnswers { is_before_the_verdict: true, began: None }
    }

    pub fn step(
        &mut self,
        clock: &impl Clock,
        setup: &Setup,
        found: &mut Findings,
    ) -> Result<Outcome> {
        let slice = TimeSlice::begin(clock, setup.options.slice);
        let began = *self.began.get_or_insert_with(|| clock.now());
        let n = setup.subject.test.0.len();
        let wanted = CHECKED.min(n);
        let mut check = found.answers_check.unwrap_or_default();
        let mut finished = check.checked == wanted;
        while !finished {
            let row = check.checked * STEP % wanted * n / wanted;
            check.checked += 1;
            check.alike += usize::from(is_alike(setup, found, row)?);
            let (least, most) = BEFORE;
            let enough = check.checked >= least && (clock.now() - began).0 >= most.0;
            finished = check.checked == wanted || (self.is_before_the_verdict && enough);
            if slice.is_over(clock) {
                break;
            }
        }
        found.answers_check = Some(check);
        if finished && !check.holds() {
            found.begin_anew();
        }
        Ok(Outcome { finished, changed: finished })
    }
}

/// Whether a test sample comes out as recorded, on every path and of every reference.
fn is_alike(setup: &Setup, found: &mut Findings, row: usize) -> Result<bool> {
    let mut alike = found.answers.is_row_alike(&setup.subject, row)?;
    for reference in &mut found.references {
        alike &= reference.is_row_alike(&setup.subject.test.0, row)?;
    }
    Ok(alike)
}
