//! A Gaussian mixture with given parameters: densities, responsibilities, sampling.

use rand::Rng;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use thiserror::Error;

use crate::{Covariance, NotPositiveDefinite, Shape, Symmetric, log_sum_exp};

/// Weights (K), means (K x d) and covariances: one for all components, or one for each.
///
/// ```text
/// p(x) = sum_k w_k Normal(x | mu_k, S_k)
/// ```
///
/// ```
/// use gmm_core::{Covariance, Mixture};
/// let mixture = Mixture::new(
///     vec![0.25, 0.75],
///     vec![vec![-1.0], vec![2.0]],
///     vec![Covariance::isotropic(1, 1.0)?],
/// )?;
/// let by_hand = (0.25 * (-0.5f64).exp() + 0.75 * (-2.0f64).exp()) / (2.0 * std::f64::consts::PI).sqrt();
/// assert!((mixture.ln_density(&[0.0]) - by_hand.ln()).abs() < 1e-15);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    weights: Vec<f64>,
    /// K x d, component after component.
    means: Vec<f64>,
    /// One for each component, or one that all share.
    covariances: Vec<Covariance>,
    d: usize,
}

/// Why parameters are not a mixture. Components count from 0.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MixtureError {
    /// There is no component.
    #[error("a mixture needs at least one component")]
    NoComponents,
    /// A weight is negative or not finite, or all are zero.
    #[error("weight {component} is {value}: weights must be finite, not negative, and not all zero")]
    Weight {
        /// The component.
        component: usize,
        /// Its weight.
        value: f64,
    },
    /// The numbers of weights, means and covariances do not agree.
    #[error("{weights} weights, {means} means and {covariances} covariances do not make a mixture")]
    Lengths {
        /// Number of weights.
        weights: usize,
        /// Number of means.
        means: usize,
        /// Number of covariances.
        covariances: usize,
    },
    /// A mean or covariance has another dimension than the first mean.
    #[error("component {component} has dimension {found} where {expected} was expected")]
    Dimension {
        /// The component.
        component: usize,
        /// Its dimension.
        found: usize,
        /// The dimension of the first mean.
        expected: usize,
    },
    /// A mean is not finite.
    #[error("coordinate {coordinate} of mean {component} is {value}, not a finite number")]
    Mean {
        /// The component.
        component: usize,
        /// The coordinate, from 0.
        coordinate: usize,
        /// The value.
        value: f64,
    },
}

impl Mixture {
    /// A mixture of K components in R^d. The weights are divided by their sum. There are K covariances, or one
    /// for all; when their shapes differ, all are stored as `Full`.
    ///
    /// # Errors
    /// [`MixtureError`] with the component and the number.
    pub fn new(weights: Vec<f64>, means: Vec<Vec<f64>>, covariances: Vec<Covariance>) -> Result<Self, MixtureError> {
        let k = weights.len();
        if k == 0 {
            return Err(MixtureError::NoComponents);
        }
        if means.len() != k || !(covariances.len() == k || covariances.len() == 1) {
            return Err(MixtureError::Lengths { weights: k, means: means.len(), covariances: covariances.len() });
        }
        let total = total_weight(&weights)?;
        let d = means[0].len();
        for (component, mean) in means.iter().enumerate() {
            if mean.len() != d || d == 0 {
                return Err(MixtureError::Dimension { component, found: mean.len(), expected: d.max(1) });
            }
            if let Some(coordinate) = mean.iter().position(|m| !m.is_finite()) {
                return Err(MixtureError::Mean { component, coordinate, value: mean[coordinate] });
            }
        }
        for (component, covariance) in covariances.iter().enumerate() {
            if covariance.d() != d {
                return Err(MixtureError::Dimension { component, found: covariance.d(), expected: d });
            }
        }
        // Weights that already sum to one but for rounding keep their bits.
        let weights = if (total - 1.0).abs() <= 1e-12 { weights } else { weights.iter().map(|w| w / total).collect() };
        Ok(Self { weights, means: means.concat(), covariances: of_one_shape(covariances), d })
    }

