//! The cases of a campaign: each follows from the seed and its number alone.

use std::path::Path;
use std::sync::OnceLock;

use perforate::onnx::{Component, GraphBuilder, Metadata, OPSET, Size, encode};
use perforate::routing::fit::quantise::{Bits, quantise};
use perforate::strategies::dendritic;
use prost::Message;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tract_onnx::pb::ModelProto;

use super::bytes::{damage, one};
use super::{Kind, data, model, seeds};
use crate::common::read;

/// Models of this project that are small enough to be compiled a thousand times.
const SHIPPED: [&str; 8] = [
    "models/fashion/cheap.onnx",
    "models/fashion/light.onnx",
    "models/fashion/gate.onnx",
    "models/fashion/judges.onnx",
    "models/fashion/experts-gate.onnx",
    "models/pages/judges.onnx",
    "models/sentences/dsn-plain.onnx",
    "models/sentences/tokens1.onnx",
];

/// A file, and where its inputs are drawn from.
pub struct Case {
    pub format: Option<data::Format>,
    pub bytes: Vec<u8>,
    pub rng: ChaCha8Rng,
}

impl Case {
    /// What its file ends in.
    pub fn ending(&self) -> &'static str {
        self.format.map_or("onnx", data::Format::ending)
    }
}

/// The case of this number.
pub fn case(kind: Kind, seed: u64, number: u64) -> Case {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    match kind {
        Kind::Models => {
            let bytes = model_file(&mut rng);
            Case { format: None, bytes, rng }
        }
        Kind::Data => {
            let (format, bytes) = data::make(&mut rng);
            Case { format: Some(format), bytes, rng }
        }
    }
}

fn model_file(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = match rng.random_range(0..10) {
        0 => one(rng, shipped()),
        1..3 => one(rng, routed()),
        3..6 => one(rng, hostile()),
        _ => one(rng, right()),
    };
    if rng.random_bool(0.8)
        && let Ok(mut decoded) = ModelProto::decode(&bytes[..])
    {
        model::change(rng, &mut decoded);
        bytes = decoded.encode_to_vec();
    }
    if rng.random_bool(0.15) {
        damage(rng, &mut bytes);
    }
    bytes
}

fn shipped() -> &'static [Vec<u8>] {
    static ALL: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    ALL.get_or_init(|| SHIPPED.into_iter().map(read).collect())
}

/// Models with gates: one of this project, a small one, and products in eight and four bits.
fn routed() -> &'static [Vec<u8>] {
    static ALL: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    ALL.get_or_init(|| {
        let part = |name: &str| {
            let file = format!("models/fashion/{name}.onnx");
            Component::decode(file.clone(), &read(&file)).expect("a component")
        };
        let parts =
            dendritic::Parts { full: part("light"), light: part("cheap"), gate: part("gate") };
        let routed = dendritic::compose(&parts, 0.5, Default::default()).expect("a routed model");
        let bits = [Bits::Eight, Bits::Four].map(|bits| quantise(&part("gate"), bits));
        let quantised = bits.into_iter().flatten().map(|own| encode(&own.model));
        let gated = gated();
        // The small one more often: it is compiled in no time.
        let small = std::iter::repeat_n(gated, 6);
        std::iter::once(encode(&routed)).chain(quantised).chain(small).collect()
    })
}

/// `y = x · w` where the largest of `x` is at least the threshold, and `x` where it is not.
fn gated() -> Vec<u8> {
    let shape = [Size::Rows, Size::Fixed(4)];
    let build = || -> perforate::Result<ModelProto> {
        let mut main = GraphBuilder::new("gated", OPSET);
        let x = main.input("x", &shape)?;
        let threshold = main.knob("threshold", 0.5)?;
        let score = main.reduce("ReduceMax", "score", &x, 1)?;
        let hard = main.node("GreaterOrEqual", "hard", &[&score, &threshold])?;
        let mut full = main.branch("full");
        let weights: Vec<f32> = (0..16).map(|ix| ix as f32 / 16.0).collect();
        let weights = full.constant("full/w", &[4, 4], &weights)?;
        full.node("MatMul", "full/product", &[&x, &weights])?;
        full.output("full/product", &shape)?;
        let mut light = full.branch("light");
        light.node("Identity", "light/kept", &[&x])?;
        light.output("light/kept", &shape)?;
        main.gate("gate", &hard, full, light, &["y"])?;
        main.output("y", &shape)?;
        main.into_model(&Metadata::default())
    };
    encode(&build().expect("a model"))
}

fn right() -> &'static [Vec<u8>] {
    static ALL: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    ALL.get_or_init(seeds::all)
}

/// The files that once were found.
fn hostile() -> &'static [Vec<u8>] {
    static ALL: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    ALL.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
        let entries = std::fs::read_dir(folder).expect("a folder");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "onnx"));
        paths.sort();
        let contents = paths.iter().map(|path| std::fs::read(path).expect("a file"));
        contents.filter(|content| content.len() < 20_000).collect()
    })
}
