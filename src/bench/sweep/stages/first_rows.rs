//! The first rows on every path, from which settings and timed rows are chosen.

use perforate_base::Result;

use crate::clock::Clock;
use crate::sweep::certificate::refine_grid;
use crate::sweep::findings::Findings;
use crate::sweep::grid::{self, FEW_ROWS};
use crate::sweep::outcome::Outcome;
use crate::sweep::setup::Setup;

/// Records the first rows on every path, and chooses the settings.
#[derive(Debug, Default)]
pub struct RecordFirstRows;

impl RecordFirstRows {
    pub fn step(
        &mut self,
        clock: &impl Clock,
        setup: &Setup,
        found: &mut Findings,
    ) -> Result<Outcome> {
        let answers = &mut found.answers;
        let known = answers.test.len().min(answers.calibration.len());
        if found.grid.is_empty() && answers.test.follows_settings() && known >= FEW_ROWS {
            // Where a knob alone leads to paths, only those of the settings are needed from now on.
            found.grid = grid::choose(setup, answers);
            answers.keep(&found.grid, &setup.subject);
        }
        let (test, calibration) = (&setup.subject.test.0, &setup.subject.calibration.0);
        let enough = answers.test.len() >= answers.first_rows(setup, test)
            && answers.calibration.len() >= answers.first_rows(setup, calibration);
        if !enough {
            answers.record_pending(clock, setup)?;
            return Ok(Outcome::more(false));
        }
        if found.grid.is_empty() {
            found.grid = grid::choose(setup, answers);
        }
        // Where answers were recorded before, all are there.
        if found.answers.are_from_before() {
            refine_grid(setup, found);
        }
        Ok(Outcome::finished(false))
    }
}
