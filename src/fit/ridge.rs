//! Ridge regression in closed form: `W = (XᵀX + λnI)⁻¹ XᵀY` on centred data, λ by cross-validation.

use nalgebra::{DMatrix, DVector, RowDVector};

use crate::error::{Error, ErrorKind, Result};

/// A linear map `y = xW + b`.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// Shape `[inputs, outputs]`.
    pub weights: DMatrix<f64>,
    /// Length `outputs`.
    pub bias: RowDVector<f64>,
}

impl Linear {
    /// Applies the map to rows `x` of shape `[n, inputs]`.
    pub fn apply(&self, x: &DMatrix<f64>) -> DMatrix<f64> {
        let mut y = x * &self.weights;
        y.row_iter_mut().for_each(|mut row| row += &self.bias);
        y
    }
}

/// Fits `y` (`[n, outputs]`) from `x` (`[n, inputs]`) with penalty `lambda` ≥ 0 per sample.
pub fn ridge(x: &DMatrix<f64>, y: &DMatrix<f64>, lambda: f64) -> Result<Linear> {
    if x.nrows() != y.nrows() || x.nrows() == 0 {
        return Err(Error::new(
            ErrorKind::Data,
            format!("{} rows of features cannot be fitted to {} targets", x.nrows(), y.nrows()),
        ));
    }
    let (x_mean, y_mean) = (x.row_mean(), y.row_mean());
    let centred = |matrix: &DMatrix<f64>, mean: &RowDVector<f64>| {
        let mut matrix = matrix.clone();
        matrix.row_iter_mut().for_each(|mut row| row -= mean);
        matrix
    };
    let (xc, yc) = (centred(x, &x_mean), centred(y, &y_mean));
    let mut gram = xc.tr_mul(&xc);
    let penalty = lambda * x.nrows() as f64;
    // A tiny multiple of the trace keeps constant columns from making the matrix singular.
    let floor = 1e-10 * gram.trace().max(f64::MIN_POSITIVE) / gram.nrows().max(1) as f64;
    gram.set_diagonal(&(gram.diagonal() + DVector::from_element(gram.nrows(), penalty + floor)));
    let weights = gram
        .cholesky()
        .ok_or_else(|| {
            Error::new(ErrorKind::Data, "the features are not finite, so nothing can be fitted")
        })?
        .solve(&xc.tr_mul(&yc));
    let bias = y_mean - x_mean * &weights;
    Ok(Linear { weights, bias })
}

/// Fits with the penalty of `lambdas` that predicts best in `folds`-fold cross-validation.
/// Folds are interleaved rows, so shuffle sorted data first.
pub fn ridge_cv(
    x: &DMatrix<f64>,
    y: &DMatrix<f64>,
    lambdas: &[f64],
    folds: usize,
) -> Result<(Linear, f64)> {
    let mut best = (f64::INFINITY, lambdas.first().copied().unwrap_or(0.0));
    for &lambda in lambdas.iter().filter(|_| lambdas.len() > 1) {
        let mut loss = 0.0;
        for fold in 0..folds {
            let part = |held_out: bool| -> Vec<usize> {
                (0..x.nrows()).filter(|row| (row % folds == fold) == held_out).collect()
            };
            let (train, held_out) = (part(false), part(true));
            let fit = ridge(&x.select_rows(&train), &y.select_rows(&train), lambda)?;
            loss +=
                (fit.apply(&x.select_rows(&held_out)) - y.select_rows(&held_out)).norm_squared();
        }
        if loss < best.0 {
            best = (loss, lambda);
        }
    }
    Ok((ridge(x, y, best.1)?, best.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> (DMatrix<f64>, DMatrix<f64>) {
        let x = DMatrix::from_fn(40, 3, |i, j| ((i * 7 + j * 13) % 11) as f64 - 5.0);
        let y = DMatrix::from_fn(40, 2, |i, j| 2.0 * x[(i, 0)] - x[(i, j + 1)] + 3.0);
        (x, y)
    }

    #[test]
    fn recovers_a_linear_map() {
        let (x, y) = data();
        let fit = ridge(&x, &y, 0.0).unwrap();
        assert!((fit.apply(&x) - &y).abs().max() < 1e-6);
        assert!((fit.bias[0] - 3.0).abs() < 1e-6);
    }

    #[test]
    fn cross_validation_prefers_the_small_penalty_on_clean_data() {
        let (x, y) = data();
        assert_eq!(ridge_cv(&x, &y, &[10.0, 1e-6, 1.0], 5).unwrap().1, 1e-6);
    }

    #[test]
    fn a_strong_penalty_leaves_the_mean() {
        let (x, y) = data();
        let fit = ridge(&x, &y, 1e12).unwrap();
        assert!((fit.bias - y.row_mean()).abs().max() < 1e-6);
    }
}