    /// K equal components with mean zero and unit covariance: a place to write others into.
    pub(crate) fn blank(shape: Shape, k: usize, d: usize, n_covariances: usize) -> Self {
        Self {
            weights: vec![1.0 / k as f64; k],
            means: vec![0.0; k * d],
            covariances: vec![Covariance::unit(shape, d); n_covariances],
            d,
        }
    }

    /// Sets the weights (K), which are divided by their sum, without allocating.
    ///
    /// # Errors
    /// [`MixtureError::Weight`], or [`MixtureError::Lengths`] if there are not K; nothing is changed then.
    pub fn set_weights(&mut self, weights: &[f64]) -> Result<(), MixtureError> {
        if weights.len() != self.k() {
            let (means, covariances) = (self.k(), self.covariances.len());
            return Err(MixtureError::Lengths { weights: weights.len(), means, covariances });
        }
        let total = total_weight(weights)?;
        self.weights.iter_mut().zip(weights).for_each(|(w, new)| *w = new / total);
        Ok(())
    }

    /// Sets the mean (d) of component k, without allocating.
    ///
    /// # Errors
    /// [`MixtureError::Mean`] or [`MixtureError::Dimension`]; nothing is changed then.
    pub fn set_mean(&mut self, k: usize, mean: &[f64]) -> Result<(), MixtureError> {
        if mean.len() != self.d {
            return Err(MixtureError::Dimension { component: k, found: mean.len(), expected: self.d });
        }
        if let Some(coordinate) = mean.iter().position(|m| !m.is_finite()) {
            return Err(MixtureError::Mean { component: k, coordinate, value: mean[coordinate] });
        }
        self.means[k * self.d..(k + 1) * self.d].copy_from_slice(mean);
        Ok(())
    }

    /// Sets the distinct covariance `index` by its Cholesky factor, see [`Covariance::set_factor`].
    ///
    /// # Errors
    /// [`NotPositiveDefinite`]; the mixture must not be used then.
    pub fn set_factor(&mut self, index: usize, factor: &[f64]) -> Result<(), NotPositiveDefinite> {
        self.covariances[index].set_factor(factor)
    }

    /// Sets the distinct covariance `index` to a matrix of its shape and dimension.
    ///
    /// # Errors
    /// [`NotPositiveDefinite`]; the mixture must not be used then.
    pub fn set_covariance(&mut self, index: usize, matrix: &Symmetric) -> Result<(), NotPositiveDefinite> {
        self.covariances[index].set_to_quotient(matrix, 1.0)
    }

    /// The mixture of the other components, their weights divided by their sum. `None` if there is no such component, or
    /// no other of positive weight.
    pub fn without_component(&self, component: usize) -> Option<Self> {
        if component >= self.k() || self.k() == 1 {
            return None;
        }
        let others: Vec<usize> = (0..self.k()).filter(|k| *k != component).collect();
        let mut rest = self.permuted(&others);
        let total = total_weight(&rest.weights).ok()?;
        rest.weights.iter_mut().for_each(|w| *w /= total);
        Some(rest)
    }

