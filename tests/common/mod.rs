//! What several integration tests need.

use std::collections::BTreeMap;
use std::path::Path;

use perforate::onnx::Component;
use perforate::routing::dendritic;
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
        let file = format!("models/fashion-{role}.onnx");
        Component::decode(file.clone(), &read(&file)).unwrap()
    };
    let parts = dendritic::Parts { full: part("full"), light: part("light"), gate: part("gate") };
    dendritic::compose(&parts, threshold, BTreeMap::new()).unwrap()
}
