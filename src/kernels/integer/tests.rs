//! Every kernel of this machine, held to the definition.

use proptest::prelude::*;

use super::{Isa, PackedInt4, PackedInt8};
use crate::product::{Activation, Finish};

/// The sums by the definition.
fn reference(q: &[i8], w: &[i8], k: usize, n: usize) -> Vec<i32> {
    let rows = q.len() / k;
    let sum = |row: usize, column: usize| {
        (0..k).map(|i| i32::from(q[row * k + i]) * i32::from(w[i * n + column])).sum()
    };
    (0..rows * n).map(|at| sum(at / n, at % n)).collect()
}

fn number() -> impl Strategy<Value = i8> {
    // The extremes come often.
    prop_oneof![Just(-127i8), Just(127i8), Just(0i8), -127i8..=127]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn every_kernel_gives_the_exact_sums(
        (rows, k, n, q, w) in (1usize..19, 1usize..70, 1usize..70).prop_flat_map(|(rows, k, n)| {
            let q = prop::collection::vec(number(), rows * k);
            (Just(rows), Just(k), Just(n), q, prop::collection::vec(number(), k * n))
        })
    ) {
        let wanted = reference(&q, &w, k, n);
        prop_assert_eq!(wanted.len(), rows * n);
        for isa in Isa::all() {
            let packed = PackedInt8::for_isa(isa, k, n, &w, &vec![1.0; n]);
            prop_assert_eq!(&packed.sums(&q), &wanted, "{:?}", isa);
        }
    }
}

#[test]
fn the_largest_sums_fit() {
    let (k, n) = (1536, 33);
    let (q, w) = (vec![-127i8; 3 * k], vec![127i8; k * n]);
    for isa in Isa::all() {
        let packed = PackedInt8::for_isa(isa, k, n, &w, &vec![1.0; n]);
        assert!(packed.sums(&q).iter().all(|&sum| sum == -127 * 127 * 1536), "{isa:?}");
    }
}

#[test]
fn a_row_of_zeros_gives_zeros() {
    for isa in Isa::all() {
        let mut y = vec![1.0; 3];
        PackedInt8::for_isa(isa, 2, 3, &[9; 6], &[1.0; 3]).product(
            &[0.0; 2],
            Finish::default(),
            &mut y,
        );
        assert_eq!(y, [0.0; 3], "{isa:?}");
    }
}

#[test]
fn what_is_not_finite_stays_so() {
    for isa in Isa::all() {
        let mut y = vec![1.0; 6];
        let packed = PackedInt8::for_isa(isa, 2, 3, &[9; 6], &[1.0; 3]);
        packed.product(&[0.5, f32::INFINITY, 1.0, 1.0], Finish::default(), &mut y);
        assert!(y[..3].iter().all(|v| v.is_nan()), "{isa:?}: {y:?}");
        assert!(y[3..].iter().all(|v| v.is_finite()), "{isa:?}: {y:?}");
    }
}

#[test]
fn a_product_is_near_the_one_in_f32() {
    let (rows, k, n) = (5, 64, 20);
    let x: Vec<f32> = (0..rows * k).map(|ix| ((ix * 37 % 101) as f32 - 50.0) / 9.0).collect();
    let w: Vec<i8> = (0..k * n).map(|ix| ((ix * 53 % 255) as i32 - 127) as i8).collect();
    let scales: Vec<f32> = (0..n).map(|ix| 0.01 + 0.001 * ix as f32).collect();
    let exact = |row: usize, column: usize| -> f32 {
        (0..k).map(|i| x[row * k + i] * f32::from(w[i * n + column]) * scales[column]).sum()
    };
    let mut first: Option<Vec<f32>> = None;
    for isa in Isa::all() {
        let mut y = vec![0.0; rows * n];
        PackedInt8::for_isa(isa, k, n, &w, &scales).product(&x, Finish::default(), &mut y);
        for (at, &own) in y.iter().enumerate() {
            let wanted = exact(at / n, at % n);
            assert!((own - wanted).abs() < 1.5, "{isa:?}: {own} for {wanted}");
        }
        // All kernels give the very same numbers.
        assert_eq!(first.get_or_insert(y.clone()), &y, "{isa:?}");
    }
}

#[test]
fn what_follows_a_product_is_done_with_it() {
    let (rows, k, n) = (5, 64, 43);
    let x: Vec<f32> = (0..rows * k).map(|ix| ((ix * 37 % 101) as f32 - 50.0) / 9.0).collect();
    let w: Vec<i8> = (0..k * n).map(|ix| (ix * 53 % 15) as i8 - 7).collect();
    let bias: Vec<f32> = (0..n).map(|ix| ix as f32 - 20.0).collect();
    let residual: Vec<f32> = (0..rows * n).map(|ix| (ix % 13) as f32).collect();
    for isa in Isa::all() {
        let eight = PackedInt8::for_isa(isa, k, n, &w, &vec![0.01; n]);
        let four = PackedInt4::for_isa(isa, k, n, &w, &vec![0x2000; k / 32 * n]);
        let run = |is_eight: bool, finish: Finish<'_>| {
            let mut y = vec![f32::NAN; rows * n];
            match is_eight {
                true => eight.product(&x, finish, &mut y),
                false => four.product(&x, finish, &mut y),
            }
            y
        };
        for is_eight in [true, false] {
            let plain = run(is_eight, Finish::default());
            let activation = Activation::Relu;
            let own =
                run(is_eight, Finish { bias: Some(&bias), residual: Some(&residual), activation });
            for (at, own) in own.iter().enumerate() {
                let wanted = (plain[at] + bias[at % n] + residual[at]).max(0.0);
                assert_eq!(*own, wanted, "{isa:?}, {at}");
            }
        }
    }
}