    /// Sets the mixture to one that allocates rows as `other` (of the same structure) does when its densities are raised to
    /// `power`, from 0 to 1, without allocating:
    ///
    /// ```text
    /// w_k Normal(x | mu_k, S_k)^power  is proportional to  w_k |S_k|^((1 - power) / 2) Normal(x | mu_k, S_k / power)
    /// ```
    ///
    /// over k. With power 0 rows are allocated by the weights alone: all components are the same.
    ///
    /// ```
    /// use gmm_core::{Covariance, Mixture};
    /// let covariances = vec![Covariance::isotropic(1, 1.0)?, Covariance::isotropic(1, 4.0)?];
    /// let mixture = Mixture::new(vec![0.5, 0.5], vec![vec![-1.0], vec![1.0]], covariances)?;
    /// let mut tempered = mixture.clone();
    /// tempered.set_tempered(&mixture, 0.3);
    /// let odds = |r: &[f64]| (r[0] / r[1]).ln();
    /// let (plain, warm) = (odds(&mixture.responsibilities(&[0.2])), odds(&tempered.responsibilities(&[0.2])));
    /// assert!((warm - 0.3 * plain).abs() < 1e-14);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_tempered(&mut self, other: &Self, power: f64) {
        if power <= 0.0 {
            self.weights.copy_from_slice(&other.weights);
            self.means.chunks_exact_mut(self.d).for_each(|mean| mean.copy_from_slice(other.mean(0)));
            let common = &other.covariances[0];
            self.covariances.iter_mut().for_each(|covariance| covariance.set_to_multiple(common, 1.0));
            return;
        }
        self.means.copy_from_slice(&other.means);
        for (covariance, other) in self.covariances.iter_mut().zip(&other.covariances) {
            covariance.set_to_multiple(other, 1.0 / power);
        }
        for (k, w) in self.weights.iter_mut().enumerate() {
            *w = other.weights[k].ln() + 0.5 * (1.0 - power) * other.covariance(k).ln_det();
        }
        let largest = self.weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        self.weights.iter_mut().for_each(|w| *w = (*w - largest).exp());
        let total: f64 = self.weights.iter().sum();
        self.weights.iter_mut().for_each(|w| *w = (*w / total).max(f64::MIN_POSITIVE));
    }

    /// Weights, means (K x d) and covariances, to be written in place.
    pub(crate) fn parts_mut(&mut self) -> (&mut [f64], &mut [f64], &mut [Covariance]) {
        (&mut self.weights, &mut self.means, &mut self.covariances)
    }

    /// Number of components K.
    pub fn k(&self) -> usize {
        self.weights.len()
    }

    /// Dimension d.
    pub fn d(&self) -> usize {
        self.d
    }

    /// The shape of the covariances.
    pub fn shape(&self) -> Shape {
        self.covariances[0].shape()
    }

    /// The weights (K), summing to 1.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The mean (d) of component k.
    pub fn mean(&self, k: usize) -> &[f64] {
        &self.means[k * self.d..(k + 1) * self.d]
    }

    /// All means, K x d, component after component.
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// The covariance of component k.
    pub fn covariance(&self, k: usize) -> &Covariance {
        &self.covariances[k.min(self.covariances.len() - 1)]
    }

    /// The distinct covariances: K, or 1 that all components share.
    pub fn covariances(&self) -> &[Covariance] {
        &self.covariances
    }

    /// The same mixture with its components in another order: component j becomes the old `order[j]`.
    pub fn permuted(&self, order: &[usize]) -> Self {
        Self {
            weights: order.iter().map(|&k| self.weights[k]).collect(),
            means: order.iter().flat_map(|&k| self.mean(k)).copied().collect(),
            covariances: match self.covariances.len() {
                1 => self.covariances.clone(),
                _ => order.iter().map(|&k| self.covariances[k].clone()).collect(),
            },
            d: self.d,
        }
    }

    /// The order of the components by their means: first coordinate first, later ones break ties.
    pub fn order_by_mean(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.k()).collect();
        order.sort_by(|&a, &b| {
            let pairs = self.mean(a).iter().zip(self.mean(b));
            pairs.map(|(x, y)| x.total_cmp(y)).find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        });
        order
    }

    /// `ln w_k + ln Normal(x | mu_k, S_k)` for every component (K).
    pub fn ln_joint(&self, x: &[f64]) -> Vec<f64> {
        let ln_two_pi = (2.0 * std::f64::consts::PI).ln();
        (0..self.k())
            .map(|k| {
                let covariance = self.covariance(k);
                let quadratic = covariance.squared_distance(x, self.mean(k));
                self.weights[k].ln() - 0.5 * (self.d as f64 * ln_two_pi + covariance.ln_det() + quadratic)
            })
            .collect()
    }

    /// The log density at a point (d). For many points, see [`sweep`](crate::sweep).
    pub fn ln_density(&self, x: &[f64]) -> f64 {
        log_sum_exp(&self.ln_joint(x))
    }

    /// The probabilities (K) that a point (d) came from each component.
    pub fn responsibilities(&self, x: &[f64]) -> Vec<f64> {
        let ln_joint = self.ln_joint(x);
        let ln_density = log_sum_exp(&ln_joint);
        ln_joint.iter().map(|q| (q - ln_density).exp()).collect()
    }

    /// The mean (d) of the mixture distribution, `sum_k w_k mu_k`.
    pub fn distribution_mean(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.d];
        for k in 0..self.k() {
            mean.iter_mut().zip(self.mean(k)).for_each(|(m, x)| *m += self.weights[k] * x);
        }
        mean
    }

    /// Entry (i, j) of the covariance of the mixture distribution,
    /// `sum_k w_k (S_k + (mu_k - m)(mu_k - m)')` for `m` = [`distribution_mean`](Self::distribution_mean).
    pub fn distribution_covariance(&self, mean: &[f64], i: usize, j: usize) -> f64 {
        (0..self.k())
            .map(|k| {
                let (mu, s) = (self.mean(k), self.covariance(k).as_symmetric());
                self.weights[k] * (s.get(i, j) + (mu[i] - mean[i]) * (mu[j] - mean[j]))
            })
            .sum()
    }

    /// Draws a point: its component, with the point (d) written to `x`.
    pub fn sample<R: Rng + ?Sized>(&self, rng: &mut R, x: &mut [f64]) -> usize {
        let u: f64 = rng.random();
        let mut cumulative = 0.0;
        let last = self.weights.iter().rposition(|w| *w > 0.0).unwrap_or(0);
        let k = (0..last)
            .find(|&k| {
                cumulative += self.weights[k];
                u < cumulative
            })
            .unwrap_or(last);
        self.sample_component(k, rng, x);
        k
    }

    /// Draws a point (d) of component k into `x`.
    pub fn sample_component<R: Rng + ?Sized>(&self, k: usize, rng: &mut R, x: &mut [f64]) {
        x.iter_mut().for_each(|x| *x = StandardNormal.sample(rng));
        self.covariance(k).unwhiten(x);
        x.iter_mut().zip(self.mean(k)).for_each(|(x, m)| *x += m);
    }
}

