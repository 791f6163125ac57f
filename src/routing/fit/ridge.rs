//! Ridge regression in closed form: `W = (ZᵀZ + λnI)⁻¹ ZᵀY` on standardised inputs Z, λ by cross-validation.

use nalgebra::{DMatrix, DVector, RowDVector};

use perforate_base::{Error, ErrorKind, Result};

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

/// What a ridge regression needs to know of rows `x` and targets `y`: their sums and sums of products. Those of
/// several parts of the data add up, so that cross-validation reads the data once, and so can a stream of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    rows: f64,
    x: DVector<f64>,
    y: DVector<f64>,
    xx: DMatrix<f64>,
    xy: DMatrix<f64>,
    yy: f64,
}

impl Moments {
    /// Of nothing yet.
    pub fn new(inputs: usize, outputs: usize) -> Moments {
        Moments {
            rows: 0.0,
            x: DVector::zeros(inputs),
            y: DVector::zeros(outputs),
            xx: DMatrix::zeros(inputs, inputs),
            xy: DMatrix::zeros(inputs, outputs),
            yy: 0.0,
        }
    }

    /// Of rows `x` (`[n, inputs]`) and `y` (`[n, outputs]`).
    pub fn of(x: &DMatrix<f64>, y: &DMatrix<f64>) -> Moments {
        // Products of whole matrices, which are fast; `tr_mul` goes column by column.
        let turned = x.transpose();
        Moments {
            rows: x.nrows() as f64,
            x: x.row_sum_tr(),
            y: y.row_sum_tr(),
            xx: &turned * x,
            xy: &turned * y,
            yy: y.norm_squared(),
        }
    }

    /// Adds the moments of other rows.
    pub fn merge(&mut self, other: &Moments) {
        self.add(other, 1.0);
    }

    /// Adds the moments of other rows, or with `sign` −1 takes them out.
    fn add(&mut self, other: &Moments, sign: f64) {
        self.rows += sign * other.rows;
        self.x += sign * &other.x;
        self.y += sign * &other.y;
        self.xx += sign * &other.xx;
        self.xy += sign * &other.xy;
        self.yy += sign * other.yy;
    }

    /// The fit with penalty `lambda` ≥ 0 per row. Inputs are measured by their standard deviation, so that the
    /// penalty does not depend on units.
    pub fn fit(&self, lambda: f64) -> Result<Linear> {
        let fault = |text: &str| Error::new(ErrorKind::Data, text);
        if self.rows < 1.0 {
            return Err(fault("there are no rows to fit"));
        }
        let (x_mean, y_mean) = (&self.x / self.rows, &self.y / self.rows);
        let mut gram = &self.xx / self.rows - &x_mean * x_mean.transpose();
        let mut right = &self.xy / self.rows - &x_mean * y_mean.transpose();
        let scale =
            DVector::from_iterator(gram.nrows(), gram.diagonal().iter().map(|v| v.max(0.0).sqrt()));
        // A column that is constant says nothing, and gets no weight.
        let least = scale.max() * 1e-6;
        let inverse = scale.map(|s| if s > least && s > 0.0 { 1.0 / s } else { 0.0 });
        for (ix, &by) in inverse.iter().enumerate() {
            gram.row_mut(ix).scale_mut(by);
            gram.column_mut(ix).scale_mut(by);
            right.row_mut(ix).scale_mut(by);
        }
        gram.set_diagonal(&gram.diagonal().add_scalar(lambda + 1e-10));
        let mut weights = gram
            .cholesky()
            .ok_or_else(|| fault("the features are not finite, so nothing can be fitted"))?
            .solve(&right);
        for (ix, &by) in inverse.iter().enumerate() {
            weights.row_mut(ix).scale_mut(by);
        }
        let bias = y_mean.transpose() - x_mean.transpose() * &weights;
        Ok(Linear { weights, bias: bias.row(0).into_owned() })
    }

