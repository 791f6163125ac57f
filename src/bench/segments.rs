//! What each segment of a routed model takes on this device, by itself: the hardware-aware cost table.
//!
//! The segments take turns as arms of one interleaved measurement, with the full model as one more, on the
//! inputs that they get in real runs. Operations tell what a path costs anywhere; these times tell what it costs here.

use std::sync::Arc;

use perforate_base::Result;
use perforate_base::units::Seconds;
use perforate_engine::{Batch, Call, Knobs, Path, Program, Routing, Session};

use super::ballast::Ballast;
use super::samples::Samples;
use super::stats::{Interval, interval, median};
use super::timing::Workload;

/// The segments of one program as a workload: an arm is a segment, a unit one row's call of it.
#[derive(Debug)]
pub struct SegmentRuns {
    session: Session,
    /// By arm: the segment's index, and its calls. The full model comes after them.
    arms: Vec<(usize, Vec<Call>)>,
    full: Session,
    full_knobs: Knobs,
    rows: Vec<Batch>,
    /// Segments on each of the program's paths, in order.
    routes: Vec<Vec<usize>>,
    ballast: Ballast,
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
        let mut arms: Vec<(usize, Vec<Call>)> = vec![];
        for &path in paths {
            let mut known: Vec<Vec<Call>> = vec![];
            for row in &rows {
                known.push(session.calls(row, &knobs, Routing::Forced(path))?);
            }
            let route =
                known.first().map_or(vec![], |calls| calls.iter().map(|c| c.segment).collect());
            for (place, &segment) in route.iter().enumerate() {
                if !arms.iter().any(|(ix, _)| *ix == segment) {
                    let calls = known.iter().filter_map(|calls| calls.get(place).cloned());
                    arms.push((segment, calls.collect()));
                }
            }
            routes.push(route);
        }
        arms.sort_by_key(|(ix, _)| *ix);
        let (full, full_knobs) = (Session::new(full.clone()), full.neutral_knobs());
        let ballast = Ballast::default();
        Ok(SegmentRuns { session, arms, full, full_knobs, rows, routes, ballast })
    }

    /// The table, from the samples of a measurement of this workload.
    pub fn table(&self, samples: &Samples, seed: u64) -> SegmentTimes {
        let per_call: Vec<(usize, Vec<f64>)> = self
            .arms
            .iter()
            .enumerate()
            .map(|(arm, (segment, calls))| {
                let seconds = samples.of(arm).iter().map(|s| s / calls.len() as f64).collect();
                (*segment, seconds)
            })
            .collect();
        let full = Seconds(median(&samples.of(self.arms.len())) / self.rows.len() as f64);
        let launches = samples.launches();
        SegmentTimes { per_call, full, routes: self.routes.clone(), launches, seed }
    }
}

impl Workload for SegmentRuns {
    fn arms(&self) -> usize {
        self.arms.len() + 1
    }

    fn units(&self, arm: usize) -> usize {
        self.arms.get(arm).map_or(self.rows.len(), |(_, calls)| calls.len())
    }

    fn run(&mut self, arm: usize, unit: usize) -> Result<()> {
        match self.arms.get(arm) {
            Some((_, calls)) => self.session.repeat(&calls[unit]),
            None => self.full.run(&self.rows[unit], &self.full_knobs).map(drop),
        }
    }

    fn next_round(&mut self, round: usize) {
        self.ballast.shift(round);
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
    routes: Vec<Vec<usize>>,
    launches: Vec<usize>,
    seed: u64,
}

impl SegmentTimes {
    /// Seconds of segment `ix` for one row; none if no path runs it.
    pub fn segment(&self, ix: usize) -> Option<Interval> {
        self.rounds(ix).map(|seconds| interval(seconds, &self.launches, self.seed))
    }

    /// Seconds of path number `path`, as the sum of its segments.
    pub fn path(&self, path: usize) -> Seconds {
        let medians = self.routes[path].iter().filter_map(|&ix| self.rounds(ix)).map(median);
        Seconds(medians.sum())
    }

    /// What the segments of path number `path` take that are not `own`, relative to those that are.
    /// None if none of them is.
    pub fn share_beside(&self, path: usize, own: impl Fn(usize) -> bool) -> Option<Interval> {
        let (own, other): (Vec<usize>, Vec<usize>) =
            self.routes[path].iter().partition(|&&ix| own(ix));
        let rounds = self.per_call.first()?.1.len();
        let sum = |of: &[usize], round: usize| -> f64 {
            of.iter().filter_map(|&ix| self.rounds(ix)).map(|seconds| seconds[round]).sum()
        };
        let shares: Vec<f64> =
            (0..rounds).map(|round| sum(&other, round) / sum(&own, round)).collect();
        (!own.is_empty() && rounds > 0).then(|| interval(&shares, &self.launches, self.seed))
    }

    fn rounds(&self, ix: usize) -> Option<&[f64]> {
        self.per_call.iter().find(|(segment, _)| *segment == ix).map(|(_, seconds)| &seconds[..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times() -> SegmentTimes {
        SegmentTimes {
            full: Seconds(4.0),
            per_call: vec![(0, vec![1.0, 1.2, 1.0]), (2, vec![4.0, 4.0, 5.0])],
            routes: vec![vec![0], vec![0, 2]],
            launches: vec![3],
            seed: 1,
        }
    }

    #[test]
    fn paths_add_up() {
        assert_eq!((times().path(0), times().path(1)), (Seconds(1.0), Seconds(5.0)));
        assert_eq!(times().segment(0).unwrap().median, 1.0);
        assert_eq!(times().segment(1), None);
    }

    #[test]
    fn what_is_beside_the_full_model_is_a_share_of_it() {
        let share = times().share_beside(1, |ix| ix == 2).unwrap();
        assert_eq!(share.median, 0.25);
        assert_eq!(times().share_beside(1, |_| false), None);
    }
}
