//! The density of the parameters given the data and one allocation of the rows, over all numberings of the components.

use gmm_core::{Dirichlet, InverseWishart, Mixture, Model, ModelError, Posterior, Structure};
use rand::Rng;

use super::permanent::{LnPermanent, Permanent, Sampling, ln_factorial};

/// A mixture with the logarithms of its weights: where densities are taken.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    mixture: Mixture,
    ln_weights: Vec<f64>,
}

impl Point {
    pub(crate) fn new(mixture: Mixture) -> Self {
        let ln_weights = mixture.weights().iter().map(|w| w.ln()).collect();
        Self { mixture, ln_weights }
    }
}

/// The conjugate posterior of (w, mu, S) given allocations z, as a density.
///
/// ```text
/// p(w, mu, S | z, y) = Dirichlet(w | a + N) prod over distinct S InverseWishart(S | dof, scale) prod_k Normal(mu_k | m_k, S_k / kappa_k)
/// ```
#[derive(Debug, Clone)]
pub(crate) struct Conditional {
    /// `a + N - 1` (K).
    powers: Vec<f64>,
    ln_weights_normaliser: f64,
    /// K when free, 1 when tied, none when known.
    covariances: Vec<InverseWishart>,
    tied: bool,
    /// K x d.
    means: Vec<f64>,
    kappas: Vec<f64>,
    /// `d / 2 ln(kappa_k / 2 pi)` (K).
    ln_mean_constants: Vec<f64>,
}

impl Conditional {
    /// The density that a posterior given the statistics of an allocation stands for.
    ///
    /// # Errors
    /// [`ModelError`] if a scale lost its positive definiteness to rounding.
    pub(crate) fn new(model: &Model, posterior: &Posterior) -> Result<Self, ModelError> {
        let (k, d) = (model.k(), model.d());
        let n_covariances = match model.structure() {
            Structure::Known(_) => 0,
            structure => structure.n_covariances(k),
        };
        let covariances = (0..n_covariances)
            .map(|index| InverseWishart::new(posterior.dof(index), posterior.scale(index).clone()))
            .collect::<Result<_, ModelError>>()?;
        let concentration = posterior.concentration();
        let kappas: Vec<f64> = (0..k).map(|c| posterior.kappa(c)).collect();
        let ln_constant = |kappa: &f64| 0.5 * d as f64 * (kappa / (2.0 * std::f64::consts::PI)).ln();
        Ok(Self {
            powers: concentration.iter().map(|a| a - 1.0).collect(),
            ln_weights_normaliser: Dirichlet::new(concentration.to_vec()).map_or(f64::NAN, |w| w.ln_normaliser()),
            covariances,
            tied: matches!(model.structure(), Structure::Tied(_)),
            means: (0..k).flat_map(|c| posterior.mean(c)).copied().collect(),
            ln_mean_constants: kappas.iter().map(ln_constant).collect(),
            kappas,
        })
    }

    /// What does not depend on how the components of the point are numbered.
    fn ln_common(&self, point: &Point) -> f64 {
        let shared = match self.tied {
            true => self.covariances[0].ln_density(point.mixture.covariance(0)),
            false => 0.0,
        };
        shared - self.ln_weights_normaliser
    }

    /// What component `own` of the point adds to the density in the place of component `place` of the allocation.
    fn ln_factor(&self, place: usize, point: &Point, own: usize) -> f64 {
        let (covariance, mean) = (point.mixture.covariance(own), point.mixture.mean(own));
        let centre = &self.means[place * mean.len()..(place + 1) * mean.len()];
        let spread = match self.covariances.get(place) {
            Some(prior) if !self.tied => prior.ln_density(covariance),
            _ => 0.0,
        };
        let quadratic = self.kappas[place] * covariance.squared_distance(mean, centre);
        let location = self.ln_mean_constants[place] - 0.5 * (covariance.ln_det() + quadratic);
        self.powers[place] * point.ln_weights[own] + spread + location
    }

    /// The log density at a point as it is numbered.
    #[cfg(test)]
    fn ln_density(&self, point: &Point) -> f64 {
        self.ln_common(point) + (0..self.powers.len()).map(|k| self.ln_factor(k, point, k)).sum::<f64>()
    }
}

/// Means of densities over all numberings of the components.
///
/// ```text
/// 1/K! sum over permutations s of p(s theta | z, y)
/// ```
///
/// Every term is a product over components, so the sum is a permanent of the K x K matrix of their factors: no
/// permutation is listed. See [`Permanent`] for its cost.
///
/// Where concentrations differ the posterior itself is not the same under each numbering. But the likelihood is, so that the
/// evidence is that of the prior's mean over all numberings as well, and the posterior under that is the mean of the
/// posterior's: draws need no numbering in either case.
#[derive(Debug)]
pub(crate) struct Numberings {
    k: usize,
    /// `ln K!`.
    ln_n: f64,
    /// `a - 1` (K), empty where all are equal.
    powers: Vec<f64>,
    permanent: Permanent,
    factors: Vec<f64>,
}

impl Numberings {
    /// Those of the components of a model.
    pub(crate) fn new(model: &Model) -> Self {
        let weights = &model.prior().weights;
        let powers = match weights.is_symmetric() {
            true => Vec::new(),
            false => weights.concentration().iter().map(|a| a - 1.0).collect(),
        };
        let k = model.k();
        Self { k, ln_n: ln_factorial(k), powers, permanent: Permanent::new(), factors: Vec::new() }
    }

    /// The log of the mean of a density over all numberings of a point; `None` if more than `most` components exchange at
    /// once.
    pub(crate) fn ln_mean(&mut self, conditional: &Conditional, point: &Point, most: usize) -> Option<f64> {
        self.fill(conditional, point);
        let sum = self.permanent.ln_all(&self.factors, self.k, most)?;
        Some(conditional.ln_common(point) - self.ln_n + sum)
    }