    /// The sum of squared errors of a fit on these rows.
    pub fn squared_error(&self, fit: &Linear) -> f64 {
        let Linear { weights, bias } = fit;
        let bias = bias.transpose();
        let quadratic = weights.dot(&(&self.xx * weights)) + self.rows * bias.norm_squared();
        let with_bias = (weights.transpose() * &self.x).dot(&bias) - self.y.dot(&bias);
        (quadratic + self.yy - 2.0 * weights.dot(&self.xy) + 2.0 * with_bias).max(0.0)
    }
}

/// The moments of all `folds` together, fitted with the penalty of `lambdas` that predicts best in cross-validation
/// over them; returned with that penalty.
pub fn cross_validated(folds: &[Moments], lambdas: &[f64]) -> Result<(Linear, f64)> {
    let Some((first, rest)) = folds.split_first() else {
        return Err(Error::new(ErrorKind::Data, "there are no rows to fit"));
    };
    let mut all = first.clone();
    rest.iter().for_each(|fold| all.add(fold, 1.0));
    let mut best = (f64::INFINITY, lambdas.first().copied().unwrap_or(0.0));
    for &lambda in lambdas.iter().filter(|_| lambdas.len() > 1 && folds.len() > 1) {
        let mut error = 0.0;
        for held_out in folds {
            let mut others = all.clone();
            others.add(held_out, -1.0);
            error += held_out.squared_error(&others.fit(lambda)?);
        }
        if error < best.0 {
            best = (error, lambda);
        }
    }
    Ok((all.fit(best.1)?, best.1))
}

/// Fits `y` (`[n, outputs]`) from `x` (`[n, inputs]`) with penalty `lambda` ≥ 0 per sample.
pub fn ridge(x: &DMatrix<f64>, y: &DMatrix<f64>, lambda: f64) -> Result<Linear> {
    check(x, y)?;
    Moments::of(x, y).fit(lambda)
}

/// Fits with the penalty of `lambdas` that predicts best in `folds`-fold cross-validation.
/// Folds are interleaved rows, so shuffle sorted data first.
pub fn ridge_cv(
    x: &DMatrix<f64>,
    y: &DMatrix<f64>,
    lambdas: &[f64],
    folds: usize,
) -> Result<(Linear, f64)> {
    check(x, y)?;
    let fold = |fold: usize| {
        let rows: Vec<usize> = (fold..x.nrows()).step_by(folds).collect();
        Moments::of(&x.select_rows(&rows), &y.select_rows(&rows))
    };
    cross_validated(&(0..folds).map(fold).collect::<Vec<_>>(), lambdas)
}

fn check(x: &DMatrix<f64>, y: &DMatrix<f64>) -> Result<()> {
    if x.nrows() != y.nrows() || x.nrows() == 0 {
        let text =
            format!("{} rows of features cannot be fitted to {} targets", x.nrows(), y.nrows());
        return Err(Error::new(ErrorKind::Data, text));
    }
    Ok(())
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
    fn the_error_from_moments_is_the_error() {
        let (x, y) = data();
        let y = y.map(|v| v + (v * 7.0).sin());
        let fit = ridge(&x, &y, 0.1).unwrap();
        let direct = (fit.apply(&x) - &y).norm_squared();
        let error = Moments::of(&x, &y).squared_error(&fit);
        assert!((direct - error).abs() < 1e-9 * direct, "{direct} {error}");
    }

    #[test]
    fn a_constant_column_gets_no_weight() {
        let (x, y) = data();
        let x = x.insert_column(1, 4.0);
        let fit = ridge(&x, &y, 1e-9).unwrap();
        assert!((fit.apply(&x) - &y).abs().max() < 1e-5);
        assert_eq!(fit.weights.row(1).abs().max(), 0.0);
    }

    #[test]
    fn a_strong_penalty_leaves_the_mean() {
        let (x, y) = data();
        let fit = ridge(&x, &y, 1e12).unwrap();
        assert!((fit.bias - y.row_mean()).abs().max() < 1e-6);
    }
}
