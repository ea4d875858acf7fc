//! Weighted least squares on few variables, gathered a row at a time: LIME's and KernelSHAP's arithmetic.
//!
//! A [`Gram`] holds sums over rows, so that two of them can be added and subtracted: leaving out a part of the rows costs
//! one solve, which is how the jackknife tells the standard error.

use std::ops::{AddAssign, Sub};

use ndarray::{Array1, Array2};

/// Sums over weighted rows (x, y): all that least squares needs to know of them.
#[derive(Debug, Clone)]
pub(super) struct Gram {
    weight: f64,
    x: Array1<f64>,
    y: f64,
    xx: Array2<f64>,
    xy: Array1<f64>,
    yy: f64,
}

/// A fitted plane.
#[derive(Debug, Clone)]
pub(super) struct Plane {
    /// One a variable.
    pub(super) weights: Array1<f64>,
    /// The value where all variables are 0.
    pub(super) intercept: f64,
    /// Share of the weighted variance of y that the plane explains, at most 1; 0 where y does not vary.
    pub(super) r2: f64,
}

impl Gram {
    /// No rows, of `variables` variables.
    pub(super) fn new(variables: usize) -> Gram {
        Gram {
            weight: 0.0,
            x: Array1::zeros(variables),
            y: 0.0,
            xx: Array2::zeros((variables, variables)),
            xy: Array1::zeros(variables),
            yy: 0.0,
        }
    }

    /// Adds a row.
    pub(super) fn add(&mut self, x: &[f64], y: f64, weight: f64) {
        self.weight += weight;
        self.y += weight * y;
        self.yy += weight * y * y;
        // Rows are mostly zeros and ones.
        let filled: Vec<usize> = (0..x.len()).filter(|i| x[*i] != 0.0).collect();
        for &i in &filled {
            let scaled = weight * x[i];
            self.x[i] += scaled;
            self.xy[i] += scaled * y;
            for &j in &filled {
                self.xx[[i, j]] += scaled * x[j];
            }
        }
    }

    /// Ridge regression with an intercept, which is not penalised.
    pub(super) fn ridge(&self, alpha: f64) -> Plane {
        let total = self.weight.max(f64::MIN_POSITIVE);
        let (x_mean, y_mean) = (&self.x / total, self.y / total);
        let outer = |i: usize, j: usize| self.weight * x_mean[i] * x_mean[j];
        let xx = Array2::from_shape_fn(self.xx.dim(), |(i, j)| self.xx[[i, j]] - outer(i, j));
        let xy = &self.xy - &(&x_mean * self.y);
        let yy = self.yy - self.weight * y_mean * y_mean;
        let weights = solve(&xx, &xy, alpha);
        let explained = 2.0 * weights.dot(&xy) - weights.dot(&xx.dot(&weights));
        // Rounding of sums of squares, relative to what was summed.
        let varies = yy > 1e-12 * self.yy.abs().max(f64::MIN_POSITIVE);
        let r2 = if varies { explained / yy } else { 0.0 };
        Plane { intercept: y_mean - weights.dot(&x_mean), weights, r2 }
    }

    /// Plain least squares without intercept.
    pub(super) fn through_origin(&self) -> Array1<f64> {
        solve(&self.xx, &self.xy, 0.0)
    }
}

impl AddAssign<&Gram> for Gram {
    fn add_assign(&mut self, other: &Gram) {
        self.weight += other.weight;
        self.x += &other.x;
        self.y += other.y;
        self.xx += &other.xx;
        self.xy += &other.xy;
        self.yy += other.yy;
    }
}

impl Sub<&Gram> for &Gram {
    type Output = Gram;

    fn sub(self, other: &Gram) -> Gram {
        Gram {
            weight: self.weight - other.weight,
            x: &self.x - &other.x,
            y: self.y - other.y,
            xx: &self.xx - &other.xx,
            xy: &self.xy - &other.xy,
            yy: self.yy - other.yy,
        }
    }
}

