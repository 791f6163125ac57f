//! Distortions of images, as a camera, a scanner or a person makes them.
//!
//! Of each kind five strengths, as in Mu and Gilmer, "MNIST-C: A Robustness Benchmark for Computer Vision" (2019), and
//! Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations" (ICLR 2019).

use ndarray::{ArrayD, ArrayView2, ArrayViewMut2, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use perforate_base::{Error, ErrorKind, Result};
use perforate_engine::{Batch, to_array};

use super::perturbation::{Perturbation, STRENGTHS};

/// Height for which shifts are given in pixels; larger images move by as large a part of theirs.
const USUAL_HEIGHT: f32 = 28.0;

/// A kind of distortion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distortion {
    /// Normal noise is added to each pixel.
    Noise,
    /// Each pixel becomes the mean of those around it, weighted by a Gaussian.
    Blur,
    /// The image is turned about its middle, to either side.
    Rotation,
    /// All pixels move towards their mean.
    Contrast,
    /// The image is moved, in any direction.
    Translation,
}

impl Distortion {
    /// All kinds.
    pub const ALL: [Distortion; 5] = [
        Distortion::Noise,
        Distortion::Blur,
        Distortion::Rotation,
        Distortion::Contrast,
        Distortion::Translation,
    ];

    /// What it is called, for people.
    pub fn name(self) -> &'static str {
        match self {
            Distortion::Noise => "noise",
            Distortion::Blur => "blur",
            Distortion::Rotation => "rotation",
            Distortion::Contrast => "less contrast",
            Distortion::Translation => "translation",
        }
    }

    /// How much of it at each strength: the noise's standard deviation with pixels in 0…1, the Gaussian's in pixels,
    /// degrees, the share of the contrast that stays, pixels of 28.
    pub fn amounts(self) -> [f32; STRENGTHS] {
        match self {
            Distortion::Noise => [0.04, 0.08, 0.12, 0.18, 0.26],
            Distortion::Blur => [0.5, 0.75, 1.0, 1.25, 1.5],
            Distortion::Rotation => [5.0, 10.0, 15.0, 22.0, 30.0],
            Distortion::Contrast => [0.8, 0.65, 0.5, 0.35, 0.2],
            Distortion::Translation => [1.0, 2.0, 3.0, 4.0, 5.0],
        }
    }

    /// One image `[1, channels, height, width]` after the distortion.
    ///
    /// # Errors
    /// `Data` where the input is no image.
    pub fn apply(self, image: Batch, strength: usize, seed: u64) -> Result<Batch> {
        let fault = |shape: &[usize]| {
            let text =
                format!("only images [N, channels, height, width] are distorted, not {shape:?}");
            Error::new(ErrorKind::Data, text)
        };
        let mut names = image.names();
        let (Some(name), None) = (names.next(), names.next()) else { return Err(fault(&[])) };
        let name = name.to_string();
        let tensor = image.get(&name).ok_or_else(|| fault(&[]))?;
        let mut pixels: ArrayD<f32> = to_array(tensor)?;
        if pixels.ndim() != 4 {
            return Err(fault(pixels.shape()));
        }
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let amount = self.amounts()[strength.clamp(1, STRENGTHS) - 1];
        // The channels of one image move alike.
        let (turn, direction) =
            (if random.random() { amount } else { -amount }, random.random_range(0.0..360.0f32));
        for mut planes in pixels.axis_iter_mut(Axis(0)) {
            for plane in planes.axis_iter_mut(Axis(0)) {
                let Ok(mut plane) = plane.into_dimensionality() else { continue };
                match self {
                    Distortion::Noise => plane.mapv_inplace(|v: f32| {
                        let noise: f32 = StandardNormal.sample(&mut random);
                        (v + amount * noise).clamp(0.0, 1.0)
                    }),
                    Distortion::Blur => blur(&mut plane, amount),
                    Distortion::Rotation => rotate(&mut plane, turn.to_radians()),
                    Distortion::Contrast => {
                        let mean = plane.mean().unwrap_or_default();
                        plane.mapv_inplace(|v| mean + amount * (v - mean));
                    }
                    Distortion::Translation => {
                        let far = amount * plane.nrows() as f32 / USUAL_HEIGHT;
                        let (sin, cos) = direction.to_radians().sin_cos();
                        let whole = |x: f32| (far * x).round();
                        resample(&mut plane, |y, x| (y - whole(sin), x - whole(cos)));
                    }
                }
            }
        }
        Ok(Batch::new().with(&name, pixels))
    }
}

/// All distortions of images at all strengths.
pub fn of_images(seed: u64) -> Vec<Perturbation> {
    let kinds = Distortion::ALL.into_iter();
    let strengths = |kind| (1..=STRENGTHS).map(move |own| Perturbation::of_images(kind, own, seed));
    kinds.flat_map(strengths).collect()
}

