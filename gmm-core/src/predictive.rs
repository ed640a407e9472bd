//! The predictive distribution of a row: Student-t, or normal when the covariance is known.

use statrs::function::gamma::ln_gamma;

use crate::{Covariance, Shape};

/// The density of a new row (d) of one component with its parameters integrated out.
///
/// ```text
/// Full, Isotropic   multivariate Student-t with dof degrees of freedom, a location and a scale matrix
/// Diagonal          the product of d univariate Student-t
/// Known             Normal(location, S (1 + 1 / kappa_k))
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Predictive {
    /// `None` for a normal distribution.
    dof: Option<f64>,
    location: Vec<f64>,
    scale: Covariance,
}

impl Predictive {
    pub(crate) fn student(dof: f64, location: Vec<f64>, scale: Covariance) -> Self {
        Self { dof: Some(dof), location, scale }
    }

    pub(crate) fn normal(location: Vec<f64>, covariance: Covariance) -> Self {
        Self { dof: None, location, scale: covariance }
    }

    /// The log density at a row (d).
    pub fn ln_density(&self, x: &[f64]) -> f64 {
        let d = self.location.len();
        let ln_pi = std::f64::consts::PI.ln();
        let difference: Vec<f64> = x.iter().zip(&self.location).map(|(x, m)| x - m).collect();
        let mut y = vec![0.0; d];
        self.scale.whiten(&difference, &mut y);
        let squares = || y.iter().map(|y| y * y);
        let ln_t = |dof: f64, p: usize, square: f64| {
            let p = p as f64;
            ln_gamma(0.5 * (dof + p))
                - ln_gamma(0.5 * dof)
                - 0.5 * p * (dof.ln() + ln_pi)
                - 0.5 * (dof + p) * (square / dof).ln_1p()
        };
        let kernel = match (self.dof, self.scale.shape()) {
            (None, _) => -0.5 * (d as f64 * (std::f64::consts::LN_2 + ln_pi) + squares().sum::<f64>()),
            (Some(dof), Shape::Diagonal) => squares().map(|square| ln_t(dof, 1, square)).sum(),
            (Some(dof), Shape::Full | Shape::Isotropic) => ln_t(dof, d, squares().sum()),
        };
        kernel - 0.5 * self.scale.ln_det()
    }
}
