//! What each segment of a routed model takes on this device, by itself: the hardware-aware cost table.
//!
//! The segments take turns as contenders of one interleaved measurement, with the full model as one more, on the
//! inputs that they get in real runs. Operations tell what a path costs anywhere; these times tell what it costs here.

use std::sync::Arc;

use perforate_base::Result;
use perforate_base::units::Seconds;
use perforate_engine::{Batch, Invocation, Knobs, Path, Program, Routing, Session};

use super::contender::ContenderId;
use super::layout::LayoutRandomizer;
use super::samples::Samples;
use super::stats::{Interval, interval, median};
use super::timing::Workload;

/// The segments of one program as a workload: a contender is a segment, a unit one row's call of it.
#[derive(Debug)]
pub struct SegmentRuns {
    session: Session,
    /// By contender: the segment's index, and its calls. The full model comes after them.
    segments: Vec<(usize, Vec<Invocation>)>,
    full: Session,
    full_knobs: Knobs,
    rows: Vec<Batch>,
    /// The segments on each of the program's paths, in order.
    routes: Vec<(Path, Vec<usize>)>,
    layout: LayoutRandomizer,
}

impl SegmentRuns {
    /// Collects the calls of every segment that depends on rows, for each of `rows` (one row each);
    /// `paths` are the program's.
    pub fn new(
        program: &Arc<Program>,
        full: &Arc<Program>,
        paths: &[Path],
        rows: Vec<Batch>,
    ) -> Result<SegmentRuns> {
        let mut session = Session::new(program.clone());
        let knobs = program.neutral_knobs();
        let mut routes = vec![];
        let mut segments: Vec<(usize, Vec<Invocation>)> = vec![];
        for &path in paths {
            let mut known: Vec<Vec<Invocation>> = vec![];
            for row in &rows {
                known.push(session.calls(row, &knobs, Routing::Forced(path))?);
            }
            let route = known
                .first()
                .map_or(vec![], |calls| calls.iter().map(|c| c.segment.index()).collect());
            for (place, &segment) in route.iter().enumerate() {
                if !segments.iter().any(|(ix, _)| *ix == segment) {
                    let calls = known.iter().filter_map(|calls| calls.get(place).cloned());
                    segments.push((segment, calls.collect()));
                }
            }
            routes.push((path, route));
        }
        segments.sort_by_key(|(ix, _)| *ix);
        let (full, full_knobs) = (Session::new(full.clone()), full.neutral_knobs());
        let layout = LayoutRandomizer::default();
        Ok(SegmentRuns { session, segments, full, full_knobs, rows, routes, layout })
    }

    /// The table, from the samples of a measurement of this workload.
    pub fn table(&self, samples: &Samples) -> SegmentTimes {
        let per_call: Vec<(usize, Vec<f64>)> = samples
            .contenders()
            .zip(&self.segments)
            .map(|(contender, (segment, calls))| {
                let seconds =
                    samples.of(contender).iter().map(|s| s / calls.len() as f64).collect();
                (*segment, seconds)
            })
            .collect();
        let full = ContenderId::new(self.segments.len());
        let full = Seconds(median(&samples.of(full)) / self.rows.len() as f64);
        let launches = samples.launches();
        SegmentTimes { per_call, full, routes: self.routes.clone(), launches }
    }
}

impl Workload for SegmentRuns {
    fn contenders(&self) -> usize {
        self.segments.len() + 1
    }

    fn units(&self, contender: ContenderId) -> usize {
        self.segments.get(contender.index()).map_or(self.rows.len(), |(_, calls)| calls.len())
    }

    fn run(&mut self, contender: ContenderId, unit: usize) -> Result<()> {
        match self.segments.get(contender.index()) {
            Some((_, calls)) => self.session.repeat(&calls[unit]),
            None => self.full.run(&self.rows[unit], &self.full_knobs).map(drop),
        }
    }

    fn next_round(&mut self, round: usize) {
        self.layout.shift(round);
        self.session.renew();
        self.full.renew();
    }
}

/// Seconds of each segment, and of the paths that they make up.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SegmentTimes {
    /// Segment, and its seconds for a row by round.
    per_call: Vec<(usize, Vec<f64>)>,
    /// The full model alone takes this for a row.
    pub full: Seconds,
    routes: Vec<(Path, Vec<usize>)>,
    launches: Vec<usize>,
}

impl SegmentTimes {
    /// Seconds of segment `ix` for one row; none if no path runs it.
    pub fn segment(&self, ix: usize) -> Option<Interval> {
        self.rounds(ix).map(|seconds| interval(seconds, &self.launches))
    }

    /// Seconds of a path, as the sum of its segments.
    pub fn path(&self, path: Path) -> Seconds {
        let medians = self.route(path).iter().filter_map(|&ix| self.rounds(ix)).map(median);
        Seconds(medians.sum())
    }

    /// What the segments of a path take that are not `own`, relative to those that are.
    /// None if none of them is.
    pub fn share_beside(&self, path: Path, own: impl Fn(usize) -> bool) -> Option<Interval> {
        let (own, other): (Vec<usize>, Vec<usize>) =
            self.route(path).iter().partition(|&&ix| own(ix));
        let rounds = self.per_call.first()?.1.len();
        let sum = |of: &[usize], round: usize| -> f64 {
            of.iter().filter_map(|&ix| self.rounds(ix)).map(|seconds| seconds[round]).sum()
        };
        let shares: Vec<f64> =
            (0..rounds).map(|round| sum(&other, round) / sum(&own, round)).collect();
        (!own.is_empty() && rounds > 0).then(|| interval(&shares, &self.launches))
    }

    /// The segments on a path.
    fn route(&self, path: Path) -> &[usize] {
        self.routes.iter().find(|(own, _)| *own == path).map_or(&[], |(_, route)| route)
    }

    fn rounds(&self, ix: usize) -> Option<&[f64]> {
        self.per_call.iter().find(|(segment, _)| *segment == ix).map(|(_, seconds)| &seconds[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn light() -> Path {
        Path::default().through(0, false)
    }

    fn full() -> Path {
        Path::default().through(0, true)
    }

    fn times() -> SegmentTimes {
        SegmentTimes {
            full: Seconds(4.0),
            per_call: vec![(0, vec![1.0, 1.2, 1.0]), (2, vec![4.0, 4.0, 5.0])],
            routes: vec![(light(), vec![0]), (full(), vec![0, 2])],
            launches: vec![3],
        }
    }

    #[test]
    fn paths_add_up() {
        assert_eq!((times().path(light()), times().path(full())), (Seconds(1.0), Seconds(5.0)));
        assert_eq!(times().segment(0).unwrap().median, 1.0);
        assert_eq!(times().segment(1), None);
    }

    #[test]
    fn what_is_beside_the_full_model_is_a_share_of_it() {
        let share = times().share_beside(full(), |ix| ix == 2).unwrap();
        assert_eq!(share.median, 0.25);
        assert_eq!(times().share_beside(full(), |_| false), None);
    }
}