/// A Gaussian of this standard deviation, first along rows, then along columns; beyond the edge, its pixels go on.
fn blur(plane: &mut ArrayViewMut2<f32>, deviation: f32) {
    let reach = (3.0 * deviation).ceil() as isize;
    let weights: Vec<f32> =
        (-reach..=reach).map(|at| (-0.5 * (at as f32 / deviation).powi(2)).exp()).collect();
    let all: f32 = weights.iter().sum();
    for axis in [Axis(0), Axis(1)] {
        for mut lane in plane.lanes_mut(axis) {
            let before = lane.to_vec();
            let last = before.len() as isize - 1;
            for (ix, pixel) in lane.iter_mut().enumerate() {
                let near = |at: isize| before[(ix as isize + at).clamp(0, last) as usize];
                *pixel =
                    (-reach..=reach).zip(&weights).map(|(at, w)| w * near(at)).sum::<f32>() / all;
            }
        }
    }
}

fn rotate(plane: &mut ArrayViewMut2<f32>, angle: f32) {
    let (middle_y, middle_x) = ((plane.nrows() - 1) as f32 / 2.0, (plane.ncols() - 1) as f32 / 2.0);
    let (sin, cos) = angle.sin_cos();
    resample(plane, |y, x| {
        let (y, x) = (y - middle_y, x - middle_x);
        (middle_y + cos * y - sin * x, middle_x + sin * y + cos * x)
    });
}

/// Each pixel from the place that `from` names, between four of them; outside of the image lies the corners' mean.
fn resample(plane: &mut ArrayViewMut2<f32>, from: impl Fn(f32, f32) -> (f32, f32)) {
    let before = plane.to_owned();
    let before = before.view();
    let outside = ground(&before);
    let at = |y: isize, x: isize| {
        let inside = y >= 0 && x >= 0;
        inside.then(|| before.get((y as usize, x as usize)).copied()).flatten().unwrap_or(outside)
    };
    for ((y, x), pixel) in plane.indexed_iter_mut() {
        let (y, x) = from(y as f32, x as f32);
        let (top, left) = (y.floor(), x.floor());
        let (down, right) = (y - top, x - left);
        let (top, left) = (top as isize, left as isize);
        let row = |y| at(y, left) * (1.0 - right) + at(y, left + 1) * right;
        *pixel = row(top) * (1.0 - down) + row(top + 1) * down;
    }
}

/// What lies around an image.
fn ground(plane: &ArrayView2<f32>) -> f32 {
    let (last_y, last_x) = (plane.nrows() - 1, plane.ncols() - 1);
    let corners = [(0, 0), (0, last_x), (last_y, 0), (last_y, last_x)];
    corners.iter().map(|&at| plane[at]).sum::<f32>() / 4.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Samples;

    fn image() -> ArrayD<f32> {
        ArrayD::from_shape_fn(vec![1, 1, 28, 28], |ix| {
            let (y, x) = (ix[2] as f32 - 13.5, ix[3] as f32 - 13.5);
            if y.abs() < 8.0 && x.abs() < 5.0 { 0.8 } else { 0.0 }
        })
    }

    fn distorted(kind: Distortion, strength: usize, seed: u64) -> ArrayD<f32> {
        let batch = kind.apply(Batch::new().with("x", image()), strength, seed).unwrap();
        to_array(batch.get("x").unwrap()).unwrap()
    }

    #[test]
    fn every_kind_changes_more_with_its_strength_and_leaves_pixels_in_range() {
        for kind in Distortion::ALL {
            let far = |strength| {
                let own = distorted(kind, strength, 7);
                assert!(own.iter().all(|v| (0.0..=1.0).contains(v)), "{kind:?} {strength}");
                (own - image()).mapv(|v| v * v).sum()
            };
            let all: Vec<f32> = (1..=STRENGTHS).map(far).collect();
            assert!(all.is_sorted() && all[0] > 0.0 && all[4] > 1.5 * all[0], "{kind:?}: {all:?}");
        }
    }

    #[test]
    fn a_seed_gives_one_image_and_another_another() {
        for kind in [Distortion::Noise, Distortion::Translation, Distortion::Rotation] {
            assert_eq!(distorted(kind, 3, 1), distorted(kind, 3, 1));
            assert!(
                (2..9).any(|seed| distorted(kind, 3, seed) != distorted(kind, 3, 1)),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn a_translation_moves_all_of_it() {
        let own = distorted(Distortion::Translation, 2, 3);
        assert!((own.sum() - image().sum()).abs() < 1e-3, "nothing is lost while it stays inside");
        assert_ne!(own, image());
    }

    #[test]
    fn a_blur_keeps_the_mean_and_a_rotation_nearly() {
        for (kind, near) in [(Distortion::Blur, 1e-3), (Distortion::Rotation, 2.0)] {
            let own = distorted(kind, 5, 1).sum();
            assert!((own - image().sum()).abs() < near, "{kind:?}: {own}, {}", image().sum());
        }
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let flat =
            Samples::new(Batch::new().with("x", ArrayD::<f32>::zeros(vec![2, 4])), None).unwrap();
        let own = Perturbation::of_images(Distortion::Blur, 1, 1);
        let text = own.row(&flat, 0).unwrap_err().to_string();
        assert!(text.contains("[1, 4]"), "{text}");
    }
}
