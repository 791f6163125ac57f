//! What every path answers on each split, recorded row by row.

use std::sync::Arc;

use perforate_base::{Error, ErrorKind, Result};
use perforate_data::Samples;
use perforate_engine::{Path, Session};

use crate::clock::Clock;
use crate::record::Recording;
use crate::recorded::{RecordedAnswers, RecordedSplit, is_alike, is_work_alike};
use crate::reference_answers::ReferenceAnswers;
use crate::setting::Setting;
use crate::slice::TimeSlice;
use crate::subject::BenchTarget;

use super::setup::Setup;

/// Rows that every path is recorded for before the first round, for each timed one.
const FIRST_ROWS: usize = 2;
/// The same where all rows take the same path, so that none has to stand for others.
pub(super) const FIRST_WHERE_ALL_ARE_ALIKE: usize = 16;

/// Recordings of all splits, which hold the same paths.
#[derive(Debug)]
pub(super) struct Answers {
    session: Session,
    pub test: Recording,
    pub calibration: Recording,
    /// Of the samples on which temperatures are fitted, if there are any and answers decide.
    pub scaling: Option<Recording>,
    /// The path that every row takes at the light end of the knob.
    pub light: Path,
    /// The path that every row takes at the full end of the knob.
    pub full: Path,
    /// What was recorded before this measurement, if it holds as far as is known.
    recorded: Option<Arc<RecordedAnswers>>,
}

impl Answers {
    /// Nothing recorded yet; fails if the ends of the knob's range lead to the same path.
    pub fn new(subject: &BenchTarget) -> Result<Answers> {
        let mut session = Session::new(subject.routed.clone());
        let calibration = Recording::new(subject.routed.clone())?;
        let test = calibration.clone();
        // How sure an answer is decides nothing where a knob alone does.
        let scaled = subject.scaling.as_ref().filter(|_| !calibration.follows_settings());
        let scaling = scaled.map(|_| calibration.clone());
        let row = subject.test.0.row(0)?;
        let mut path_at = |value: f32| -> Result<Path> {
            let knobs = Setting(value).knobs(&subject.knob);
            let path = session.run(&row, &knobs)?.trace.rows[0].path;
            Ok(test.paths[test.index_of(path)].path)
        };
        let (light, full) = (path_at(subject.range.light)?, path_at(subject.range.full)?);
        if light == full {
            let text = format!(
                "the knob `{}` does not change the path, so there is nothing to sweep",
                subject.knob
            );
            return Err(Error::new(ErrorKind::Model, text));
        }
        let recorded = subject.recorded.clone();
        let mut answers = Answers { session, test, calibration, scaling, light, full, recorded };
        // Where a knob alone leads to paths, only some are recorded: those of the settings, which are not known yet.
        if !answers.test.follows_settings() {
            answers.restore(subject);
        }
        Ok(answers)
    }

    /// Takes what was recorded before, if that is at hand.
    fn restore(&mut self, subject: &BenchTarget) {
        let Some(recorded) = &self.recorded else { return };
        let restore = |split: &RecordedSplit, recording: &mut Recording, samples: &Samples| {
            split.restore(recording, samples.len());
        };
        restore(&recorded.test, &mut self.test, &subject.test.0);
        restore(&recorded.calibration, &mut self.calibration, &subject.calibration.0);
        let scaling = self.scaling.as_mut().zip(subject.scaling.as_ref());
        if let (Some((recording, samples)), Some(split)) = (scaling, &recorded.scaling) {
            restore(split, recording, &samples.0);
        }
    }

