//! The parameters of components that reports list, with their intervals and true values.

use gmm_core::{Mixture, Shape};

use crate::fitted::FitResult;

/// Columns up to which covariances are listed too.
const MOST_COLUMNS: usize = 6;

/// A parameter of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parameter {
    Weight,
    Mean(usize),
    Deviation(usize),
    Covariance(usize, usize),
}

impl Parameter {
    /// Of a component of a mixture.
    pub(super) fn value(self, mixture: &Mixture, component: usize) -> f64 {
        let covariance = |i, j| mixture.covariance(component).as_symmetric().get(i, j);
        match self {
            Parameter::Weight => mixture.weights()[component],
            Parameter::Mean(i) => mixture.mean(component)[i],
            Parameter::Deviation(i) => covariance(i, i).sqrt(),
            Parameter::Covariance(i, j) => covariance(i, j),
        }
    }

    /// The 90 % interval of a fit.
    pub(super) fn interval(self, fit: &FitResult, component: usize) -> Option<(f64, f64)> {
        let (low, high) = fit.interval(&fit.stored_name(&self.quantity(component)))?;
        let root = |x: f64| if matches!(self, Parameter::Deviation(_)) { x.max(0.0).sqrt() } else { x };
        Some((root(low), root(high)))
    }

    /// The true value, where the model of a fit has this parameter.
    pub(super) fn truth(self, fit: &FitResult, component: usize, truth: &Mixture) -> Option<f64> {
        let value = fit.true_value(&self.quantity(component), truth)?;
        Some(if matches!(self, Parameter::Deviation(_)) { value.sqrt() } else { value })
    }

    /// The quantity of a posterior that is this parameter, or its square.
    fn quantity(self, c: usize) -> String {
        match self {
            Parameter::Weight => format!("weights[{c}]"),
            Parameter::Mean(i) => format!("means[{c},{i}]"),
            Parameter::Deviation(i) => format!("covariances[{c},{i},{i}]"),
            Parameter::Covariance(i, j) => format!("covariances[{c},{i},{j}]"),
        }
    }
}

/// What is listed of each component, with the names of the columns.
pub(super) fn kinds(columns: &[String], fits: &[&FitResult]) -> Vec<(String, Parameter)> {
    let d = columns.len();
    let of = |what: &str, i: usize| if d > 1 { format!("{what} {}", columns[i]) } else { what.to_owned() };
    let mut kinds = vec![("weight".to_owned(), Parameter::Weight)];
    kinds.extend((0..d).map(|i| (of("mean", i), Parameter::Mean(i))));
    kinds.extend((0..d).map(|i| (of("sd", i), Parameter::Deviation(i))));
    if d <= MOST_COLUMNS && fits.iter().any(|fit| fit.model.shape() == Shape::Full) {
        for (i, j) in (0..d).flat_map(|i| (i + 1..d).map(move |j| (i, j))) {
            kinds.push((format!("covariance {}, {}", columns[i], columns[j]), Parameter::Covariance(i, j)));
        }
    }
    kinds
}
