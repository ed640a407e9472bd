//! The conjugate posterior given statistics: its mode is EM's M-step, a draw of it the parameter step of Gibbs.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};
use thiserror::Error;

use crate::covariance::factorise;
use crate::normal_inverse_wishart::{draw_whitener, ln_normaliser};
use crate::planted::{Defect, is_planted, sound};
use crate::{
    ComponentPrior, Covariance, Dirichlet, InverseWishart, Mixture, Model, NotPositiveDefinite, Predictive, Shape,
    Statistics, Structure, Symmetric,
};

/// The posterior of (w, mu, S) given weighted statistics of the components.
///
/// With N, xbar, W the statistics of component k, in the shape of the covariance:
///
/// ```text
/// weights   Dirichlet(a + N)
/// mean      m_k = (N xbar + kappa m0) / kappa_k,   kappa_k = kappa + N
/// scale     Psi + W + kappa N / kappa_k (xbar - m0)(xbar - m0)'       Tied: Psi + the sum of all K terms
/// dof       nu + N q,  q = 1 | 1 | d                                  Tied: nu + n q
/// ```
///
/// The flat prior is the member of the family with kappa = 0, Psi = 0 and the (negative) dof that make the joint
/// density constant, so that its mode is the maximum-likelihood M-step.
#[derive(Debug, Clone)]
pub struct Posterior {
    model: Model,
    /// Prior dof and kappa, of the flat member when the prior is flat.
    prior_dof: f64,
    prior_kappa: f64,
    weights: Dirichlet,
    /// Rows that the means and covariances see.
    counts: Vec<f64>,
    /// K x d.
    means: Vec<f64>,
    kappas: Vec<f64>,
    /// One for each distinct covariance. For a known covariance the scale only collects its sum of squares.
    dofs: Vec<f64>,
    scales: Vec<Symmetric>,
    /// The factor of a scale, and room for another packed matrix and a vector.
    factor: Vec<f64>,
    packed: Vec<f64>,
    difference: Vec<f64>,
}

/// A component's scale matrix is not positive definite: it has no spread left.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("component {component}: {source}")]
pub struct Degenerate {
    /// The component (0 when the covariance is shared).
    pub component: usize,
    /// What the factorisation met.
    pub source: NotPositiveDefinite,
}

impl Posterior {
    /// The posterior given no rows: the prior. See [`update`](Self::update).
    pub fn new(model: &Model) -> Self {
        let (k, d, shape) = (model.k(), model.d(), model.shape());
        let distinct = model.structure().n_covariances(k);
        let (prior_kappa, prior_dof) = match &model.prior().components {
            ComponentPrior::Conjugate(conjugate) => {
                (conjugate.kappa(), conjugate.covariance().map_or(0.0, InverseWishart::dof))
            }
            ComponentPrior::Flat => (0.0, -mode_divisor(shape, d, k / distinct)),
        };
        let mut posterior = Self {
            model: model.clone(),
            prior_dof,
            prior_kappa,
            weights: model.prior().weights.clone(),
            counts: vec![0.0; k],
            means: vec![0.0; k * d],
            kappas: vec![0.0; k],
            dofs: vec![0.0; distinct],
            scales: vec![Symmetric::zeros(shape, d); distinct],
            factor: vec![0.0; shape.n_entries(d)],
            packed: vec![0.0; shape.n_entries(d)],
            difference: vec![0.0; d],
        };
        posterior.update(&model.blank_statistics());
        posterior
    }

    /// Sets the posterior to that given `statistics` (of the model's shape, K and d), without allocating.
    pub fn update(&mut self, statistics: &Statistics) {
        self.update_tempered(statistics, 1.0);
    }

