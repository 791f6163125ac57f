//! One point of the results: a setting of the routed model, or another model by itself.

use perforate_engine::{Path, Work};

use crate::costs::Costs;
use crate::point::{Point, Timing};
use crate::quality::{self, Answer, Quality};
use crate::setting::Setting;
use crate::subject::{Active, CostBasis};

use super::findings::Findings;
use super::setup::Setup;

/// One row at a time, and in batches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub batch1: Option<Timing>,
    pub batch_n: Option<Timing>,
}

/// The routed model at a setting.
pub(super) fn routed(setup: &Setup, found: &Findings, setting: Setting, times: Times) -> Point {
    let (recording, knobs) = (&found.answers.test, setting.knobs(&setup.subject.knob));
    let truth = found.answers.test_truth(&setup.subject);
    let quality = quality::routed(recording, &knobs, truth, recording.len());
    point(setup, found, Some(setting), quality, times)
}

/// A model by itself: the answers of a path, the cost of the model without gates.
pub(super) fn alone(
    setup: &Setup,
    found: &Findings,
    path: Path,
    costs: &Costs,
    times: Times,
) -> Point {
    let recording = &found.answers.test;
    let path = recording.index_of(path);
    let answers = (0..recording.len()).map(|row| Answer {
        output: &recording.paths[path].outputs[row],
        work: costs.row(row),
        path: Some(path),
    });
    let truth = found.answers.test_truth(&setup.subject);
    let quality = quality::summarise(answers, truth, recording.paths.len());
    point(setup, found, None, quality, times)
}

/// A reference, if it is judged on all recorded test samples.
pub(super) fn reference(setup: &Setup, found: &Findings, ix: usize, times: Times) -> Option<Point> {
    let (alone, n) = (&found.references[ix], found.answers.test.len());
    let outputs = alone.outputs.get(..n)?;
    let answers = outputs.iter().enumerate().map(|(row, output)| Answer {
        output,
        work: alone.costs.row(row),
        path: None,
    });
    let truth = found.answers.test_truth(&setup.subject);
    let quality = quality::summarise(answers, truth, 0);
    let active = share(setup, found, alone.costs.mean(n));
    let cost = cost(setup, found, &quality, times.batch1);
    let Times { batch1, batch_n } = times;
    Some(Point { knob: None, active, cost, quality, batch1, batch_n })
}

fn point(
    setup: &Setup,
    found: &Findings,
    setting: Option<Setting>,
    quality: Quality,
    Times { batch1, batch_n }: Times,
) -> Point {
    let active = match setup.subject.active {
        Active::Operations | Active::Energy => share(setup, found, quality.work),
        Active::FullPath => quality.paths[found.answers.test.index_of(found.answers.full)],
    };
    let cost = cost(setup, found, &quality, batch1);
    Point { knob: setting.map(|setting| setting.0), active, cost, quality, batch1, batch_n }
}

/// Cost of a setting as a share of the full model's, by what was chosen to count.
fn cost(setup: &Setup, found: &Findings, quality: &Quality, batch1: Option<Timing>) -> f64 {
    match (setup.options.cost, batch1) {
        (CostBasis::Time, Some(timing)) => 1.0 / timing.speedup.median,
        _ => share(setup, found, quality.work),
    }
}

/// Work as a share of the full model's for the samples recorded.
fn share(setup: &Setup, found: &Findings, work: Work) -> f64 {
    setup.weight(work) / setup.weight(found.full_costs.mean(found.answers.test.len()))
}
