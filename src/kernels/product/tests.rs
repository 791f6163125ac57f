//! Products against sums in 64 bits.

use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::isa::Isa;

fn draw(rng: &mut ChaCha8Rng, count: usize) -> Vec<f32> {
    (0..count).map(|_| rng.random_range(-1.0f32..1.0)).collect()
}

fn activated(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Clip(low, high) => x.clamp(f64::from(low), f64::from(high)),
        Activation::LeakyRelu(slope) => {
            if x < 0.0 {
                x * f64::from(slope)
            } else {
                x
            }
        }
        Activation::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        Activation::Gelu if x.abs() > 6.0 => x.max(0.0),
        // erf by its series, which takes ever more terms.
        Activation::Gelu => {
            let z = x / std::f64::consts::SQRT_2;
            let mut term = z;
            let mut sum = z;
            for n in 1..80 {
                term *= -z * z / f64::from(n);
                sum += term / f64::from(2 * n + 1);
            }
            x * (1.0 + 2.0 / std::f64::consts::PI.sqrt() * sum) / 2.0
        }
    }
}

fn check(m: usize, k: usize, n: usize, activation: Activation, residual: bool, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (x, w) = (draw(&mut rng, m * k), draw(&mut rng, k * n));
    let (bias, other) = (draw(&mut rng, n), draw(&mut rng, m * n));
    for isa in Isa::all() {
        let packed = Packed::new(isa, k, n, |row, column| w[row * n + column]);
        let finish =
            Finish { bias: Some(&bias), residual: residual.then_some(&other[..]), activation };
        let mut y = vec![f32::NAN; m * n];
        dense(&x, &packed, finish, &mut y);
        for (ix, &have) in y.iter().enumerate() {
            let (row, column) = (ix / n, ix % n);
            let pairs = (0..k).map(|at| f64::from(x[row * k + at]) * f64::from(w[at * n + column]));
            let more = if residual { f64::from(other[ix]) } else { 0.0 };
            let wanted = activated(activation, pairs.sum::<f64>() + f64::from(bias[column]) + more);
            let off = (f64::from(have) - wanted).abs();
            assert!(
                off < 1e-5 * (k as f64).sqrt(),
                "{isa:?}, {m} × {k} × {n}, {ix}: {have} for {wanted}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 256 }))]
    #[test]
    fn products_are_sums_of_products(
        m in 1usize..30, k in 1usize..70, n in 1usize..90, residual: bool, seed: u64,
        activation in prop_oneof![
            Just(Activation::None), Just(Activation::Relu), Just(Activation::Clip(-0.5, 1.5)),
            Just(Activation::LeakyRelu(0.1)), Just(Activation::HardSwish), Just(Activation::Gelu),
        ],
    ) {
        check(m, k, n, activation, residual, seed);
    }
}

#[test]
#[cfg_attr(miri, ignore = "long")]
fn large_ones_too() {
    check(130, 1536, 200, Activation::None, true, 5);
    check(700, 300, 33, Activation::Relu, false, 6);
}

#[test]
fn what_is_no_number_stays_so_and_infinity_passes() {
    for isa in Isa::all() {
        for activation in [Activation::None, Activation::Relu, Activation::Clip(0.0, f32::INFINITY)]
        {
            let packed = Packed::new(isa, 3, 5, |_, column| column as f32 + 1.0);
            let mut y = [0f32; 15];
            let x = [f32::NAN, 1.0, 2.0, f32::INFINITY, 1.0, 0.0, 1e-41, 0.0, 0.0];
            dense(&x, &packed, Finish { activation, ..Finish::default() }, &mut y);
            assert!(y[..5].iter().all(|v| v.is_nan()), "{isa:?}, {activation:?}: {y:?}");
            assert_eq!(y[5..10], [f32::INFINITY; 5], "{isa:?}");
            assert_eq!(y[10], 1e-41, "{isa:?}: the smallest numbers are not lost");
        }
    }
}

#[test]
fn activations_of_large_numbers() {
    for isa in Isa::all() {
        let packed = Packed::new(isa, 1, 1, |_, _| 1.0);
        for (activation, x, wanted) in [
            (Activation::Gelu, 30.0, 30.0),
            (Activation::Gelu, -30.0, 0.0),
            (Activation::HardSwish, 9.0, 9.0),
            (Activation::HardSwish, -9.0, 0.0),
        ] {
            let mut y = [7f32];
            dense(&[x], &packed, Finish { activation, ..Finish::default() }, &mut y);
            assert_eq!(y, [wanted], "{isa:?}, {activation:?}");
        }
    }
}