    /// Sets the posterior to that given `statistics` when the densities of the rows are raised to `power` (from 0 to 1):
    /// `p(w, mu, S) p(z | w) p(x | z, mu, S)^power`. The weights see N rows of a component, its mean and covariance
    /// `power N` of the same mean and covariance, so the family is the same; power 0 leaves the prior of the components.
    pub fn update_tempered(&mut self, statistics: &Statistics, power: f64) {
        let (d, shape) = (self.model.d(), self.model.shape());
        let last = self.dofs.len() - 1;
        let conjugate = match &self.model.prior().components {
            ComponentPrior::Conjugate(conjugate) => Some(conjugate),
            ComponentPrior::Flat => None,
        };
        let prior_scale = conjugate.and_then(|c| c.covariance()).map(InverseWishart::scale);
        self.dofs.fill(self.prior_dof);
        for scale in &mut self.scales {
            match prior_scale {
                Some(prior) => scale.copy_from(prior),
                None => scale.clear(),
            }
        }
        self.counts.iter_mut().zip(statistics.weights()).for_each(|(count, n)| *count = power * n);
        self.weights.update(&self.model.prior().weights, statistics.weights());
        for k in 0..self.counts.len() {
            let (n, xbar) = (self.counts[k], statistics.mean(k));
            let kappa = self.prior_kappa + n;
            let mean = &mut self.means[k * d..(k + 1) * d];
            self.kappas[k] = kappa;
            let per_row = sound(shape.dof_per_row(d), Defect::IsotropicDofWithoutD, 1.0);
            let pooled = sound(n, Defect::TiedDofOfOneComponent, if k <= last { n } else { 0.0 });
            self.dofs[k.min(last)] += pooled * per_row;
            match conjugate {
                Some(conjugate) if n > 0.0 => {
                    let scale = &mut self.scales[k.min(last)];
                    scale.add_scaled(power, statistics.scatter(k));
                    if let (true, Some(prior)) = (is_planted(Defect::PriorScaleTwice), prior_scale) {
                        scale.add_scaled(1.0, prior);
                    }
                    self.dofs[k.min(last)] += sound(0.0, Defect::DofOffByOne, 1.0);
                    let pull = self.prior_kappa / kappa;
                    for j in 0..d {
                        self.difference[j] = conjugate.mean()[j] - xbar[j];
                        mean[j] = xbar[j] + sound(pull, Defect::MeanNotShrunk, 0.0) * self.difference[j];
                    }
                    scale.add_outer(sound(pull * n, Defect::KappaTermDropped, 0.0), &self.difference);
                }
                Some(conjugate) => mean.copy_from_slice(conjugate.mean()),
                None => {
                    // A component without rows keeps the centre that the statistics give it.
                    mean.copy_from_slice(xbar);
                    self.scales[k.min(last)].add_scaled(power, statistics.scatter(k));
                }
            }
        }
    }

    /// The concentrations `a + N` (K) of the weights.
    pub fn concentration(&self) -> &[f64] {
        self.weights.concentration()
    }

    /// The location `m_k` (d) of the mean of component k.
    pub fn mean(&self, k: usize) -> &[f64] {
        let d = self.model.d();
        &self.means[k * d..(k + 1) * d]
    }

    /// How many rows `m_k` weighs, `kappa_k`.
    pub fn kappa(&self, k: usize) -> f64 {
        self.kappas[k]
    }

    /// The degrees of freedom of the distinct covariance `index`; without meaning where it is known.
    pub fn dof(&self, index: usize) -> f64 {
        self.dofs[index]
    }

    /// The scale of the distinct covariance `index`: as a sum of squares, so for `Isotropic` a trace.
    pub fn scale(&self, index: usize) -> &Symmetric {
        &self.scales[index]
    }

    /// What the mode divides the scale of the distinct covariance `index` by, `dof + c + m q`: the joint density holds
    /// `|S|` (over the numbers that the shape stores) to minus half this power. See [`mode`](Self::mode).
    pub fn mode_divisor(&self, index: usize) -> f64 {
        let n_means = self.counts.len() / self.dofs.len();
        let offset = mode_divisor(self.model.shape(), self.model.d(), n_means);
        self.dofs[index] + sound(offset, Defect::ModeDivisorOffByOne, offset + 1.0)
    }

    /// Writes the mode of the joint density of (w, mu, S), no Jacobian, to `mixture`.
    ///
    /// ```text
    /// w_k = (N_k + a_k - 1) / (n + sum a - K),   mu_k = m_k,   S = scale / (dof + c + m q)
    /// ```
    ///
    /// where m counts the means that share S (1, Tied: K), q = 1 | 1 | d and c = d + 1 | 2 | 2. Concentrations must
    /// be at least 1.
    ///
    /// # Errors
    /// [`Degenerate`] if a covariance is not positive definite, which a proper prior excludes.
    pub fn mode(&self, mixture: &mut Mixture) -> Result<(), Degenerate> {
        self.mode_of_weights_and_means(mixture);
        let (_, _, covariances) = mixture.parts_mut();
        if matches!(self.model.structure(), Structure::Known(_)) {
            return Ok(());
        }
        for (component, covariance) in covariances.iter_mut().enumerate() {
            covariance
                .set_to_quotient(&self.scales[component], self.mode_divisor(component))
                .map_err(|source| Degenerate { component, source })?;
        }
        Ok(())
    }

    /// Writes weights and means of the [`mode`](Self::mode) to `mixture`, whose covariances stay as they are: where the
    /// covariances are held in a set, weights and means of the mode are the same.
    pub fn mode_of_weights_and_means(&self, mixture: &mut Mixture) {
        let (weights, means, _) = mixture.parts_mut();
        self.weights.mode(weights);
        means.copy_from_slice(&self.means);
    }

    /// Writes the distinct covariance `index` of the [`mode`](Self::mode) to `matrix`, of the model's shape, whether it is
    /// positive definite or not. Without rows and prior every matrix is a mode: zero is written.
    pub fn mode_of_covariance(&self, index: usize, matrix: &mut Symmetric) {
        let divisor = self.mode_divisor(index);
        matrix.copy_from(&self.scales[index]);
        match divisor > 0.0 {
            true => matrix.entries_mut().iter_mut().for_each(|entry| *entry /= divisor),
            false => matrix.clear(),
        }
    }

