//! Convolutions against the definition in 64 bits.

use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

/// All that a convolution reads.
#[derive(Debug)]
struct Case {
    geometry: Geometry,
    image: Image,
    /// `[n, h, w, c]`.
    x: Vec<f32>,
    weights: Vec<f32>,
    bias: Vec<f32>,
    /// `[n, h', w', c']`.
    residual: Vec<f32>,
}

impl Case {
    fn new(geometry: Geometry, image: Image, seed: u64) -> Case {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = |count: usize| -> Vec<f32> {
            (0..count).map(|_| rng.random_range(-1.0f32..1.0)).collect()
        };
        let [height, width] = geometry.result(image);
        let depth = geometry.inputs / geometry.groups * geometry.kernel[0] * geometry.kernel[1];
        Case {
            x: draw(image.rows * image.height * image.width * geometry.inputs),
            weights: draw(geometry.outputs * depth),
            bias: draw(geometry.outputs),
            residual: draw(image.rows * height * width * geometry.outputs),
            geometry,
            image,
        }
    }

    fn wanted(&self) -> Vec<f64> {
        let Case { geometry: g, image, .. } = self;
        let [height, width] = g.result(*image);
        let (inputs, outputs) = (g.inputs / g.groups, g.outputs / g.groups);
        let mut all = vec![];
        for place in 0..image.rows * height * width * g.outputs {
            let (output, pixel) = (place % g.outputs, place / g.outputs);
            let (row, y, x) = (pixel / (height * width), pixel / width % height, pixel % width);
            let mut sum = f64::from(self.bias[output]) + f64::from(self.residual[place]);
            for at in 0..g.kernel[0] * g.kernel[1] {
                let (down, right) = (at / g.kernel[1], at % g.kernel[1]);
                let from = |own: usize, stride: usize, step: usize, dilation: usize, pad: usize| {
                    (own * stride + step * dilation).checked_sub(pad)
                };
                let y = from(y, g.strides[0], down, g.dilations[0], g.before[0]);
                let x = from(x, g.strides[1], right, g.dilations[1], g.before[1]);
                let (Some(y), Some(x)) = (y, x) else { continue };
                if y >= image.height || x >= image.width {
                    continue;
                }
                for input in 0..inputs {
                    let channel = output / outputs * inputs + input;
                    let own =
                        self.x[((row * image.height + y) * image.width + x) * g.inputs + channel];
                    let weight =
                        self.weights[(output * inputs + input) * g.kernel[0] * g.kernel[1] + at];
                    sum += f64::from(own) * f64::from(weight);
                }
            }
            all.push(sum.max(0.0));
        }
        all
    }

    fn check(&self) {
        let Case { geometry, image, .. } = self;
        let wanted = self.wanted();
        let pixels = image.height * image.width;
        let mut turned = vec![0f32; self.x.len()];
        channels_first(&self.x, geometry.inputs, pixels, &mut turned);
        let depth = self.weights.len() / geometry.outputs;
        for isa in Isa::all() {
            let (weights, bias) = (self.weights.clone(), Some(self.bias.clone()));
            let own = Convolution::new(isa, *geometry, weights, bias, Activation::Relu);
            for method in [Method::Direct, Method::Winograd(2), Method::Winograd(4)] {
                for channels_first in [false, true] {
                    let source = Source {
                        x: if channels_first { &turned } else { &self.x },
                        image: *image,
                        channels_first,
                        residual: Some(&self.residual),
                    };
                    let mut y = vec![f32::NAN; wanted.len()];
                    own.run_by(method, source, &mut Scratch::default(), &mut y);
                    for (ix, (&have, &want)) in y.iter().zip(&wanted).enumerate() {
                        let off = (f64::from(have) - want).abs();
                        // About the largest sum: where most cancels out, a small one is no more exact.
                        let bound = 1e-5 * (depth as f64).sqrt();
                        assert!(
                            off < bound,
                            "{isa:?}, {method:?}, {geometry:?}, {image:?}, {ix}: {have} for {want}"
                        );
                    }
                }
            }
        }
    }
}

prop_compose! {
    fn case()(
        groups in prop_oneof![3 => Just(1usize), 1 => Just(2), 1 => Just(3)],
        inputs in 1usize..20, outputs in 1usize..20, depthwise in prop::bool::weighted(0.2),
        kernel in prop_oneof![Just([3usize, 3]), Just([1, 1]), Just([2, 5]), Just([4, 3])],
        strides in prop_oneof![3 => Just([1usize, 1]), 1 => Just([2, 3])],
        dilations in prop_oneof![3 => Just([1usize, 1]), 1 => Just([2, 3])],
        before in [0usize..3, 0..3], after in [0usize..3, 0..3],
        rows in 1usize..4, height in 9usize..20, width in 13usize..22, seed: u64,
    ) -> Case {
        let (groups, inputs, outputs) = match depthwise {
            true => (inputs, inputs, inputs),
            false => (groups, groups * inputs, groups * outputs),
        };
        let geometry = Geometry { inputs, outputs, kernel, strides, dilations, before, after, groups };
        Case::new(geometry, Image { rows, height, width }, seed)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 200 }))]
    #[test]
    fn every_method_computes_the_convolution(case in case()) {
        case.check();
    }
}

fn plain(inputs: usize, outputs: usize) -> Geometry {
    Geometry {
        inputs,
        outputs,
        kernel: [3, 3],
        strides: [1, 1],
        dilations: [1, 1],
        before: [1, 1],
        after: [1, 1],
        groups: 1,
    }
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn many_channels_and_images_of_several_blocks() {
    Case::new(plain(64, 96), Image { rows: 5, height: 14, width: 14 }, 1).check();
    Case::new(plain(128, 128), Image { rows: 2, height: 7, width: 7 }, 2).check();
    Case::new(plain(16, 16), Image { rows: 1, height: 70, width: 70 }, 3).check();
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn weights_that_four_results_a_side_would_blur_are_not_used_so() {
    let geometry = plain(16, 16);
    let own = |weights| Convolution::new(Isa::detect(), geometry, weights, None, Activation::None);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let usual: Vec<f32> = (0..16 * 16 * 9).map(|_| rng.random_range(-1.0..1.0)).collect();
    assert!(own(usual.clone()).winograd(4).is_some());
    // So large that the transformed sums are beyond all numbers where the sums themselves are not.
    let large = usual.iter().map(|w| w * 1e37).collect();
    assert!(own(large).winograd(4).is_none());
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn what_is_no_number_infinity_and_the_smallest_numbers_pass_as_in_the_direct_one() {
    let image = Image { rows: 1, height: 9, width: 9 };
    for isa in Isa::all() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-41] {
            let mut case = Case::new(plain(16, 16), image, 7);
            case.x[(2 * 9 + 2) * 16] = bad;
            let (weights, bias) = (case.weights.clone(), Some(case.bias.clone()));
            let own = Convolution::new(isa, case.geometry, weights, bias, Activation::Relu);
            let source = Source { x: &case.x, image, channels_first: false, residual: None };
            let of = |method| {
                let mut y = vec![0f32; 81 * 16];
                own.run_by(method, source, &mut Scratch::default(), &mut y);
                y
            };
            let direct = of(Method::Direct);
            for method in [Method::Winograd(2), Method::Winograd(4)] {
                for (ix, (have, want)) in of(method).iter().zip(&direct).enumerate() {
                    let same = have.is_nan() && want.is_nan()
                        || have == want
                        || (have - want).abs() < 1e-4;
                    assert!(same, "{isa:?}, {method:?}, {bad}, {ix}: {have} for {want}");
                }
            }
        }
    }
}
