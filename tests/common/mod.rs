//! What several integration tests need.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use perforate::bench::clock::Clock;
use perforate::onnx::Component;
use perforate::strategies::dendritic;
use perforate::units::Seconds;
use perforate_lab::find;
use tract_onnx::pb::ModelProto;

/// The content of a file of this project.
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The files that a scenario needs, by name.
#[allow(dead_code)] // each test crate uses its part
pub fn files(scenario: &str) -> BTreeMap<String, Vec<u8>> {
    let scenario = find(scenario).unwrap();
    scenario.files().map(|file| (file.to_string(), read(file))).collect()
}

/// The routed model of `dendritic/fashion`, composed anew with this default of its knob.
#[allow(dead_code)]
pub fn dendritic_fashion(threshold: f32) -> ModelProto {
    let part = |role: &str| {
        let file = format!("models/fashion/{role}.onnx");
        Component::decode(file.clone(), &read(&file)).unwrap()
    };
    let parts = dendritic::Parts { full: part("full"), light: part("light"), gate: part("gate") };
    dendritic::compose(&parts, threshold, BTreeMap::new()).unwrap()
}

/// A clock that moves on by a microsecond at one reading, which is its tick, and by about a millisecond at the next, up to
/// 10 % more by a fixed series: a sweep by it repeats no call to fill a span of time, and is the same in every run.
#[derive(Clone, Debug, Default)]
#[allow(dead_code)] // each test crate uses its part
pub struct Jitter(Rc<Cell<(u64, u64)>>);

impl Clock for Jitter {
    fn now(&self) -> Seconds {
        let (readings, nanoseconds) = self.0.get();
        let noise = readings.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44; // 20 bits
        let step = if readings % 2 == 0 { 1000 } else { 1_000_000 + noise / 10 };
        let time = nanoseconds + step;
        self.0.set((readings + 1, time));
        Seconds(time as f64 * 1e-9)
    }
}
