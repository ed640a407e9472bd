//! What is compared: label-invariant functions of parameters and allocations, given data.

use gmm_core::{
    ComponentPrior, Covariance, Data, Mixture, Model, Shape, Statistics, Structure, Symmetric, log_sum_exp,
};
use gmm_mcmc::Scan;

use crate::Failure;

/// Coordinates of means that are looked at.
const MOST_COORDINATES: usize = 3;

/// What rounding may make of a sum over the rows, relative to their number and the sum: this, or as much for each unit of the
/// condition number of a covariance.
const ROUNDING: f64 = 1e-6;
const ROUNDING_BY_CONDITION: f64 = 1e-14;

/// The quantities of a model.
///
/// ```text
/// ln_likelihood               ln p(x | w, mu, S), which knows the data (Modrak et al. 2023)
/// ln_posterior, ln_prior      ln p(x, w, mu, S), ln p(w, mu, S)
/// ln_complete                 ln p(x, z | w, mu, S), which knows the allocations
/// n_occupied                  components with rows                                            (K > 1)
/// sum_squared_weights         sum_k w_k^2, and the largest weight                             (K > 1)
/// mixture_mean[i]             sum_k w_k mu_k, of three coordinates at most
/// ln_det_mixture              ln |covariance of the mixture distribution|
/// ln_det_components           sum of ln|S|                                                    (learned covariances)
/// trace_of_precisions         sum of tr(inverse(S) Psi)                                       (learned covariances)
/// distance_from_prior_mean    sum_k (mu_k - m0)' inverse(S_k) (mu_k - m0)
/// ```
///
/// The last three are what the prior of the components is sufficient in, but for directions.
#[derive(Debug, Clone)]
pub(crate) struct Quantities<'a> {
    model: &'a Model,
    names: Vec<String>,
}

