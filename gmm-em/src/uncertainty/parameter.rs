//! The parameters that intervals are given of: their names, their values, and the scale on which they are near normal.

use std::fmt;

use gmm_core::{Mixture, Model, Shape, Structure};
use statrs::distribution::{ContinuousCDF, Normal};

/// A parameter of a mixture; indices count from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// `weights[k]`.
    Weight {
        /// The component k.
        component: usize,
    },
    /// `means[k,j]`.
    Mean {
        /// The component k.
        component: usize,
        /// The coordinate j.
        coordinate: usize,
    },
    /// `covariances[k,i,j]`, i <= j: of a shared covariance k = 0, of an isotropic one i = j = 0.
    Covariance {
        /// The component k.
        component: usize,
        /// The row i.
        i: usize,
        /// The column j.
        j: usize,
    },
}

/// The name under which posterior draws of the parameter are summarised too.
impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Parameter::Weight { component } => write!(f, "weights[{component}]"),
            Parameter::Mean { component, coordinate } => write!(f, "means[{component},{coordinate}]"),
            Parameter::Covariance { component, i, j } => write!(f, "covariances[{component},{i},{j}]"),
        }
    }
}

/// A scale on which an estimate is nearer to normal, and every number is a possible value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Weights: ln w - ln(1 - w).
    Logit,
    /// Variances: ln v.
    Log,
    /// Means and covariances of two columns: as they are.
    Plain,
}

impl Parameter {
    /// All parameters of the mixtures of a model that are learned, weights first, then means, then covariances.
    pub fn all(model: &Model) -> Vec<Self> {
        let (k, d, shape) = (model.k(), model.d(), model.shape());
        let learned = match model.structure() {
            Structure::Known(_) => 0,
            structure => structure.n_covariances(k),
        };
        let weights = (0..k).map(|component| Self::Weight { component });
        let means = (0..k).flat_map(|component| (0..d).map(move |coordinate| Self::Mean { component, coordinate }));
        let covariances = (0..learned).flat_map(|component| {
            let rows = if shape == Shape::Isotropic { 1 } else { d };
            (0..rows).flat_map(move |i| {
                let columns = if shape == Shape::Full { i..d } else { i..i + 1 };
                columns.map(move |j| Self::Covariance { component, i, j })
            })
        });
        weights.chain(means).chain(covariances).collect()
    }

    /// Its value in a mixture of the model.
    pub fn value(&self, mixture: &Mixture) -> f64 {
        match *self {
            Self::Weight { component } => mixture.weights()[component],
            Self::Mean { component, coordinate } => mixture.mean(component)[coordinate],
            Self::Covariance { component, i, j } => mixture.covariance(component).as_symmetric().get(i, j),
        }
    }

    /// The interval of a level such as 0.5 about an estimate with this standard error, on the scale and by the formulas of
    /// [`uncertainty`](crate::uncertainty); not for a bootstrap. NaN for a level outside (0, 1).
    ///
    /// ```
    /// use gmm_em::Parameter;
    /// let mean = Parameter::Mean { component: 0, coordinate: 0 };
    /// let (lower, upper) = mean.interval(1.0, 2.0, 0.5);
    /// assert!((lower + 0.348_979_5).abs() < 1e-6 && (upper - 2.348_979_5).abs() < 1e-6);
    /// ```
    pub fn interval(&self, estimate: f64, standard_error: f64, level: f64) -> (f64, f64) {
        if !(level > 0.0 && level < 1.0) {
            return (f64::NAN, f64::NAN);
        }
        let scale = self.scale();
        let z = -Normal::standard().inverse_cdf(0.5 * (1.0 - level));
        let on_scale = standard_error / scale.slope(estimate);
        (scale.shift(estimate, -z * on_scale), scale.shift(estimate, z * on_scale))
    }

    pub(crate) fn scale(&self) -> Scale {
        match self {
            Self::Weight { .. } => Scale::Logit,
            Self::Covariance { i, j, .. } if i == j => Scale::Log,
            Self::Mean { .. } | Self::Covariance { .. } => Scale::Plain,
        }
    }
}

impl Scale {
    /// What lies `by` from a value on this scale.
    pub(crate) fn shift(self, value: f64, by: f64) -> f64 {
        match self {
            // A weight of 1 is that of a single component: not estimated.
            Scale::Logit if value >= 1.0 => value,
            Scale::Logit => {
                let odds = value * by.exp();
                odds / (1.0 - value + odds)
            }
            Scale::Log => value * by.exp(),
            Scale::Plain => value + by,
        }
    }

    /// The derivative of the plain value with respect to that on this scale.
    pub(crate) fn slope(self, value: f64) -> f64 {
        match self {
            Scale::Logit => value * (1.0 - value),
            Scale::Log => value,
            Scale::Plain => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_formulas() {
        let z = 1.644_853_626_951_472_6;
        let (w, v, se) = (0.3, 2.0, 0.05);
        let logit = |w: f64| (w / (1.0 - w)).ln();
        let (lower, upper) = Parameter::Weight { component: 0 }.interval(w, se, 0.9);
        assert!((logit(lower) - (logit(w) - z * se / (w * (1.0 - w)))).abs() < 1e-9);
        assert!((logit(upper) - (logit(w) + z * se / (w * (1.0 - w)))).abs() < 1e-9);
        let (lower, upper) = Parameter::Covariance { component: 0, i: 1, j: 1 }.interval(v, se, 0.9);
        assert!((lower - v * (-z * se / v).exp()).abs() < 1e-9 && (upper - v * (z * se / v).exp()).abs() < 1e-9);
        // A weight of 1 is not estimated.
        assert_eq!(Parameter::Weight { component: 0 }.interval(1.0, 0.0, 0.9), (1.0, 1.0));
        assert!(Parameter::Weight { component: 0 }.interval(0.5, 0.1, 1.0).0.is_nan());
    }

    #[test]
    fn shifts_are_those_of_the_transformed_value_and_slopes_their_limit() {
        let (logit, back) = (|w: f64| (w / (1.0 - w)).ln(), |x: f64| 1.0 / (1.0 + (-x).exp()));
        assert!((Scale::Logit.shift(0.3, 0.7) - back(logit(0.3) + 0.7)).abs() < 1e-15);
        assert_eq!(Scale::Logit.shift(1.0, 5.0), 1.0);
        assert!((Scale::Log.shift(0.3, 0.7) - (0.3f64.ln() + 0.7).exp()).abs() < 1e-15);
        for scale in [Scale::Logit, Scale::Log, Scale::Plain] {
            let slope = (scale.shift(0.3, 1e-6) - scale.shift(0.3, -1e-6)) / 2e-6;
            assert!((slope - scale.slope(0.3)).abs() < 1e-9, "{scale:?}");
        }
    }
}
