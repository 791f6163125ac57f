//! A sample for those who have no model at hand: three networks that read the same images, and inputs for them.

use ndarray::{Array1, Axis, Slice};
use serde::Serialize;

use perforate_base::Result;
use perforate_data::{images, npz};

/// Images of it: enough to fit on some, and to certify on others.
const ROWS: usize = 6000;

/// The files that the sample is made of.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "types", derive(ts_rs::TS))]
pub struct SampleFiles {
    /// Models, the cheapest first.
    models: [&'static str; 3],
    /// Images and labels, of which the inputs are made.
    images: &'static str,
    labels: &'static str,
    /// What the inputs are called.
    inputs: &'static str,
}

/// Where they lie, relative to the page.
pub const FILES: SampleFiles = SampleFiles {
    models: [
        "models/fashion/light.onnx",
        "models/fashion/static-s.onnx",
        "models/fashion/full.onnx",
    ],
    images: "models/data/fashion-mnist/t10k-images-idx3-ubyte.gz",
    labels: "models/data/fashion-mnist/t10k-labels-idx1-ubyte.gz",
    inputs: "clothes.npz",
};

/// The inputs as an `.npz` file, with the labels.
///
/// # Errors
/// `Data` if a file is damaged.
pub fn inputs(pixels: &[u8], labels: &[u8]) -> Result<Vec<u8>> {
    let pixels = images::read_images(FILES.images, pixels)?;
    let labels = images::read_labels(FILES.labels, labels)?;
    let rows = ROWS.min(labels.len());
    let pixels = pixels.slice_axis(Axis(0), Slice::from(..rows)).to_owned();
    let labels: Array1<f32> = labels[..rows].iter().map(|&label| label as f32).collect();
    npz::write(&[("x", &pixels), ("label", &labels.into_dyn())])
}
