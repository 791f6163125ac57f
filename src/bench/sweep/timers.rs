//! Which contenders stand against each other, on which rows.

use perforate_base::Result;
use perforate_base::units::Seconds;
use perforate_engine::Batch;

use crate::rows::{balanced_rows, stratified_rows};
use crate::segments::SegmentRuns;
use crate::sequential::REPORTED;
use crate::setting::Setting;

use super::answers::FIRST_WHERE_ALL_ARE_ALIKE;
use super::findings::Findings;
use super::model::Contender;
use super::setup::Setup;
use super::timer::{SegmentTimer, Timer};

/// Rows of a pass, and rounds for each round of the curve, when the router is timed by itself.
const OVERHEAD_ROWS: usize = 20;
const OVERHEAD_ROUNDS: usize = 3;

/// Of a slow model so many rows of a pass are enough, and so much of its time.
const FEWEST_ROWS: usize = 4;
const PASS: Seconds = Seconds(60e-3);

/// The first `most` test samples, one by one.
fn first_rows(setup: &Setup, most: usize) -> Result<Vec<Batch>> {
    let samples = &setup.subject.test.0;
    let rows = most.min(setup.options.timed_rows).min(samples.len());
    (0..rows).map(|row| samples.row(row)).collect()
}

/// The timer for the segments of the routed model.
pub(super) fn segments(setup: &Setup, found: &Findings) -> Result<SegmentTimer> {
    let paths: Vec<_> = found.answers.test.paths.iter().map(|record| record.path).collect();
    let subject = &setup.subject;
    let runs = SegmentRuns::new(
        &subject.routed,
        &subject.full,
        &paths,
        first_rows(setup, rows_by_themselves(setup, found))?,
    )?;
    Ok(SegmentTimer::new(setup, runs))
}

/// The timer for (routed, all computation active) against (full model), by themselves: a
/// difference of a few percent needs more rounds, and nearer to each other, than the curve has. The full model is held
/// against itself there, too.
pub(super) fn router(setup: &Setup, found: &Findings) -> Result<Timer> {
    let full_end = Contender::Routed(Setting(setup.subject.range.full));
    let contenders = [&ITSELF[..], &[full_end, Contender::Light]].concat();
    by_themselves(setup, &contenders, rows_by_themselves(setup, found))
}

/// Rows of a pass when models or segments are timed by themselves. Where somebody waits for the verdict, a pass is short;
/// other launches must run the same rows.
fn rows_by_themselves(setup: &Setup, found: &Findings) -> usize {
    let full = found.batch1.as_ref().and_then(|timer| timer.timing(Contender::Full));
    match full.filter(|_| setup.options.headline.is_some()) {
        Some(timing) => {
            ((PASS.0 / timing.latency.median) as usize).clamp(FEWEST_ROWS, OVERHEAD_ROWS)
        }
        None => OVERHEAD_ROWS,
    }
}

/// The timer for the full model against itself alone.
pub(super) fn itself(setup: &Setup) -> Result<Timer> {
    by_themselves(setup, &ITSELF, OVERHEAD_ROWS)
}

const ITSELF: [Contender; 3] = [Contender::Full, Contender::FullAgain, Contender::FullSlowed];

fn by_themselves(setup: &Setup, contenders: &[Contender], rows: usize) -> Result<Timer> {
    let rounds = OVERHEAD_ROUNDS * setup.options.rounds;
    Ok(Timer::new(setup, first_rows(setup, rows)?, contenders, rounds, |_| &[]))
}

/// The timer of the operating point beside the full model and the static ones, one row at a time.
pub(super) fn headline(
    setup: &Setup,
    found: &Findings,
    setting: Setting,
    most_rounds: usize,
) -> Result<Timer> {
    let statics = setup.subject.references.iter().enumerate();
    let statics = statics.filter(|(_, program)| program.gates().is_empty());
    let statics = statics.map(|(ix, _)| Contender::Reference(ix));
    let own = [Contender::Full, Contender::Routed(setting), Contender::Light];
    let contenders: Vec<Contender> = own.into_iter().chain(statics).collect();
    let timer = Timer::new(setup, batches(setup, found, 1)?, &contenders, most_rounds, |_| &[]);
    Ok(timer.with_confidence(REPORTED))
}

/// The timer of the whole curve for batches of `size`.
pub(super) fn curve(setup: &Setup, found: &Findings, size: usize) -> Result<Timer> {
    let routed = found.grid.iter().map(|&setting| Contender::Routed(setting));
    let references = (0..setup.subject.references.len()).map(Contender::Reference);
    let contenders: Vec<Contender> =
        [Contender::Full, Contender::Light].into_iter().chain(routed).chain(references).collect();
    let batches = batches(setup, found, size)?;
    let orders = |model| found.orders_of(model);
    Ok(Timer::new(setup, batches, &contenders, setup.options.rounds, orders))
}

/// The timed rows in batches of `size`: at least one, and all of that size if there are enough rows.
pub(super) fn batches(setup: &Setup, found: &Findings, size: usize) -> Result<Vec<Batch>> {
    let samples = &setup.subject.test.0;
    let mut rows = timed_rows(setup, found, setup.options.timed_rows.max(size));
    // Rows of one length stand in one batch, so that little is padding.
    rows.sort_by_key(|&row| if size > 1 { samples.length(row) } else { None });
    rows.chunks(size)
        .filter(|chunk| chunk.len() == size || rows.len() < size)
        .map(|chunk| samples.rows(chunk))
        .collect()
}

/// The `count` test samples that are timed: they stand for all that are recorded when they are chosen.
fn timed_rows(setup: &Setup, found: &Findings, count: usize) -> Vec<usize> {
    let Setup { subject, options, .. } = setup;
    let answers = &found.answers;
    if answers.test.follows_settings() {
        // Where all take the same path, fewer stand for all; a whole batch there must be.
        let enough = count.min(FIRST_WHERE_ALL_ARE_ALIKE.max(options.batch));
        return (0..enough.min(subject.test.0.len())).collect();
    }
    if subject.routed.gates().len() == 1 {
        let light = &answers.test.paths[answers.test.index_of(answers.light)];
        let scores: Vec<f32> = light.scores.iter().map(|gates| gates[0]).collect();
        return stratified_rows(&scores, count);
    }
    let settings: Vec<_> = found.grid.iter().map(|own| own.knobs(&subject.knob)).collect();
    let costs = |row: usize| {
        settings.iter().map(|knobs| setup.weight(answers.test.at(row, knobs).work)).collect()
    };
    let n = answers.first_rows(setup, &subject.test.0);
    balanced_rows(&(0..n).map(costs).collect::<Vec<_>>(), count, options.seed)
}
