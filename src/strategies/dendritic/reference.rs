//! The deterministic reference: an untrained MLP, made from a seed, with a light model and a gate
//! fitted to it in closed form. Nothing is downloaded and no labels are needed.
//!
//! The inputs lie around prototypes, as many real inputs do: most of them near one, one in seven far off. The light model sees 96 random features and is fitted to the full model's outputs, so its
//! deviation grows with that distance: some rows are easy and some are not, and a gate can tell.

use ndarray::{Array2, ArrayD};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};
use tract_onnx::pb::ModelProto;

use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::{Batch, Knobs};
use perforate_onnx::{Component, GraphBuilder, Metadata, OPSET, Size};
use perforate_routing::fit::dendritic::{Gate, to_matrix};
use perforate_routing::fit::layer::{Layer, normal};
use perforate_routing::fit::ridge::ridge_cv;

/// Sizes of the full model: inputs, two hidden layers, outputs.
pub const SIZES: [usize; 4] = [512, 1024, 1024, 10];
/// Centres of the input distribution.
const PROTOTYPES: usize = 16;
/// Mean distance from the prototype, per coordinate, of easy and of hard inputs; the prototypes
/// themselves have coordinates of variance 1.
const SPREAD: [f32; 2] = [0.03, 0.6];
/// Share of hard inputs.
const HARD: f64 = 0.15;
/// Hidden units of the light model.
const LIGHT_HIDDEN: usize = 96;
/// Dendrites of the gate.
const DENDRITES: usize = 64;
/// Samples that the light model and the gate are fitted on, one half each.
const FIT_SAMPLES: usize = 4000;
const LAMBDAS: [f64; 4] = [1e-5, 1e-4, 1e-3, 1e-2];

/// The components and the distribution that they were fitted on.
#[derive(Debug, Clone)]
pub struct ReferenceMlp {
    /// `x [N, 512]` → `logits [N, 10]`, weights drawn from the seed.
    pub full: Component,
    /// `x` → `logits`, `features [N, 96]`, fitted to `full`.
    pub light: Component,
    /// `features` → `score [N, 1]`, fitted to the light model's deviation.
    pub gate: Component,
    seed: u64,
}

fn relu(x: Array2<f32>) -> Array2<f32> {
    x.mapv_into(|v| v.max(0.0))
}

/// `n` inputs, shape `[n, 512]`: a prototype plus noise, whose size is drawn for each row from an
/// exponential distribution with the mean of an easy or a hard input.
fn inputs(seed: u64, stream: u64, n: usize) -> Array2<f32> {
    let mut prototype_rng = ChaCha8Rng::seed_from_u64(seed ^ 0xba515);
    let prototypes =
        Array2::from_shape_simple_fn((PROTOTYPES, SIZES[0]), || normal(&mut prototype_rng));
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    let mut x = Array2::zeros((n, SIZES[0]));
    for mut row in x.rows_mut() {
        row.assign(&prototypes.row(rng.random_range(0..PROTOTYPES)));
        let mean = SPREAD[usize::from(rng.random_bool(HARD))];
        let size: f32 = Exp1.sample(&mut rng);
        row.mapv_inplace(|v| v + mean * size * normal(&mut rng));
    }
    x
}

/// Builds and fits everything from the seed.
pub fn build(seed: u64) -> Result<ReferenceMlp> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0xf011);
    let layers: Vec<Layer> =
        SIZES.windows(2).map(|pair| Layer::random(&mut rng, pair[0], pair[1])).collect();
    let run_full = |x: &Array2<f32>| {
        let last = layers.len() - 1;
        layers.iter().enumerate().fold(x.clone(), |h, (ix, layer)| {
            let y = layer.apply(&h);
            if ix == last { y } else { relu(y) }
        })
    };

    let project = Layer::random(&mut rng, SIZES[0], LIGHT_HIDDEN);
    let x = inputs(seed, 1, FIT_SAMPLES / 2);
    let features = relu(project.apply(&x));
    let (head, _) = ridge_cv(&to_matrix(&features), &to_matrix(&run_full(&x)), &LAMBDAS, 5)?;
    let head = Layer::from_linear(&head);

    // The gate is fitted on rows that the light model has not seen, else it would trust it too much.
    let x = inputs(seed, 2, FIT_SAMPLES / 2);
    let features = relu(project.apply(&x));
    let difference = head.apply(&features) - run_full(&x);
    let deviation: Vec<f32> = difference
        .rows()
        .into_iter()
        .map(|row| row.iter().fold(0f32, |m, v| m.max(v.abs())))
        .collect();
    let gate = Gate::fit(&mut rng, &features, &deviation, DENDRITES, &LAMBDAS)?;

    Ok(ReferenceMlp {
        full: full_graph(&layers)?,
        light: light_graph(&project, &head)?,
        gate: gate_graph(&gate)?,
        seed,
    })
}

