//! Answers recorded before: whether they come out here as well.

use perforate_base::Result;

use crate::clock::Clock;
use crate::recorded::{AnswersCheck, CHECKED};
use crate::slice::TimeSlice;
use crate::sweep::findings::Findings;
use crate::sweep::outcome::Outcome;
use crate::sweep::setup::Setup;

/// Runs some rows again, all over the test samples. Where they do not come out as recorded, what was found is forgotten:
/// the sweep begins anew, without them.
#[derive(Debug, Default)]
pub struct CheckAnswers {
    so_far: AnswersCheck,
}

impl CheckAnswers {
    pub fn step(
        &mut self,
        clock: &impl Clock,
        setup: &Setup,
        found: &mut Findings,
    ) -> Result<Outcome> {
        let slice = TimeSlice::begin(clock, setup.options.slice);
        let n = setup.subject.test.0.len();
        let wanted = CHECKED.min(n);
        while self.so_far.checked < wanted {
            let row = self.so_far.checked * n / wanted;
            self.so_far.checked += 1;
            self.so_far.alike += usize::from(is_alike(setup, found, row)?);
            if slice.is_over(clock) {
                return Ok(Outcome::more(false));
            }
        }
        found.answers_check = Some(self.so_far);
        if !self.so_far.holds() {
            found.begin_anew();
        }
        Ok(Outcome::finished(true))
    }

    /// The share that is done.
    pub fn share(&self, setup: &Setup) -> f64 {
        self.so_far.checked as f64 / CHECKED.min(setup.subject.test.0.len()) as f64
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