    /// Draws (w, mu, S) into `mixture`, without allocating.
    ///
    /// # Errors
    /// [`Degenerate`] if a scale is not positive definite: the prior is flat, or the scale left the range of doubles.
    pub fn draw<R: Rng + ?Sized>(&mut self, rng: &mut R, mixture: &mut Mixture) -> Result<(), Degenerate> {
        let (d, shape) = (self.model.d(), self.model.shape());
        let (weights, means, covariances) = mixture.parts_mut();
        self.weights.draw(rng, weights);
        if !matches!(self.model.structure(), Structure::Known(_)) {
            for (component, covariance) in covariances.iter_mut().enumerate() {
                self.factor.copy_from_slice(self.scales[component].entries());
                factorise(shape, &mut self.factor, d).map_err(|source| Degenerate { component, source })?;
                let (dof, factor) = (self.dofs[component], &self.factor);
                covariance.set_whitener(&mut self.packed, |t| draw_whitener(dof, (shape, d), factor, rng, t));
            }
        }
        for k in 0..self.counts.len() {
            let z = &mut self.difference;
            z.iter_mut().for_each(|z| *z = StandardNormal.sample(rng));
            let own = k.min(covariances.len() - 1);
            covariances[sound(own, Defect::MeanSpreadOfFirst, 0)].unwhiten(z);
            let spread = sound(self.kappas[k], Defect::MeanSpreadOfARow, 1.0).sqrt();
            for j in 0..d {
                means[k * d + j] = self.means[k * d + j] + z[j] / spread;
            }
        }
        Ok(())
    }

    /// The log probability of the rows and their allocation, `ln p(x, z)`, when the statistics are those of a
    /// partition: the parameters are integrated out.
    ///
    /// ```text
    /// ln Z(a + N) - ln Z(a) + sum over distinct S [ ln Z(dof_n, scale_n) - ln Z(dof, scale) ]
    ///   + sum_k d/2 ln(kappa / kappa_k) - n d / 2 ln(2 pi)
    /// ```
    ///
    /// For a known covariance the bracket is `-n/2 ln|S| - trace(inverse(S) scale_n) / 2`. After
    /// [`update_tempered`](Self::update_tempered) it is the logarithm of the integral of the tempered density, n and the
    /// numbers of rows times the power but in Z(a + N). `None` for a flat prior, which has no marginal.
    pub fn ln_marginal(&self) -> Option<f64> {
        let ComponentPrior::Conjugate(conjugate) = &self.model.prior().components else {
            return None;
        };
        let (d, n): (f64, f64) = (self.model.d() as f64, self.counts.iter().sum());
        let weights = self.weights.ln_normaliser() - self.model.prior().weights.ln_normaliser();
        let means: f64 = self.kappas.iter().map(|kappa| 0.5 * d * (conjugate.kappa() / kappa).ln()).sum();
        let covariances = match (self.model.structure(), conjugate.covariance()) {
            (Structure::Known(covariance), _) => {
                -0.5 * (n * covariance.ln_det() + covariance.trace_of_solve(&self.scales[0]))
            }
            (_, Some(prior)) => {
                let mut sum = 0.0;
                for (dof, scale) in self.dofs.iter().zip(&self.scales) {
                    let factored = Covariance::new(scale.clone()).ok()?;
                    sum += ln_normaliser(*dof, &factored) - prior.ln_normaliser();
                }
                sum
            }
            (_, None) => return None,
        };
        Some(weights + means + covariances - 0.5 * n * d * (2.0 * std::f64::consts::PI).ln())
    }

    /// The predictive distribution of a new row of component k, parameters integrated out; `None` for a flat prior.
    pub fn predictive(&self, k: usize) -> Option<Predictive> {
        if !self.model.is_proper() {
            return None;
        }
        let d = self.model.d();
        let location = self.means[k * d..(k + 1) * d].to_vec();
        let spread = 1.0 + 1.0 / self.kappas[k];
        if let Structure::Known(covariance) = self.model.structure() {
            let mut matrix = covariance.as_symmetric().clone();
            matrix.scale(spread);
            return Some(Predictive::normal(location, Covariance::new(matrix).ok()?));
        }
        let c = k.min(self.dofs.len() - 1);
        let dof = match self.model.shape() {
            Shape::Full => self.dofs[c] - d as f64 + 1.0,
            Shape::Diagonal | Shape::Isotropic => self.dofs[c],
        };
        let mut scale = self.scales[c].clone();
        scale.scale(spread / dof);
        Some(Predictive::student(dof, location, Covariance::new(scale).ok()?))
    }

    /// The posterior probabilities (K) that a new row belongs to each component, before it is seen.
    pub fn predictive_weights(&self) -> Vec<f64> {
        let total: f64 = self.weights.concentration().iter().sum();
        self.weights.concentration().iter().map(|a| a / total).collect()
    }
}

/// What the mode adds to the dof of a covariance that `n_means` means share: `c + m q`.
fn mode_divisor(shape: Shape, d: usize, n_means: usize) -> f64 {
    shape.mode_offset(d) + n_means as f64 * shape.dof_per_row(d)
}