impl ReferenceMlp {
    /// `n` inputs of the same distribution, none of which was used in fitting.
    pub fn samples(&self, n: usize) -> Batch {
        let x: ArrayD<f32> = inputs(self.seed, 3, n).into_dyn();
        Batch::new().with("x", x)
    }
}

/// The gate as a model of its own: `features` → `score`.
fn gate_graph(gate: &Gate) -> Result<Component> {
    let mut graph = GraphBuilder::new("gate", OPSET);
    let h = graph.input("features", &[Size::Rows, Size::Fixed(LIGHT_HIDDEN)])?;
    gate.wire(&mut graph, "gate", &h, "score")?;
    graph.output("score", &[Size::Rows, Size::Fixed(1)])?;
    component("reference MLP, gate", graph)
}

fn full_graph(layers: &[Layer]) -> Result<Component> {
    let mut graph = GraphBuilder::new("full", OPSET);
    let mut h = graph.input("x", &[Size::Rows, Size::Fixed(SIZES[0])])?;
    for (ix, layer) in layers.iter().enumerate() {
        if ix + 1 == layers.len() {
            layer.wire(&mut graph, "logits", &h)?;
        } else {
            let y = layer.wire(&mut graph, &format!("full/layer{}", ix + 1), &h)?;
            h = graph.node("Relu", &format!("full/relu{}", ix + 1), &[&y])?;
        }
    }
    graph.output("logits", &[Size::Rows, Size::Fixed(SIZES[3])])?;
    component("reference MLP, full", graph)
}

fn light_graph(project: &Layer, head: &Layer) -> Result<Component> {
    let mut graph = GraphBuilder::new("light", OPSET);
    let x = graph.input("x", &[Size::Rows, Size::Fixed(SIZES[0])])?;
    let y = project.wire(&mut graph, "light/project", &x)?;
    let features = graph.node("Relu", "features", &[&y])?;
    head.wire(&mut graph, "logits", &features)?;
    graph.output("logits", &[Size::Rows, Size::Fixed(SIZES[3])])?;
    graph.output("features", &[Size::Rows, Size::Fixed(LIGHT_HIDDEN)])?;
    component("reference MLP, light", graph)
}

fn component(name: &str, graph: GraphBuilder) -> Result<Component> {
    let model: ModelProto = graph.into_model(&Metadata::default())?;
    Component::new(name, model)
}

/// Runs a component by itself; for the tests that hold the graphs against the arithmetic above.
pub fn run_component(component: &Component, batch: &Batch) -> Result<ArrayD<f32>> {
    let bytes = perforate_onnx::encode(component.model());
    let program = perforate_engine::Program::load(component.name(), &bytes)?;
    let mut session = perforate_engine::Session::new(std::sync::Arc::new(program));
    session
        .run(batch, &Knobs::new())?
        .first()
        .map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_files() {
        let (a, b) = (build(42).unwrap(), build(42).unwrap());
        for (a, b) in [(&a.full, &b.full), (&a.light, &b.light), (&a.gate, &b.gate)] {
            assert_eq!(perforate_onnx::encode(a.model()), perforate_onnx::encode(b.model()));
        }
    }

    #[test]
    fn the_light_arm_is_better_than_the_mean() {
        let mlp = build(42).unwrap();
        let batch = mlp.samples(400);
        let full = run_component(&mlp.full, &batch).unwrap();
        let light = run_component(&mlp.light, &batch).unwrap();
        let variance = full.var(0.0);
        let error = (&full - &light).mapv(|d| d * d).mean().unwrap();
        assert!(error < 0.5 * variance, "error {error}, variance {variance}");
    }
}
