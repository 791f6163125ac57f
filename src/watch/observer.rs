//! Counts what runs did.

use std::collections::BTreeMap;
use std::sync::Arc;

use perforate_base::Result;
use perforate_engine::{Gate, Knobs, Path, Program, SegmentTime, Trace};
use perforate_onnx::ScoreHistogram;

use crate::drift::{DriftAlarm, check_level};
use crate::report::{Drift, GateReport, Report, SegmentReport, VERSION};

/// Probability that an alarm sounds without need, unless another is asked for.
pub const DELTA: f64 = 0.01;
/// Classes of scores where the file has none of a calibration.
const CLASSES: usize = 32;
/// Scores that are waited for before they are sorted into those.
const FIRST: usize = 256;
/// Breaks ties; the alarm's promise holds for any.
const SEED: u64 = 42;

/// What is known of a gate's scores.
#[derive(Debug, Clone)]
enum Scores {
    /// The first ones, before there are classes.
    First(Vec<f32>),
    /// Sorted into classes.
    Sorted(ScoreHistogram),
}

#[derive(Debug, Clone)]
struct GateWatch {
    taken: [u64; 2],
    scores: Scores,
    calibration: Option<ScoreHistogram>,
    alarm: Option<DriftAlarm>,
}

/// Counts what runs of a program did. Memory does not grow with the number of rows.
#[derive(Debug, Clone)]
pub struct Observer {
    program: Arc<Program>,
    rows: u64,
    macs: f64,
    paths: BTreeMap<Path, u64>,
    gates: Vec<GateWatch>,
}

impl Observer {
    /// An observer that has seen nothing. Gates for which the file keeps scores of a calibration get an alarm, which sounds
    /// without need with probability `delta` at most.
    ///
    /// # Errors
    /// `Config` unless 0 < δ < 1; `Data` where the file's scores are damaged.
    pub fn new(program: Arc<Program>, delta: f64) -> Result<Observer> {
        check_level(delta)?;
        let watch = |gate: &Gate| {
            let calibration = program.metadata().scores.get(&gate.name).cloned();
            let alarm = calibration.clone().map(|known| DriftAlarm::new(known, delta, SEED));
            let alarm = alarm.transpose().map_err(|e| e.at(format!("gate `{}`", gate.name)))?;
            let scores = match &calibration {
                Some(known) => Scores::Sorted(known.emptied()),
                None => Scores::First(vec![]),
            };
            Ok(GateWatch { taken: [0; 2], scores, calibration, alarm })
        };
        let gates = program.gates().iter().map(watch).collect::<Result<_>>()?;
        Ok(Observer { gates, program, rows: 0, macs: 0.0, paths: BTreeMap::new() })
    }

    /// Takes the trace of a run at these knobs. At other values than the defaults other rows reach the later gates: their
    /// alarms then do not listen.
    pub fn observe(&mut self, trace: &Trace, knobs: &Knobs) {
        self.rows += trace.rows.len() as u64;
        self.macs += trace.total_macs().0;
        let is_default = |(name, value): (&str, f32)| {
            let own = self.program.knobs().iter().find(|knob| knob.name == name);
            own.is_some_and(|knob| knob.default == Some(value))
        };
        let at_defaults = knobs.iter().all(is_default);
        for (row, own) in trace.rows.iter().enumerate() {
            *self.paths.entry(own.path).or_default() += 1;
            for (ix, gate) in self.gates.iter_mut().enumerate() {
                let Some(then) = own.path.at(ix) else { continue };
                gate.taken[usize::from(!then)] += 1;
                let score = trace.scores[ix][row];
                if score.is_nan() {
                    continue;
                }
                gate.scores.add(score);
                if let Some(alarm) = gate.alarm.as_mut().filter(|_| ix == 0 || at_defaults) {
                    alarm.observe(score);
                }
            }
        }
    }

    /// What was seen so far; `times` are the session's.
    pub fn report(&self, times: &[SegmentTime]) -> Report {
        let gates = self.gates.iter().zip(self.program.gates()).map(|(gate, own)| {
            let ScoreHistogram { edges, counts } = gate.scores.sorted();
            GateReport {
                name: own.name.clone(),
                labels: own.labels.clone(),
                taken: gate.taken,
                edges,
                counts,
                calibration: gate.calibration.as_ref().map(|known| known.counts.clone()),
                drift: gate.alarm.as_ref().map(|alarm| Drift {
                    delta: alarm.delta(),
                    heard: alarm.seen(),
                    evidence: alarm.evidence(),
                    sounded_after: alarm.sounded(),
                }),
            }
        });
        let segments = self.program.segments().zip(times).filter(|(_, time)| time.runs > 0);
        let segments = segments.map(|(segment, time)| SegmentReport {
            name: segment.name.to_string(),
            runs: time.runs,
            rows: time.rows,
            ms: 1e3 * time.time.0,
        });
        let label = |(path, count): (&Path, &u64)| (self.program.path_label(*path), *count);
        Report {
            version: VERSION,
            rows: self.rows,
            macs: self.macs,
            paths: self.paths.iter().map(label).collect(),
            gates: gates.collect(),
            segments: segments.collect(),
        }
    }
}

impl Scores {
    fn add(&mut self, score: f32) {
        match self {
            Scores::Sorted(histogram) => histogram.add(score),
            Scores::First(first) => {
                first.push(score);
                if first.len() == FIRST {
                    *self = Scores::Sorted(self.sorted());
                }
            }
        }
    }

    fn sorted(&self) -> ScoreHistogram {
        match self {
            Scores::Sorted(histogram) => histogram.clone(),
            // Few scores make no classes: all are in one.
            Scores::First(first) => {
                ScoreHistogram::of(first.iter().copied(), CLASSES).unwrap_or_else(|_| {
                    ScoreHistogram { edges: vec![], counts: vec![first.len() as u32] }
                })
            }
        }
    }
}
