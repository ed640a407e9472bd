//! The delta method: how parameters, on the scales of their intervals, change with the coordinates.

use gmm_core::{Mixture, Shape};
use nalgebra::DMatrix;

use super::Parameter;
use super::layout::Layout;
use super::parameter::Scale;

/// Derivatives of parameters on their scales, in the coordinates of a mixture.
///
/// ```text
/// logit w_k    d/d ln(w_l / w_K) = ((k = l) - w_l) / (1 - w_k)
/// mu_kj        d/d mean = s_j
/// S_ij         d/d L_im = L_jm,  d/d L_jm = L_im   (both where i = j), times L_mm on the diagonal, else the row's s
/// ln S_ii      that of S_ii over S_ii
/// ```
pub(crate) struct Delta<'a> {
    mixture: &'a Mixture,
    layout: Layout,
    scales: &'a [f64],
    /// The packed factor L of each learned covariance.
    factors: Vec<Vec<f64>>,
}

impl<'a> Delta<'a> {
    pub(crate) fn new(mixture: &'a Mixture, layout: Layout, scales: &'a [f64]) -> Self {
        let factor = |covariance: &gmm_core::Covariance| {
            let mut factor = vec![0.0; layout.entries];
            covariance.write_factor(&mut factor);
            factor
        };
        let factors = mixture.covariances().iter().take(layout.covariances).map(factor).collect();
        Self { mixture, layout, scales, factors }
    }

    /// The standard error of a parameter on its scale, for a covariance matrix of the coordinates; NaN where rounding
    /// leaves no positive variance.
    pub(crate) fn standard_error(&self, parameter: Parameter, covariance: &DMatrix<f64>) -> f64 {
        let gradient = self.gradient(parameter);
        let with = |i: usize| gradient.iter().map(|&(j, g)| g * covariance[(i, j)]).sum::<f64>();
        gradient.iter().map(|&(i, g)| g * with(i)).sum::<f64>().sqrt()
    }

    /// The places where the gradient of a parameter is not zero, with its values there; a place may occur twice.
    fn gradient(&self, parameter: Parameter) -> Vec<(usize, f64)> {
        let layout = self.layout;
        match parameter {
            Parameter::Weight { component } => {
                let w = self.mixture.weights();
                let others = |k: usize| (0..layout.k).filter(|l| *l != k).map(|l| w[l]).sum::<f64>();
                let rest = others(component);
                let derivative = |l: usize| if l == component { 1.0 } else { -w[l] / rest };
                (0..layout.k - 1).map(|l| (l, derivative(l))).collect()
            }
            Parameter::Mean { component, coordinate } => {
                vec![(layout.mean(component) + coordinate, self.scales[coordinate])]
            }
            Parameter::Covariance { component, i, j } => {
                let (at, factor) = (layout.factor(component), &self.factors[component]);
                if layout.shape != Shape::Full {
                    return vec![(at + i, 2.0)];
                }
                let index = |row: usize, column: usize| row * (row + 1) / 2 + column;
                let change = |row: usize, column: usize| match row == column {
                    true => factor[index(row, column)],
                    false => self.scales[row],
                };
                let size = match parameter.scale() {
                    Scale::Log => parameter.value(self.mixture),
                    Scale::Logit | Scale::Plain => 1.0,
                };
                let side = |of: usize, with: usize, m: usize| {
                    (at + index(of, m), factor[index(with, m)] * change(of, m) / size)
                };
                (0..=i.min(j)).flat_map(|m| [side(i, j, m), side(j, i, m)]).collect()
            }
        }
    }
}