/// The sum of weights that can be those of a mixture.
fn total_weight(weights: &[f64]) -> Result<f64, MixtureError> {
    if let Some(component) = weights.iter().position(|w| !(*w >= 0.0 && w.is_finite())) {
        return Err(MixtureError::Weight { component, value: weights[component] });
    }
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return Err(MixtureError::Weight { component: 0, value: weights[0] });
    }
    Ok(total)
}

fn of_one_shape(covariances: Vec<Covariance>) -> Vec<Covariance> {
    let shape = covariances[0].shape();
    if covariances.iter().all(|c| c.shape() == shape) {
        return covariances;
    }
    covariances
        .into_iter()
        .map(|c| match Covariance::new(c.as_symmetric().to_full()) {
            Ok(full) => full,
            // A positive definite matrix stays one when its zeros are stored.
            Err(_) => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Streams;

    fn example() -> Mixture {
        let covariances =
            vec![Covariance::full(&[[1.0, 0.5], [0.5, 2.0]]).unwrap(), Covariance::diagonal(vec![0.5, 0.1]).unwrap()];
        Mixture::new(vec![1.0, 3.0], vec![vec![2.0, 0.0], vec![-1.0, 1.0]], covariances).unwrap()
    }

    #[test]
    fn parameters_that_are_no_mixture_are_refused_with_the_component() {
        let unit = || vec![Covariance::isotropic(1, 1.0).unwrap()];
        let means = || vec![vec![0.0], vec![1.0]];
        assert_eq!(Mixture::new(vec![], vec![], unit()), Err(MixtureError::NoComponents));
        assert_eq!(
            Mixture::new(vec![0.5, -0.5], means(), unit()),
            Err(MixtureError::Weight { component: 1, value: -0.5 })
        );
        assert!(matches!(Mixture::new(vec![0.0, 0.0], means(), unit()), Err(MixtureError::Weight { .. })));
        assert!(matches!(Mixture::new(vec![1.0], means(), unit()), Err(MixtureError::Lengths { .. })));
        assert!(matches!(
            Mixture::new(vec![0.5, 0.5], vec![vec![0.0], vec![1.0, 2.0]], unit()),
            Err(MixtureError::Dimension { component: 1, found: 2, expected: 1 })
        ));
        assert!(matches!(
            Mixture::new(vec![0.5, 0.5], vec![vec![0.0], vec![f64::NAN]], unit()),
            Err(MixtureError::Mean { component: 1, coordinate: 0, .. })
        ));
    }

    #[test]
    fn the_rest_of_a_mixture_is_the_mixture_of_the_other_components() {
        let mixture = example();
        let rest = mixture.without_component(0).unwrap();
        assert_eq!((rest.k(), rest.weights(), rest.mean(0)), (1, &[1.0][..], mixture.mean(1)));
        assert_eq!(rest.covariance(0), mixture.covariance(1));
        assert_eq!(rest.without_component(0), None);
        assert_eq!(mixture.without_component(2), None);
        let unit = Covariance::isotropic(1, 1.0).unwrap();
        let lone = Mixture::new(vec![1.0, 0.0], vec![vec![0.0], vec![1.0]], vec![unit]).unwrap();
        assert_eq!(lone.without_component(0), None);
    }

    #[test]
    fn mixed_shapes_become_full_and_keep_their_density() {
        let mixture = example();
        assert_eq!(mixture.shape(), Shape::Full);
        assert_eq!(mixture.weights(), [0.25, 0.75]);
        let two_pi = 2.0 * std::f64::consts::PI;
        let by_hand = 0.25 / (two_pi * 1.75f64.sqrt()) * (-0.5 * (2.0 * 9.0 + 3.0 + 1.0) / 1.75f64).exp()
            + 0.75 / (two_pi * 0.05f64.sqrt());
        assert!((mixture.ln_density(&[-1.0, 1.0]) - by_hand.ln()).abs() < 1e-14);
    }

    #[test]
    fn samples_have_the_moments_of_the_mixture() {
        let mixture = example();
        let mut rng = Streams::new(4).rng(0);
        let n = 200_000;
        let (mut sum, mut x) = ([0.0; 2], [0.0; 2]);
        let mut product = 0.0;
        let mean = mixture.distribution_mean();
        for _ in 0..n {
            mixture.sample(&mut rng, &mut x);
            sum.iter_mut().zip(&x).for_each(|(s, x)| *s += x);
            product += (x[0] - mean[0]) * (x[1] - mean[1]);
        }
        // Standard errors: 0.0034, 0.0020, 0.0031; each bound is 4.5 of them (false alarm 2e-5 in all).
        assert!((sum[0] / n as f64 - mean[0]).abs() < 0.0155);
        assert!((sum[1] / n as f64 - mean[1]).abs() < 0.009);
        assert!((product / n as f64 - mixture.distribution_covariance(&mean, 0, 1)).abs() < 0.014);
    }

    #[test]
    fn components_are_ordered_by_mean() {
        let mixture = example();
        let order = mixture.order_by_mean();
        assert_eq!(order, [1, 0]);
        assert_eq!(mixture.permuted(&order).mean(0), [-1.0, 1.0]);
    }
}
