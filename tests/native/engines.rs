//! A compiled gate beside tract's own `If`: the same answers; times are printed.

use std::sync::Arc;

use perforate::bench::clock::SystemClock;
use perforate::bench::contender::ContenderId;
use perforate::bench::stats::{median, median_interval};
use perforate::bench::timing::{Interleaved, Workload, measure_tick};
use perforate::data::images;
use perforate::engine::{Batch, Knobs, Program, Session};
use perforate::onnx::encode;
use perforate::units::Seconds;
use tract_onnx::prelude::*;

use crate::common;

/// The same routed file at "always": our compiled gates, and tract by itself, whose own `If` builds
/// a branch's plan anew at every call.
struct TwoEngines {
    ours: Session,
    tracts: Arc<TypedRunnableModel>,
    rows: Vec<Batch>,
}

impl TwoEngines {
    fn ours(&mut self, row: usize) -> perforate::Result<ndarray::ArrayD<f32>> {
        self.ours.run(&self.rows[row], &Knobs::new())?.first()
    }

    fn tracts(&self, row: usize) -> TractResult<TValue> {
        let input = self.rows[row].get("x").unwrap().clone();
        Ok(self.tracts.run(tvec![input])?.remove(0))
    }
}

impl Workload for TwoEngines {
    fn contenders(&self) -> usize {
        2
    }
    fn units(&self, _: ContenderId) -> usize {
        self.rows.len()
    }
    fn run(&mut self, contender: ContenderId, row: usize) -> perforate::Result<()> {
        if contender.index() == 0 {
            std::hint::black_box(self.ours(row)?);
        } else {
            std::hint::black_box(self.tracts(row).unwrap());
        }
        Ok(())
    }
}

#[test]
fn a_compiled_gate_against_tracts_own_if() {
    let model = common::dendritic_fashion(0.0);
    let program = Arc::new(Program::load("routed.onnx", &encode(&model)).unwrap());
    let tracts = tract_onnx::onnx().model_for_proto_model(&model).unwrap();
    let tracts = tracts.with_input_fact(0, f32::fact([1, 1, 28, 28]).into()).unwrap();
    let tracts = tracts.into_optimized().unwrap().into_runnable().unwrap();
    let file = "models/data/fashion-mnist/t10k-images-idx3-ubyte.gz";
    let all = Batch::new().with("x", images::read_images(file, &common::read(file)).unwrap());
    let rows = (0..16).map(|row| all.slice(row..row + 1).unwrap()).collect();
    let mut engines = TwoEngines { ours: Session::new(program), tracts, rows };
    for row in 0..16 {
        let ours = engines.ours(row).unwrap();
        let theirs = engines.tracts(row).unwrap();
        let theirs = theirs.to_plain_array_view::<f32>().unwrap();
        assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() <= 1e-4 + 1e-4 * b.abs()));
    }

    let clock = SystemClock::default();
    let rounds = if cfg!(debug_assertions) { 5 } else { 25 };
    let mut timing = Interleaved::new(2, rounds, measure_tick(&clock), Seconds(1.0));
    while !timing.is_done() {
        timing.step(&clock, &mut engines).unwrap();
    }
    let [ours, theirs] = [0, 1].map(ContenderId::new);
    let ratio = median_interval(&timing.samples().speedups(ours, theirs));
    let each = |contender: ContenderId| Seconds(median(&timing.samples().of(contender)) / 16.0);
    println!(
        "full path of dendritic/fashion: compiled gate {}, tract's own If {}: {:.2}x ({:.2} to {:.2})",
        each(ours),
        each(theirs),
        ratio.median,
        ratio.lo,
        ratio.hi
    );
}