/// The solution of `(a + alpha) x = b` for a symmetric `a` without negative eigenvalues, by Cholesky's decomposition. A
/// variable that the rows cannot tell from the others gets 0.
pub(super) fn solve(a: &Array2<f64>, b: &Array1<f64>, alpha: f64) -> Array1<f64> {
    let n = b.len();
    let mut lower = Array2::<f64>::zeros((n, n));
    let largest = (0..n).map(|i| a[[i, i]]).fold(0.0, f64::max) + alpha;
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| lower[[i, k]] * lower[[j, k]]).sum();
            let rest = a[[i, j]] + if i == j { alpha } else { 0.0 } - known;
            lower[[i, j]] = match (i == j, lower[[j, j]] > 0.0) {
                // A pivot of rounding errors alone: the row adds nothing.
                (true, _) => {
                    if rest > 1e-12 * largest {
                        rest.sqrt()
                    } else {
                        0.0
                    }
                }
                (false, true) => rest / lower[[j, j]],
                (false, false) => 0.0,
            };
        }
    }
    let mut x = b.clone();
    for i in 0..n {
        let known: f64 = (0..i).map(|k| lower[[i, k]] * x[k]).sum();
        x[i] = if lower[[i, i]] > 0.0 { (x[i] - known) / lower[[i, i]] } else { 0.0 };
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| lower[[k, i]] * x[k]).sum();
        x[i] = if lower[[i, i]] > 0.0 { (x[i] - known) / lower[[i, i]] } else { 0.0 };
    }
    x
}

/// How many parts the jackknife leaves out in turn.
pub(super) const PARTS: usize = 8;

/// The standard error of each of some values by the jackknife, from the values that come out when each of the [`PARTS`] is
/// left out in turn (Miller, Biometrika 1974).
pub(super) fn jackknife(without: &[Array1<f64>]) -> Array1<f64> {
    let Some(first) = without.first() else { return Array1::zeros(0) };
    let parts = without.len() as f64;
    let zeros = Array1::<f64>::zeros(first.len());
    let mean = without.iter().fold(zeros.clone(), |sum, values| sum + values) / parts;
    let squares =
        without.iter().fold(zeros, |sum, values| sum + (values - &mean).mapv(|difference| difference * difference));
    (squares * ((parts - 1.0) / parts)).sqrt()
}

/// The root mean square of the errors relative to the largest value; 0 where there is none.
pub(super) fn relative_error(errors: &Array1<f64>, values: &Array1<f64>) -> f64 {
    let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let mean_square = errors.iter().map(|error| error * error).sum::<f64>() / errors.len().max(1) as f64;
    if largest > 0.0 { mean_square.sqrt() / largest } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_plane_is_found_again_and_ridge_shrinks_it() {
        let mut gram = Gram::new(2);
        for (x, weight) in [([0.0, 0.0], 1.0), ([1.0, 0.0], 2.0), ([0.0, 1.0], 0.5), ([1.0, 1.0], 1.5)] {
            gram.add(&x, 3.0 + 2.0 * x[0] - x[1], weight);
        }
        let plane = gram.ridge(1e-9);
        assert!((plane.weights - array![2.0, -1.0]).iter().all(|difference| difference.abs() < 1e-6));
        assert!((plane.intercept - 3.0).abs() < 1e-6 && (plane.r2 - 1.0).abs() < 1e-6);
        let shrunk = gram.ridge(1.0);
        assert!(shrunk.weights[0] < 1.9 && shrunk.r2 < 0.99);
    }

    #[test]
    fn a_variable_that_never_moves_gets_nothing() {
        let mut gram = Gram::new(2);
        gram.add(&[1.0, 0.0], 2.0, 1.0);
        gram.add(&[2.0, 0.0], 4.0, 1.0);
        let found = gram.through_origin();
        assert!((found[0] - 2.0).abs() < 1e-12 && found[1].abs() < 1e-12, "{found}");
        let constant = {
            let mut gram = Gram::new(1);
            gram.add(&[1.0], 5.0, 1.0);
            gram.ridge(1.0)
        };
        assert_eq!((constant.weights[0], constant.r2), (0.0, 0.0));
    }

    /// For a mean the jackknife is the textbook's standard error.
    #[test]
    fn the_jackknife_of_a_mean_is_its_standard_error() {
        let values = [1.0, 4.0, 2.0, 8.0, 5.0, 7.0, 1.0, 3.0];
        let sum: f64 = values.iter().sum();
        let without: Vec<_> = values.iter().map(|value| array![(sum - value) / 7.0]).collect();
        let mean = sum / 8.0;
        let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / 7.0;
        assert!((jackknife(&without)[0] - (variance / 8.0).sqrt()).abs() < 1e-12);
    }
}
