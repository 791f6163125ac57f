//! What the examples work on: a network for MNIST in three stages, and images.

use std::error::Error;
use std::path::Path;

use perforate::data::images;
use perforate::ndarray::ArrayD;
use perforate::onnx::Component;
use perforate::routing::exits::Stages;

/// The models of this repository, and the data.
const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/models");

/// The stages of the network. Stage k gives `logits{k}` and what the next one reads, by that name.
pub fn stages() -> Result<Stages, Box<dyn Error>> {
    let read = |stage: usize| -> Result<Component, Box<dyn Error>> {
        let path = Path::new(MODELS).join(format!("mnist/stage{stage}.onnx"));
        Ok(Component::decode(path.display().to_string(), &std::fs::read(&path)?)?)
    };
    Ok(Stages::new((1..=3).map(read).collect::<Result<_, _>>()?)?)
}

/// MNIST's 10,000 test images, `[10000, 1, 28, 28]`.
#[allow(dead_code)] // each example uses its part
pub fn images() -> Result<ArrayD<f32>, Box<dyn Error>> {
    let path = Path::new(MODELS).join("data/mnist/t10k-images-idx3-ubyte.gz");
    Ok(images::read_images(&path.display().to_string(), &std::fs::read(&path)?)?)
}