    /// Runs a test sample again on every path; whether all come out as recorded.
    pub fn is_row_alike(&mut self, subject: &BenchTarget, row: usize) -> Result<bool> {
        let batch = subject.test.0.row(row)?;
        let knobs = subject.routed.neutral_knobs();
        let paths: Vec<Path> = self.test.paths.iter().map(|record| record.path).collect();
        let outcomes = self.session.run_each(&batch, &knobs, &paths)?;
        for (record, outcome) in self.test.paths.iter().zip(outcomes) {
            let output: Vec<f32> = outcome.first()?.into_iter().collect();
            let scores: Vec<f32> = outcome.trace.scores.iter().map(|gate| gate[0]).collect();
            let same_work = is_work_alike(record.work[row], outcome.trace.total());
            if !same_work
                || !is_alike((&record.outputs[row], &record.scores[row]), (&output, &scores))
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether they were recorded before, and not here.
    pub fn are_from_before(&self) -> bool {
        self.recorded.is_some()
    }

    /// Forgets all that is recorded, here and before.
    pub fn forget(&mut self) {
        self.recorded = None;
        let recordings = [&mut self.test, &mut self.calibration].into_iter();
        recordings.chain(self.scaling.as_mut()).for_each(Recording::forget);
    }

    /// Records rows of one path, test and calibration in turn, for one slice of time.
    pub fn record(&mut self, clock: &impl Clock, setup: &Setup, path: Path) -> Result<()> {
        let Setup { subject, options, .. } = setup;
        let slice = TimeSlice::begin(clock, options.slice);
        let ix = self.test.index_of(path);
        loop {
            let before = self.recorded(ix);
            self.test.extend(&mut self.session, &subject.test.0, ix, 1)?;
            self.calibration.extend(&mut self.session, &subject.calibration.0, ix, 1)?;
            if let Some((recording, samples)) = self.scaling.as_mut().zip(subject.scaling.as_ref())
            {
                recording.extend(&mut self.session, &samples.0, ix, 1)?;
            }
            if self.recorded(ix) == before || slice.is_over(clock) {
                return Ok(());
            }
        }
    }

    /// Records, for a slice of time, the next samples on the paths that lack them.
    pub fn record_pending(&mut self, clock: &impl Clock, setup: &Setup) -> Result<()> {
        let Setup { subject, options, .. } = setup;
        let slice = TimeSlice::begin(clock, options.slice);
        loop {
            let before = self.least_recorded();
            self.test.extend_all(&mut self.session, &subject.test.0)?;
            self.calibration.extend_all(&mut self.session, &subject.calibration.0)?;
            if let Some((recording, samples)) = self.scaling.as_mut().zip(subject.scaling.as_ref())
            {
                recording.extend_all(&mut self.session, &samples.0)?;
            }
            if self.least_recorded() == before || slice.is_over(clock) {
                return Ok(());
            }
        }
    }

    /// Whether a path is recorded for every test and calibration sample.
    pub fn is_complete(&self, subject: &BenchTarget, path: Path) -> bool {
        self.recorded(self.test.index_of(path)) == all_rows(subject)
    }

    /// Whether every path is.
    pub fn are_complete(&self, subject: &BenchTarget) -> bool {
        self.least_recorded() >= all_rows(subject)
    }

    fn recorded(&self, ix: usize) -> usize {
        self.test.paths[ix].outputs.len() + self.calibration.paths[ix].outputs.len()
    }

    fn least_recorded(&self) -> usize {
        (0..self.test.paths.len()).map(|ix| self.recorded(ix)).min().unwrap_or(0)
    }

    /// Where a knob alone leads to paths: forgets those that none of these settings leads to.
    pub fn keep(&mut self, grid: &[Setting], subject: &BenchTarget) {
        let values: Vec<f32> = grid.iter().map(|setting| setting.0).collect();
        self.test.keep(&values);
        self.calibration.keep(&values);
        self.restore(subject);
    }

    /// How many of `samples` are recorded before settings and timed rows are chosen.
    pub fn first_rows(&self, setup: &Setup, samples: &Samples) -> usize {
        if self.test.follows_settings() {
            return FIRST_WHERE_ALL_ARE_ALIKE.min(samples.len());
        }
        (FIRST_ROWS * setup.options.timed_rows).min(samples.len())
    }

    /// What the test samples are judged by.
    pub fn test_truth<'a>(&'a self, subject: &'a BenchTarget) -> ReferenceAnswers<'a> {
        self.truth(&self.test, &subject.test.0, subject)
    }

    /// What the calibration samples are judged by.
    pub fn calibration_truth<'a>(&'a self, subject: &'a BenchTarget) -> ReferenceAnswers<'a> {
        self.truth(&self.calibration, &subject.calibration.0, subject)
    }

    fn truth<'a>(
        &self,
        recording: &'a Recording,
        samples: &'a Samples,
        subject: &BenchTarget,
    ) -> ReferenceAnswers<'a> {
        ReferenceAnswers {
            full: &recording.paths[recording.index_of(self.full)].outputs,
            labels: samples.labels(),
            tolerance: subject.tolerance,
        }
    }
}

fn all_rows(subject: &BenchTarget) -> usize {
    subject.test.0.len() + subject.calibration.0.len()
}