    /// As [`ln_mean`](Self::ln_mean); where more than `most` components exchange at once an unbiased estimate of it, from
    /// `n` permutations.
    pub(crate) fn ln_mean_sampled(
        &mut self,
        conditional: &Conditional,
        point: &Point,
        most: usize,
        (n, rng): (usize, &mut dyn Rng),
    ) -> LnPermanent {
        self.fill(conditional, point);
        let sum = self.permanent.ln_sampled(&self.factors, self.k, most, Sampling { n, rng });
        LnPermanent { value: conditional.ln_common(point) - self.ln_n + sum.value, exact: sum.exact }
    }

    /// What the mean of the prior over all numberings of a point adds to its log density: 0 where concentrations are equal.
    /// `None` as for [`ln_mean`](Self::ln_mean).
    pub(crate) fn ln_prior_mean(&mut self, point: &Point, most: usize) -> Option<f64> {
        if self.powers.is_empty() {
            return Some(0.0);
        }
        self.factors.clear();
        for power in &self.powers {
            self.factors.extend(point.ln_weights.iter().map(|ln_w| power * ln_w));
        }
        let own: f64 = self.powers.iter().zip(&point.ln_weights).map(|(power, ln_w)| power * ln_w).sum();
        Some(self.permanent.ln_all(&self.factors, self.k, most)? - self.ln_n - own)
    }

    /// The factors, row by place.
    fn fill(&mut self, conditional: &Conditional, point: &Point) {
        self.factors.clear();
        for place in 0..self.k {
            self.factors.extend((0..self.k).map(|own| conditional.ln_factor(place, point, own)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm_core::{Covariance, Data, Prior, Shape, Statistics, Streams, log_sum_exp};

    fn rows() -> Data {
        Data::from_rows(&[[0.1, 1.0], [0.4, 1.7], [-0.3, 0.2], [2.5, 3.0], [2.0, 3.9], [4.0, -1.0], [1.0, 2.2]])
            .unwrap()
    }

    fn structures() -> Vec<Structure> {
        let known = Covariance::full(&[[0.7, 0.2], [0.2, 0.5]]).unwrap();
        let shapes = Shape::ALL;
        let of = |shape: Shape| {
            let known = Covariance::new(known.as_symmetric().project(shape)).unwrap();
            [Structure::Free(shape), Structure::Tied(shape), Structure::Known(known)]
        };
        shapes.into_iter().flat_map(of).collect()
    }

    fn model(structure: Structure, concentration: [f64; 3]) -> Model {
        let components = Model::with_default_prior(3, structure.clone(), &rows()).unwrap().prior().components.clone();
        let weights = Model::dirichlet(concentration.to_vec()).unwrap();
        Model::new(2, structure, Prior { weights, components }).unwrap()
    }

    /// Bayes' theorem: `p(y, z) p(theta | y, z) = p(y, z | theta) p(theta)`. One component is empty.
    #[test]
    fn marginal_times_conditional_is_complete_likelihood_times_prior() {
        let labels = [0, 0, 2, 2, 0, 2, 2];
        for structure in structures() {
            let model = model(structure, [0.6, 2.0, 1.0]);
            let statistics = Statistics::from_partition(&rows(), &labels, model.shape(), 3);
            let mut posterior = model.posterior(&statistics);
            let conditional = Conditional::new(&model, &posterior).unwrap();
            let mut theta = model.blank_mixture();
            for number in 0..5 {
                posterior.draw(&mut Streams::new(3).rng(number), &mut theta).unwrap();
                let complete: f64 = rows().rows().zip(labels).map(|(row, z)| theta.ln_joint(row)[z]).sum();
                let joint = complete + model.ln_prior(&theta);
                let factored = posterior.ln_marginal().unwrap() + conditional.ln_density(&Point::new(theta.clone()));
                assert!((joint - factored).abs() < 1e-10, "{:?}: {joint} {factored}", model.structure());
            }
        }
    }

    #[test]
    fn the_mean_over_numberings_is_that_of_the_mixtures_so_numbered() {
        let labels = [0, 0, 1, 2, 1, 2, 2];
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        for concentration in [[1.5; 3], [2.0, 0.5, 3.0]] {
            for structure in structures() {
                let model = model(structure, concentration);
                let statistics = Statistics::from_partition(&rows(), &labels, model.shape(), 3);
                let mut posterior = model.posterior(&statistics);
                let mut theta = model.blank_mixture();
                posterior.draw(&mut Streams::new(5).rng(0), &mut theta).unwrap();
                let conditional = Conditional::new(&model, &posterior).unwrap();
                let mean = |of: &dyn Fn(Mixture) -> f64| {
                    log_sum_exp(&orders.map(|order| of(theta.permuted(&order)))) - 6f64.ln()
                };
                let density = mean(&|theta| conditional.ln_density(&Point::new(theta)));
                let prior = mean(&|theta| model.ln_prior(&theta));
                let mut numberings = Numberings::new(&model);
                for order in orders {
                    let theta = theta.permuted(&order);
                    let point = Point::new(theta.clone());
                    let (ours, name) = (numberings.ln_mean(&conditional, &point, 16).unwrap(), model.structure());
                    assert!((ours - density).abs() < 1e-11, "{name:?}: {ours} {density}");
                    let ours = model.ln_prior(&theta) + numberings.ln_prior_mean(&point, 16).unwrap();
                    assert!((ours - prior).abs() < 1e-11, "{name:?}: {ours} {prior}");
                }
            }
        }
    }
}
