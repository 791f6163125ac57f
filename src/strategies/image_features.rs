//! Three cheap features of an image that might say how hard it is, each `[N, 1]`: *contrast*, the standard deviation
//! of the pixels; *edges*, the mean absolute response to the two Sobel kernels; *entropy* of an eight-bin histogram
//! whose bins overlap linearly.

use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_onnx::{Component, GraphBuilder, Metadata, Size, Spliced, int_attribute};

/// The features, in the order of [`model`]'s columns.
pub const NAMES: [&str; 3] = ["contrast", "edges", "entropy"];

/// Bins of the histogram.
const BINS: usize = 8;

/// The tensor of the image that `first` reads; a model with several inputs does not say which is one.
pub fn image(first: &Component, wires: &Spliced) -> Result<String> {
    let mut tensors = wires.values();
    match (tensors.next(), tensors.next()) {
        (Some(image), None) => Ok(image.clone()),
        _ => {
            let text = format!("it has {} inputs, and the features are of one image", wires.len());
            Err(Error::new(ErrorKind::Model, text).at(first.name()))
        }
    }
}

/// A model that gives the three features `[N, 3]` of images `x` `[N, 1, height, width]`.
pub fn model(opset: i64, height: usize, width: usize) -> Result<ModelProto> {
    let mut graph = GraphBuilder::new("features", opset);
    let shape = [Size::Rows, Size::Fixed(1), Size::Fixed(height), Size::Fixed(width)];
    let x = graph.input("x", &shape)?;
    let columns = wire(&mut graph, &x)?;
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let joined = graph.node_with("Concat", "features", &columns, vec![int_attribute("axis", 1)])?;
    graph.output(&joined, &[Size::Rows, Size::Fixed(NAMES.len())])?;
    graph.into_model(&Metadata::default())
}

/// Mean over height and width, `[N, C, H, W]` to `[N, C]`.
fn mean(graph: &mut GraphBuilder, name: &str, x: &str) -> Result<String> {
    let pooled = graph.node("GlobalAveragePool", &format!("{name}/pool"), &[x])?;
    graph.node_with("Flatten", name, &[&pooled], vec![int_attribute("axis", 1)])
}

/// The features, `[N, 1]` each.
pub fn wire(graph: &mut GraphBuilder, x: &str) -> Result<[String; 3]> {
    // Contrast: sqrt(E x² − (E x)²).
    let square = graph.node("Mul", "contrast/square", &[x, x])?;
    let second = mean(graph, "contrast/second", &square)?;
    let first = mean(graph, "contrast/first", x)?;
    let first = graph.node("Mul", "contrast/first/square", &[&first, &first])?;
    let variance = graph.node("Sub", "contrast/difference", &[&second, &first])?;
    // Rounding may leave less than nothing.
    let variance = graph.node("Relu", "contrast/variance", &[&variance])?;
    let contrast = graph.node("Sqrt", "contrast", &[&variance])?;

    let sobel = [1., 0., -1., 2., 0., -2., 1., 0., -1., 1., 2., 1., 0., 0., 0., -1., -2., -1.];
    let kernels = graph.constant("edges/sobel", &[2, 1, 3, 3], &sobel)?;
    let gradient = graph.node("Conv", "edges/gradient", &[x, &kernels])?;
    let size = graph.node("Abs", "edges/size", &[&gradient])?;
    let both = mean(graph, "edges/both", &size)?;
    let halves = graph.constant("edges/halves", &[2, 1], &[0.5, 0.5])?;
    let edges = graph.node("MatMul", "edges", &[&both, &halves])?;

    // Bins at k / 7: 1 − |7 x − k|, where positive; between two bins a pixel counts for both, to one in all.
    let ones = graph.constant("entropy/scale", &[BINS, 1, 1, 1], &[(BINS - 1) as f32; BINS])?;
    let centres: Vec<f32> = (0..BINS).map(|k| -(k as f32)).collect();
    let centres = graph.constant("entropy/centres", &[BINS], &centres)?;
    let offset = graph.node("Conv", "entropy/offset", &[x, &ones, &centres])?;
    let distance = graph.node("Abs", "entropy/distance", &[&offset])?;
    let one = graph.constant("entropy/one", &[1], &[1.0])?;
    let near = graph.node("Sub", "entropy/near", &[&one, &distance])?;
    let shares = graph.node("Relu", "entropy/shares", &[&near])?;
    let p = mean(graph, "entropy/p", &shares)?;
    let tiny = graph.constant("entropy/tiny", &[1], &[1e-9])?;
    let safe = graph.node("Add", "entropy/safe", &[&p, &tiny])?;
    let log = graph.node("Log", "entropy/log", &[&safe])?;
    let terms = graph.node("Mul", "entropy/terms", &[&p, &log])?;
    let scale = graph.constant("entropy/minus", &[BINS, 1], &[-1.0 / (BINS as f32).ln(); BINS])?;
    let entropy = graph.node("MatMul", "entropy", &[&terms, &scale])?;
    Ok([contrast, edges, entropy])
}

#[cfg(test)]
pub mod tests {
    use std::sync::Arc;

    use ndarray::ArrayD;

    use super::*;
    use perforate_engine::{Batch, Knobs, Program, Session};
    use perforate_onnx::{OPSET, encode};

    pub(crate) const SIDE: usize = 28;

    /// Flat, half black and half white, and a chessboard of single pixels.
    fn images() -> Batch {
        let value = |image: usize, y: usize, x: usize| match image {
            0 => 0.0,
            1 => f32::from(u8::from(x >= SIDE / 2)),
            _ => ((x + y) % 2) as f32,
        };
        let x = ArrayD::from_shape_fn(vec![3, 1, SIDE, SIDE], |ix| value(ix[0], ix[2], ix[3]));
        Batch::new().with("x", x)
    }

    pub(crate) fn run(model: &ModelProto) -> Vec<f32> {
        let program = Arc::new(Program::load("fuzzy", &encode(model)).unwrap());
        let outcome = Session::new(program).run(&images(), &Knobs::new()).unwrap();
        outcome.first().unwrap().into_iter().collect()
    }

    #[test]
    fn features_of_known_images() {
        let features = run(&model(OPSET, SIDE, SIDE).unwrap());
        // One column in 26 sees the step: 4 there for one kernel of two, at two positions.
        let step = 0.5 * 2.0 * 4.0 / 26.0;
        let one_bit = 2f32.ln() / 8f32.ln();
        let wanted = [0.0, 0.0, 0.0, 0.5, step, one_bit, 0.5, 0.0, one_bit];
        for (own, wanted) in features.iter().zip(wanted) {
            assert!((own - wanted).abs() < 1e-4, "{features:?}");
        }
    }
}