impl<'a> Quantities<'a> {
    pub(crate) fn new(model: &'a Model) -> Self {
        let mut names: Vec<String> =
            ["ln_likelihood", "ln_posterior", "ln_prior", "ln_complete"].map(Into::into).into();
        if model.k() > 1 {
            names.extend(["n_occupied", "sum_squared_weights", "largest_weight"].map(Into::into));
        }
        names.extend((0..model.d().min(MOST_COORDINATES)).map(|i| format!("mixture_mean[{i}]")));
        names.push("ln_det_mixture".into());
        if !matches!(model.structure(), Structure::Known(_)) {
            names.extend(["ln_det_components", "trace_of_precisions"].map(Into::into));
        }
        names.push("distance_from_prior_mean".into());
        Self { model, names }
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The quantities of the state of a chain, in the order of the names.
    ///
    /// What the scan keeps beside parameters and allocations, its log-likelihood and statistics, must follow from them.
    pub(crate) fn of(&self, scan: &Scan<'_>, data: &Data) -> Result<Vec<f64>, Failure> {
        let (model, mixture) = (self.model, scan.mixture());
        let ln_prior = model.ln_prior(mixture);
        let ln_likelihood = scan.ln_likelihood();
        let ln_complete = ln_complete(mixture, scan.statistics());
        let (mut plain, mut plain_complete) = (0.0, 0.0);
        for (row, label) in data.rows().zip(scan.labels()) {
            let ln_joint = mixture.ln_joint(row);
            plain += log_sum_exp(&ln_joint);
            plain_complete += ln_joint[usize::from(*label)];
        }
        let rounding = ROUNDING.max(ROUNDING_BY_CONDITION * condition(mixture));
        let pairs = [("ln_likelihood", ln_likelihood, plain), ("ln_complete", ln_complete, plain_complete)];
        for (quantity, reported, recomputed) in pairs {
            let allowed = rounding * (data.n() as f64 + recomputed.abs());
            if (reported - recomputed).abs() > allowed {
                return Err(Failure::Inconsistent { quantity, reported, recomputed, scans: scan.number() });
            }
        }
        let mut values = Vec::with_capacity(self.names.len());
        values.extend([ln_likelihood, ln_likelihood + ln_prior, ln_prior, ln_complete]);
        if model.k() > 1 {
            let weights = mixture.weights();
            let largest = weights.iter().copied().fold(0.0, f64::max);
            values.extend([scan.n_occupied() as f64, weights.iter().map(|w| w * w).sum(), largest]);
        }
        let mean = mixture.distribution_mean();
        values.extend(mean.iter().take(MOST_COORDINATES));
        values.push(ln_det_of_mixture(mixture, &mean));
        if let ComponentPrior::Conjugate(prior) = &model.prior().components {
            if let Some(prior) = prior.covariance() {
                let covariances = mixture.covariances();
                values.push(covariances.iter().map(|s| s.ln_det()).sum());
                values.push(covariances.iter().map(|s| s.trace_of_solve(prior.scale())).sum());
            }
            let distance = |k: usize| mixture.covariance(k).squared_distance(mixture.mean(k), prior.mean());
            values.push((0..mixture.k()).map(distance).sum());
        }
        match values.iter().position(|value| value.is_nan()) {
            Some(i) => Err(Failure::NotANumber { quantity: self.names[i].clone(), scans: scan.number() }),
            None => Ok(values),
        }
    }
}

/// A bound on the condition numbers of the covariances, `tr(S) tr(inverse(S))`; 1 where nothing is solved for.
fn condition(mixture: &Mixture) -> f64 {
    let of_one = |covariance: &Covariance| match covariance.shape() {
        Shape::Diagonal | Shape::Isotropic => 1.0,
        Shape::Full => {
            let trace: f64 = (0..covariance.d()).map(|j| covariance.as_symmetric().get(j, j)).sum();
            trace * covariance.whitener().iter().map(|t| t * t).sum::<f64>()
        }
    };
    mixture.covariances().iter().map(of_one).fold(1.0, f64::max)
}

/// `ln p(x, z | w, mu, S)` from the statistics of the allocations. Components without rows count 0.
fn ln_complete(mixture: &Mixture, statistics: &Statistics) -> f64 {
    let ln_two_pi = (2.0 * std::f64::consts::PI).ln();
    let of_component = |k: usize| {
        let (n, covariance) = (statistics.weights()[k], mixture.covariance(k));
        if n == 0.0 {
            return 0.0;
        }
        let mean = covariance.squared_distance(statistics.mean(k), mixture.mean(k));
        let normaliser = mixture.d() as f64 * ln_two_pi + covariance.ln_det();
        let squares = covariance.trace_of_solve(statistics.scatter(k)) + n * mean;
        n * mixture.weights()[k].ln() - 0.5 * (n * normaliser + squares)
    };
    (0..mixture.k()).map(of_component).sum()
}

/// The log determinant of the covariance of the mixture distribution; minus infinity where rounding leaves none.
fn ln_det_of_mixture(mixture: &Mixture, mean: &[f64]) -> f64 {
    let d = mixture.d();
    let mut total = Symmetric::zeros(Shape::Full, d);
    for k in 0..mixture.k() {
        let weight = mixture.weights()[k];
        let difference: Vec<f64> = mixture.mean(k).iter().zip(mean).map(|(a, b)| a - b).collect();
        total.add_scaled(weight, &mixture.covariance(k).as_symmetric().to_full());
        total.add_outer(weight, &difference);
    }
    Covariance::new(total).map_or(f64::NEG_INFINITY, |covariance| covariance.ln_det())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Simulator;
    use crate::test_models::models;
    use gmm_core::Streams;
    use gmm_mcmc::Kind;

    #[test]
    fn quantities_agree_with_sums_over_the_rows_in_every_structure() {
        for (name, model) in models() {
            let joint = Simulator::new(&model).unwrap().draw(30, &mut Streams::new(5).rng(0)).unwrap();
            let (start, streams) = ((joint.mixture.clone(), joint.labels.clone()), Streams::new(6));
            let scan = Scan::at(Kind::Blocked, &model, &joint.data, start, streams).unwrap();
            let quantities = Quantities::new(&model);
            let values = quantities.of(&scan, &joint.data).unwrap();
            let value = |name: &str| values[quantities.names().iter().position(|n| n == name).unwrap()];
            assert_eq!(values.len(), quantities.names().len(), "{name}");
            let complete: f64 =
                joint.data.rows().zip(&joint.labels).map(|(x, z)| joint.mixture.ln_joint(x)[usize::from(*z)]).sum();
            assert!((value("ln_complete") - complete).abs() < 1e-9, "{name}");
            let ln_likelihood: f64 = joint.data.rows().map(|x| joint.mixture.ln_density(x)).sum();
            assert!((value("ln_likelihood") - ln_likelihood).abs() < 1e-9, "{name}");
            let mean = joint.mixture.distribution_mean();
            let s = |i, j| joint.mixture.distribution_covariance(&mean, i, j);
            let determinant = s(0, 0) * s(1, 1) - s(0, 1) * s(0, 1);
            assert!((value("ln_det_mixture") - determinant.ln()).abs() < 1e-9, "{name}");
        }
    }
}
