//! What an observer counts, and its alarm: from the scores that a routed file keeps of its calibration.

use std::sync::Arc;

use ndarray::ArrayD;
use perforate::engine::{Batch, Knobs, Program, Session};
use perforate::onnx::{
    BINS, GraphBuilder, KnobRange, Metadata, OPSET, ScoreHistogram, Size, encode, keep_scores,
};
use perforate::units::Seconds;
use perforate_watch::{DELTA, Observer};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::common;

/// Scores x; rows from the threshold on are doubled.
fn model(calibration: Option<&[f32]>) -> Vec<u8> {
    let shape = [Size::Rows, Size::Fixed(1)];
    let mut main = GraphBuilder::new("g", OPSET);
    let x = main.input("x", &shape).unwrap();
    let threshold = main.knob("threshold", 0.5).unwrap();
    let score = main.node("Identity", "score", &[&x]).unwrap();
    let hard = main.node("GreaterOrEqual", "hard", &[&score, &threshold]).unwrap();
    let mut then = main.branch("full");
    then.node("Add", "full/y", &[&x, &x]).unwrap();
    then.output("full/y", &shape).unwrap();
    let mut otherwise = then.branch("light");
    otherwise.node("Identity", "light/y", &[&x]).unwrap();
    otherwise.output("light/y", &shape).unwrap();
    main.gate("gate", &hard, then, otherwise, &["y"]).unwrap();
    main.output("y", &shape).unwrap();
    let metadata = Metadata {
        labels: [("gate".to_string(), ["full", "light"].map(String::from))].into(),
        knobs: [("threshold".into(), KnobRange { default: 0.5, light: 2.0, full: -1.0 })].into(),
        ..Metadata::default()
    };
    let mut model = main.into_model(&metadata).unwrap();
    if let Some(scores) = calibration {
        let known = ScoreHistogram::of(scores.iter().copied(), BINS).unwrap();
        keep_scores(&mut model, [("gate".into(), known)].into()).unwrap();
    }
    encode(&model)
}

/// A clock that is a second on at every look.
fn ticking() -> Seconds {
    use std::cell::Cell;
    thread_local!(static NOW: Cell<f64> = const { Cell::new(0.0) });
    NOW.with(|now| {
        now.set(now.get() + 1.0);
        Seconds(now.get())
    })
}

struct Watched {
    session: Session,
    observer: Observer,
}

impl Watched {
    fn new(file: &[u8], delta: f64) -> Watched {
        let program = Arc::new(Program::load("gated.onnx", file).unwrap());
        let observer = Observer::new(program.clone(), delta).unwrap();
        let mut session = Session::new(program);
        session.time_segments(Some(ticking));
        Watched { session, observer }
    }

    fn run(&mut self, x: Vec<f32>, knobs: &Knobs) {
        let batch = Batch::new().with("x", ArrayD::from_shape_vec(vec![x.len(), 1], x).unwrap());
        let outcome = self.session.run(&batch, knobs).unwrap();
        self.observer.observe(&outcome.trace, knobs);
    }

    /// The report, which is as the schema has it.
    #[track_caller]
    fn report(&self) -> Value {
        let report = serde_json::to_value(self.observer.report(self.session.segment_times()));
        let report = report.unwrap();
        let schema = common::read("src/runtime/npm/report.schema.json");
        let schema = serde_json::from_slice(&schema).unwrap();
        if let Err(error) = jsonschema::validator_for(&schema).unwrap().validate(&report) {
            panic!("{error}: {report}");
        }
        report
    }
}

fn uniform(random: &mut ChaCha8Rng, n: usize) -> Vec<f32> {
    (0..n).map(|_| random.random()).collect()
}

#[test]
fn paths_scores_and_times_are_counted() {
    let mut watched = Watched::new(&model(None), DELTA);
    watched.run(vec![0.25, 0.75, 1.0], &Knobs::new());
    watched.run(vec![0.25], &Knobs::new().with("threshold", 0.0));
    let report = watched.report();
    assert_eq!(report["rows"], 4);
    assert_eq!(report["paths"], json!({ "full": 3, "light": 1 }));
    let gate = &report["gates"][0];
    assert_eq!((&gate["taken"], &gate["counts"]), (&json!([3, 1]), &json!([4])));
    assert_eq!((&gate["calibration"], &gate["drift"]), (&Value::Null, &Value::Null));
    let segments = report["segments"].as_array().unwrap();
    assert!(segments.iter().all(|s| s["ms"] == 1e3 * s["runs"].as_f64().unwrap()), "{segments:?}");
    assert!(segments.iter().any(|s| s["name"] == "full" && s["rows"] == 3), "{segments:?}");
    // Without a calibration the first 256 scores make the classes.
    let mut random = ChaCha8Rng::seed_from_u64(1);
    watched.run(uniform(&mut random, 1000), &Knobs::new());
    let gate = &watched.report()["gates"][0];
    let counts: Vec<u64> =
        gate["counts"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).collect();
    assert_eq!((counts.len(), counts.iter().sum::<u64>()), (32, 1004));
}

#[test]
fn the_alarm_sounds_where_scores_change_and_is_quiet_where_they_do_not() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let file = model(Some(&uniform(&mut random, 1000)));
    let mut watched = Watched::new(&file, DELTA);
    watched.run(uniform(&mut random, 1000), &Knobs::new());
    let gate = watched.report()["gates"][0].clone();
    assert_eq!(
        (&gate["drift"]["heard"], &gate["drift"]["soundedAfter"]),
        (&json!(1000), &Value::Null)
    );
    assert_eq!(gate["edges"].as_array().unwrap().len(), 255);
    let changed = uniform(&mut random, 500).iter().map(|x| 0.5 * x).collect();
    watched.run(changed, &Knobs::new());
    let drift = &watched.report()["gates"][0]["drift"];
    let after = drift["soundedAfter"].as_u64().unwrap();
    assert!((1000..1300).contains(&after) && drift["evidence"].as_f64() >= Some(100.0), "{drift}");
}

#[test]
fn a_damaged_file_and_a_delta_that_is_none_are_named() {
    let fault = |scores: ScoreHistogram, delta: f64| {
        let mut file = perforate::onnx::decode("g", &model(None)).unwrap();
        keep_scores(&mut file, [("gate".into(), scores)].into()).unwrap();
        let program = Program::load("g", &encode(&file)).unwrap();
        Observer::new(Arc::new(program), delta).unwrap_err().to_string()
    };
    let damaged = ScoreHistogram { edges: vec![0.5], counts: vec![1] };
    let text = fault(damaged, DELTA);
    assert!(text.contains("`gate`") && text.contains("damaged"), "{text}");
    let text = fault(ScoreHistogram::of([0.5; 20], 4).unwrap(), 2.0);
    assert!(text.contains("delta"), "{text}");
}
