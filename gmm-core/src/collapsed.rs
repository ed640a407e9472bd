//! The posterior with its parameters integrated out, row by row: what collapsed Gibbs sampling moves.

use statrs::function::gamma::ln_gamma;

use crate::covariance::factorise;
use crate::planted::{Defect, sound};
use crate::{Degenerate, Model, NotPositiveDefinite, Posterior, Shape, Statistics, Structure, triangle};

/// Weights, means and covariances integrated out, given an allocation of rows that changes one row at a time.
///
/// The probability that a row belongs to component k given the allocation of all others, densities of rows raised to a power
/// b (1: the model; see [`Posterior::update_tempered`]), is with N_k, kappa_k, m_k, nu_k, Psi_k those of the other rows
/// (Neal 2000, algorithm 3)
///
/// ```text
/// p(k)  is proportional to  (N_k + a_k) g(N_k) |Psi_k|^(-b/2) (1 + c_k |inverse(L_k)(x - m_k)|^2)^(-(nu_k + b)/2)
/// c_k = b kappa_k / (kappa_k + b),   Psi_k = L_k L_k'
/// g   = (kappa_k / (kappa_k + b))^(d/2) Gamma_d((nu_k + b)/2) / Gamma_d(nu_k/2)
/// ```
///
/// for a full covariance: at b = 1 a multivariate Student-t density. Diagonal covariances have a product of such factors
/// over the coordinates, isotropic ones b d in the place of b in powers, and a known covariance has the normal kernel
/// `exp(-c_k |T(x - m_k)|^2 / 2)`. A tied covariance has one Psi and nu of all other rows, so that only c_k and m_k
/// differ.
///
/// A row is not taken out to be weighed: `|Psi - v v'| = |Psi| (1 - |u|^2)` with `L u = v`, and where the covariance is tied
/// `x' inverse(Psi - v v') x = |y|^2 + (y'u)^2 / (1 - |u|^2)` with `L y = x`. Only a row that moves changes factors, by a downdate
/// and an update in O(d^2). Where `1 - |u|^2` is small (the row carries its component's scale) these lose digits, and the
/// caller is told to set the state anew without that row.
///
/// ```
/// use gmm_core::{Collapsed, Data, Model, Shape, Statistics, Structure};
/// let data = Data::from_rows(&[[0.0], [0.5], [8.0], [8.5]])?;
/// let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
/// let mut collapsed = Collapsed::new(&model, 1.0)?;
/// collapsed.set(&Statistics::from_partition(&data, &[0, 1, 1, 1], Shape::Full, 2))?;
/// let mut ln_weights = [0.0; 2];
/// assert!(collapsed.ln_weights(data.row(1), Some(1), &mut ln_weights));
/// assert!(ln_weights[0] > ln_weights[1]);
/// assert!(collapsed.remove(data.row(1), 1));
/// collapsed.push(data.row(1), 0);
/// assert_eq!(collapsed.counts(), [2, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Collapsed {
    power: f64,
    structure: Structure,
    prior: PriorOfOne,
    concentration: Vec<f64>,
    posterior: Posterior,
    counts: Vec<usize>,
    /// K x d.
    means: Vec<f64>,
    /// Of the distinct covariances, packed: Cholesky factors, or for `Diagonal` and `Isotropic` the scales themselves.
    factors: Vec<f64>,
    /// Rows in all, in components that have the same covariance.
    pooled: usize,
    /// The log determinant of each free scale, over the numbers that the shape stores.
    ln_dets: Vec<f64>,
    /// What of the log probabilities does not depend on the row (K).
    levels: Vec<f64>,
    /// `ln g(N)` by N, NaN where not yet needed. Where the covariance is tied or known, of the part that depends on N.
    ln_g: Vec<f64>,
    difference: Vec<f64>,
    solved: Vec<f64>,
    own: Vec<f64>,
    rotations: Vec<(f64, f64)>,
}

/// The prior of one component as numbers.
#[derive(Debug, Clone)]
struct PriorOfOne {
    kappa: f64,
    dof: f64,
    mean: Vec<f64>,
    factor: Vec<f64>,
    ln_det: f64,
}

/// `1 - |u|^2` below which a row is not taken out by a downdate.
const LEAST_REST: f64 = 1e-6;

impl Collapsed {
    /// For a model, with densities of rows raised to a power from 0 to 1. No row is allocated: see [`set`](Self::set).
    ///
    /// # Errors
    /// [`Degenerate`] if the prior is flat and the covariance learned.
    pub fn new(model: &Model, power: f64) -> Result<Self, Degenerate> {
        let posterior = Posterior::new(model);
        let (k, d, shape) = (model.k(), model.d(), model.shape());
        let entries = shape.n_entries(d);
        let distinct = model.structure().n_covariances(k);
        let mut factor = posterior.scale(0).entries().to_vec();
        let ln_det = match model.structure() {
            Structure::Known(_) => 0.0,
            Structure::Free(_) | Structure::Tied(_) => set_factor(shape, &mut factor, d, 0)?,
        };
        let mut collapsed = Self {
            power,
            structure: model.structure().clone(),
            prior: PriorOfOne {
                kappa: posterior.kappa(0),
                dof: posterior.dof(0),
                mean: posterior.mean(0).to_vec(),
                factor,
                ln_det,
            },
            concentration: model.prior().weights.concentration().to_vec(),
            posterior,
            counts: vec![0; k],
            means: vec![0.0; k * d],
            factors: vec![0.0; distinct * entries],
            pooled: 0,
            ln_dets: vec![0.0; distinct],
            levels: vec![0.0; k],
            ln_g: Vec::new(),
            difference: vec![0.0; d],
            solved: vec![0.0; d],
            own: vec![0.0; d],
            rotations: vec![(0.0, 0.0); d],
        };
        collapsed.set(&model.blank_statistics())?;
        Ok(collapsed)
    }

    /// Sets the allocation to that with these statistics (of whole rows), computed from nothing else.
    ///
    /// # Errors
    /// [`Degenerate`] if a scale is not positive definite: the prior is flat, or the scale left the range of doubles.
    pub fn set(&mut self, statistics: &Statistics) -> Result<(), Degenerate> {
        let (d, shape) = (self.d(), self.structure.shape());
        let entries = self.prior.factor.len();
        self.posterior.update_tempered(statistics, self.power);
        for (k, n) in statistics.weights().iter().enumerate() {
            self.counts[k] = *n as usize;
            self.means[k * d..(k + 1) * d].copy_from_slice(self.posterior.mean(k));
        }
        self.pooled = self.counts.iter().sum();
        if self.ln_g.len() <= self.pooled {
            self.ln_g.resize(self.pooled + 1, f64::NAN);
        }
        if !matches!(self.structure, Structure::Known(_)) {
            for (c, factor) in self.factors.chunks_exact_mut(entries).enumerate() {
                factor.copy_from_slice(self.posterior.scale(c).entries());
                self.ln_dets[c] = set_factor(shape, factor, d, c)?;
            }
        }
        (0..self.counts.len()).for_each(|k| self.set_level(k));
        Ok(())
    }

    /// The rows of each component.
    pub fn counts(&self) -> &[usize] {
        &self.counts
    }

    fn d(&self) -> usize {
        self.difference.len()
    }

    fn kappa(&self, k: usize) -> f64 {
        self.prior.kappa + self.power * self.counts[k] as f64
    }

    /// The degrees of freedom after n rows.
    fn dof(&self, n: usize) -> f64 {
        self.prior.dof + self.power * n as f64 * self.structure.shape().dof_per_row(self.d())
    }

    /// `ln g(n)`; without the gamma functions where all components share them.
    fn ln_g(&mut self, n: usize) -> f64 {
        if n >= self.ln_g.len() {
            self.ln_g.resize(n + 1, f64::NAN);
        }
        if self.ln_g[n].is_nan() {
            self.ln_g[n] = self.new_ln_g(n);
        }
        self.ln_g[n]
    }

    fn new_ln_g(&self, n: usize) -> f64 {
        let (d, shape, b) = (self.d(), self.structure.shape(), self.power);
        let kappa = self.prior.kappa + b * n as f64;
        let means = -0.5 * d as f64 * (b / kappa).ln_1p();
        if !matches!(self.structure, Structure::Free(_)) {
            return means;
        }
        let (dof, step) = (self.dof(n), b * shape.dof_per_row(d));
        let ratio = |a: f64| ln_gamma(0.5 * (a + step)) - ln_gamma(0.5 * a);
        means
            + match shape {
                Shape::Full => (0..d).map(|j| ratio(dof - j as f64)).sum::<f64>(),
                Shape::Diagonal => d as f64 * ratio(dof),
                Shape::Isotropic => ratio(dof),
            }
    }

    /// `ln (n + a_k) + ln g(n) - b/2 ln |scale|`.
    fn level(&mut self, k: usize, n: usize, ln_det: f64) -> f64 {
        let power = match (&self.structure, self.structure.shape()) {
            (Structure::Free(_), Shape::Isotropic) => self.power * self.d() as f64,
            (Structure::Free(_), _) => self.power,
            (Structure::Tied(_) | Structure::Known(_), _) => 0.0,
        };
        let concentration = sound(self.concentration[k], Defect::CollapsedConcentrationDropped, 1e-300);
        (n as f64 + concentration).ln() + self.ln_g(n) - 0.5 * power * ln_det
    }

    fn set_level(&mut self, k: usize) {
        let ln_det = self.ln_dets[k.min(self.ln_dets.len() - 1)];
        self.levels[k] = self.level(k, self.counts[k], ln_det);
    }

    /// Writes the log probabilities (K), up to a common constant, of the components of a row given all *other* rows; `own`
    /// is the component that it is counted in now, if it is.
    ///
    /// `false` if rounding leaves no digits, since the row carries its component: [`set`](Self::set) the state without it,
    /// and ask again.
    pub fn ln_weights(&mut self, row: &[f64], own: Option<usize>, ln_weights: &mut [f64]) -> bool {
        match self.structure {
            Structure::Free(shape) => self.ln_weights_free(shape, row, own, ln_weights),
            Structure::Tied(shape) => self.ln_weights_tied(shape, row, own, ln_weights),
            Structure::Known(_) => self.ln_weights_known(row, own, ln_weights),
        }
    }

    fn ln_weights_free(&mut self, shape: Shape, row: &[f64], own: Option<usize>, ln_weights: &mut [f64]) -> bool {
        let (d, b, entries) = (self.d(), self.power, self.prior.factor.len());
        let step = b * shape.dof_per_row(d);
        for k in 0..ln_weights.len() {
            let n = self.counts[k];
            if own == Some(k) && n > 1 {
                let kappa = self.kappa(k);
                let c = b * kappa / (kappa - b);
                subtract(row, &self.means[k * d..(k + 1) * d], &mut self.difference);
                let factor = &self.factors[k * entries..(k + 1) * entries];
                let Some(ln_rest) = ln_rest(shape, factor, c, &self.difference, &mut self.solved) else { return false };
                let level = self.level(k, n - 1, self.ln_dets[k]);
                ln_weights[k] = level + 0.5 * (self.dof(n) - step) * ln_rest;
                continue;
            }
            // The only row of its component is weighed against the prior.
            let (n, level, mean, factor) = match own == Some(k) {
                true => (0, self.level(k, 0, self.prior.ln_det), &self.prior.mean[..], &self.prior.factor[..]),
                false => {
                    (n, self.levels[k], &self.means[k * d..(k + 1) * d], &self.factors[k * entries..(k + 1) * entries])
                }
            };
            let kappa = self.prior.kappa + b * n as f64;
            let c = sound(b * kappa / (kappa + b), Defect::CollapsedMeanCertain, b);
            subtract(row, mean, &mut self.difference);
            let ln_growth = ln_growth(shape, factor, c, &self.difference, &mut self.solved);
            let dof = sound(self.dof(n), Defect::CollapsedDofOffByOne, self.dof(n) - 1.0);
            ln_weights[k] = level - 0.5 * (dof + step) * ln_growth;
        }
        true
    }

    fn ln_weights_tied(&mut self, shape: Shape, row: &[f64], own: Option<usize>, ln_weights: &mut [f64]) -> bool {
        let (d, b) = (self.d(), self.power);
        let step = b * shape.dof_per_row(d);
        // c and inverse(L)(x - m) of the row's own component without it; `own` holds the difference itself for other shapes.
        let mut own_c = 0.0;
        let mut rest = 1.0;
        let others = self.pooled - usize::from(own.is_some());
        if let Some(k) = own {
            own_c = self.take_difference(k, row);
            self.own.copy_from_slice(&self.difference);
            match shape {
                Shape::Full => {
                    triangle::solve(&self.factors, &mut self.own);
                    rest = 1.0 - own_c * sum_of_squares(&self.own);
                }
                Shape::Diagonal => {
                    let terms = self.own.iter().zip(&self.factors);
                    rest = terms.map(|(x, psi)| 1.0 - own_c * x * x / psi).fold(1.0, f64::min);
                }
                Shape::Isotropic => rest = 1.0 - own_c * sum_of_squares(&self.own) / self.factors[0],
            }
            if rest < LEAST_REST {
                return false;
            }
        }
        let exponent = 0.5 * (self.dof(others) + step);
        for k in 0..ln_weights.len() {
            let (c, level) = match own == Some(k) {
                true => {
                    self.difference.copy_from_slice(&self.own);
                    (own_c, self.level(k, self.counts[k] - 1, 0.0))
                }
                false => {
                    subtract(row, &self.means[k * d..(k + 1) * d], &mut self.difference);
                    if shape == Shape::Full {
                        triangle::solve(&self.factors, &mut self.difference);
                    }
                    let kappa = self.kappa(k);
                    (b * kappa / (kappa + b), self.levels[k])
                }
            };
            let x = &self.difference;
            let ln_growth = match shape {
                Shape::Full => {
                    let product: f64 = x.iter().zip(&self.own).map(|(x, y)| x * y).sum();
                    (c * (sum_of_squares(x) + own_c * product * product / rest)).ln_1p()
                }
                Shape::Diagonal => {
                    let without = self.factors.iter().zip(&self.own).map(|(psi, y)| psi - own_c * y * y);
                    x.iter().zip(without).map(|(x, psi)| (c * x * x / psi).ln_1p()).sum()
                }
                Shape::Isotropic => (c * sum_of_squares(x) / (self.factors[0] * rest)).ln_1p(),
            };
            ln_weights[k] = level - exponent * ln_growth;
        }
        true
    }

    fn ln_weights_known(&mut self, row: &[f64], own: Option<usize>, ln_weights: &mut [f64]) -> bool {
        let (d, b) = (self.d(), self.power);
        for k in 0..ln_weights.len() {
            let (c, level) = match own == Some(k) {
                true => (self.take_difference(k, row), self.level(k, self.counts[k] - 1, 0.0)),
                false => {
                    subtract(row, &self.means[k * d..(k + 1) * d], &mut self.difference);
                    let kappa = self.kappa(k);
                    (b * kappa / (kappa + b), self.levels[k])
                }
            };
            if let Structure::Known(covariance) = &self.structure {
                covariance.whiten(&self.difference, &mut self.solved);
            }
            ln_weights[k] = level - 0.5 * c * sum_of_squares(&self.solved);
        }
        true
    }

    /// Sets `difference` to x - m for the mean m that component k has without the row x, which it counts, and returns its c.
    fn take_difference(&mut self, k: usize, row: &[f64]) -> f64 {
        let (d, b) = (self.d(), self.power);
        let kappa = self.kappa(k);
        if self.counts[k] == 1 {
            subtract(row, &self.prior.mean, &mut self.difference);
            return b * self.prior.kappa / (self.prior.kappa + b);
        }
        subtract(row, &self.means[k * d..(k + 1) * d], &mut self.difference);
        self.difference.iter_mut().for_each(|x| *x *= kappa / (kappa - b));
        b * (kappa - b) / kappa
    }

    /// Takes a row out of component k, which counts it. `false` as in [`ln_weights`](Self::ln_weights), the state being
    /// of no use then until it is [`set`](Self::set).
    pub fn remove(&mut self, row: &[f64], k: usize) -> bool {
        let (d, shape, entries) = (self.d(), self.structure.shape(), self.prior.factor.len());
        let alone = self.counts[k] == 1;
        let c = self.take_difference(k, row);
        let kappa = self.kappa(k) - self.power;
        self.counts[k] -= 1;
        self.pooled -= 1;
        let mean = &mut self.means[k * d..(k + 1) * d];
        match alone {
            true => mean.copy_from_slice(&self.prior.mean),
            // With the row the mean was m + b / (kappa + b) (x - m).
            false => {
                let pull = self.power / (kappa + self.power);
                mean.iter_mut().zip(&self.difference).for_each(|(m, x)| *m -= pull * x);
            }
        }
        let distinct = k.min(self.ln_dets.len() - 1);
        let factor = &mut self.factors[distinct * entries..(distinct + 1) * entries];
        match self.structure {
            Structure::Known(_) => {}
            Structure::Free(_) if alone => {
                factor.copy_from_slice(&self.prior.factor);
                self.ln_dets[distinct] = self.prior.ln_det;
            }
            Structure::Free(_) | Structure::Tied(_) => {
                let Some(ln_rest) = ln_rest(shape, factor, c, &self.difference, &mut self.solved) else { return false };
                self.ln_dets[distinct] += ln_rest;
                match shape {
                    Shape::Full => {
                        let root = c.sqrt();
                        self.solved.iter_mut().for_each(|u| *u *= root);
                        triangle::downdate(factor, &self.solved, ln_rest.exp(), &mut self.rotations);
                    }
                    Shape::Diagonal => {
                        factor.iter_mut().zip(&self.difference).for_each(|(psi, x)| *psi -= c * x * x);
                    }
                    Shape::Isotropic => factor[0] -= c * sum_of_squares(&self.difference),
                }
            }
        }
        self.set_level(k);
        true
    }

    /// Puts a row that no component counts into component k.
    pub fn push(&mut self, row: &[f64], k: usize) {
        let (d, b, shape, entries) = (self.d(), self.power, self.structure.shape(), self.prior.factor.len());
        let kappa = self.kappa(k);
        let c = b * kappa / (kappa + b);
        let mean = &mut self.means[k * d..(k + 1) * d];
        subtract(row, mean, &mut self.difference);
        mean.iter_mut().zip(&self.difference).for_each(|(m, x)| *m += b / (kappa + b) * x);
        self.counts[k] += 1;
        self.pooled += 1;
        if !matches!(self.structure, Structure::Known(_)) {
            let distinct = k.min(self.ln_dets.len() - 1);
            let factor = &mut self.factors[distinct * entries..(distinct + 1) * entries];
            self.ln_dets[distinct] += ln_growth(shape, factor, c, &self.difference, &mut self.solved);
            match shape {
                Shape::Full => {
                    let root = c.sqrt();
                    self.difference.iter_mut().for_each(|x| *x *= root);
                    triangle::update(factor, &self.difference, &mut self.rotations);
                }
                Shape::Diagonal => factor.iter_mut().zip(&self.difference).for_each(|(psi, x)| *psi += c * x * x),
                Shape::Isotropic => factor[0] += c * sum_of_squares(&self.difference),
            }
        }
        self.set_level(k);
    }
}

fn subtract(x: &[f64], y: &[f64], out: &mut [f64]) {
    out.iter_mut().zip(x.iter().zip(y)).for_each(|(out, (x, y))| *out = x - y);
}

fn sum_of_squares(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum()
}

/// Replaces a scale by what is kept of it and returns the log determinant over the numbers that its shape stores.
fn set_factor(shape: Shape, entries: &mut [f64], d: usize, component: usize) -> Result<f64, Degenerate> {
    let degenerate = |source| Degenerate { component, source };
    if shape == Shape::Full {
        factorise(shape, entries, d).map_err(degenerate)?;
        return Ok(2.0 * (0..d).map(|i| entries[triangle::row(i) + i].ln()).sum::<f64>());
    }
    match entries.iter().position(|psi| !(*psi > 0.0 && psi.is_finite())) {
        Some(pivot) => Err(degenerate(NotPositiveDefinite::Pivot { pivot, value: entries[pivot] })),
        None => Ok(entries.iter().map(|psi| psi.ln()).sum()),
    }
}

/// `ln |Psi + c x x'| / |Psi|` as the shape sees it; `solved` gets `inverse(L) x` of a full factor.
fn ln_growth(shape: Shape, factor: &[f64], c: f64, x: &[f64], solved: &mut [f64]) -> f64 {
    match shape {
        Shape::Full => {
            solved.copy_from_slice(x);
            triangle::solve(factor, solved);
            (c * sum_of_squares(solved)).ln_1p()
        }
        Shape::Diagonal => x.iter().zip(factor).map(|(x, psi)| (c * x * x / psi).ln_1p()).sum(),
        Shape::Isotropic => (c * sum_of_squares(x) / factor[0]).ln_1p(),
    }
}

/// `ln |Psi - c x x'| / |Psi|`; `None` where little is left of a scale.
fn ln_rest(shape: Shape, factor: &[f64], c: f64, x: &[f64], solved: &mut [f64]) -> Option<f64> {
    let ln = |rest: f64| (rest >= LEAST_REST).then(|| rest.ln());
    match shape {
        Shape::Full => {
            solved.copy_from_slice(x);
            triangle::solve(factor, solved);
            ln(1.0 - c * sum_of_squares(solved))
        }
        Shape::Diagonal => x.iter().zip(factor).map(|(x, psi)| ln(1.0 - c * x * x / psi)).sum(),
        Shape::Isotropic => ln(1.0 - c * sum_of_squares(x) / factor[0]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ComponentPrior, Covariance, Data, InverseWishart, NormalInverseWishart, Prior, Streams, Symmetric};
    use rand::RngExt;

    fn models(d: usize) -> Vec<Model> {
        let rows: Vec<Vec<f64>> = (0..d)
            .map(|i| (0..d).map(|j| if i == j { 2.0 + i as f64 } else { 0.4 - 0.1 * (i + j) as f64 }).collect())
            .collect();
        let scale = Symmetric::full(&rows).unwrap();
        let mut models = Vec::new();
        for shape in Shape::ALL {
            let known = Structure::Known(Covariance::new(scale.project(shape)).unwrap());
            for structure in [Structure::Free(shape), Structure::Tied(shape), known] {
                let covariance = match structure {
                    Structure::Known(_) => None,
                    _ => Some(InverseWishart::new(d as f64 + 1.5, scale.project(shape)).unwrap()),
                };
                let mean = (0..d).map(|j| j as f64 - 0.5).collect();
                let conjugate = NormalInverseWishart::new(mean, 0.3, covariance).unwrap();
                let weights = Model::dirichlet(vec![0.7, 1.0, 2.5]).unwrap();
                let prior = Prior { weights, components: ComponentPrior::Conjugate(conjugate) };
                models.push(Model::new(d, structure, prior).unwrap());
            }
        }
        models
    }

    /// `ln p(k)` from the marginals of the whole allocation with the row in each component.
    fn by_marginals(model: &Model, data: &Data, labels: &[usize], i: usize, power: f64) -> Vec<f64> {
        let mut posterior = model.posterior(&model.blank_statistics());
        let mut labels = labels.to_vec();
        let mut ln: Vec<f64> = (0..model.k())
            .map(|k| {
                labels[i] = k;
                let statistics = Statistics::from_partition(data, &labels, model.shape(), model.k());
                posterior.update_tempered(&statistics, power);
                posterior.ln_marginal().unwrap()
            })
            .collect();
        normalise(&mut ln);
        ln
    }

    fn normalise(ln: &mut [f64]) {
        let total = crate::log_sum_exp(ln);
        ln.iter_mut().for_each(|x| *x -= total);
    }

    #[test]
    fn a_row_is_weighed_as_by_the_marginals_of_the_two_allocations_in_all_structures() {
        let n = 15;
        for (d, power) in [(1, 1.0), (3, 1.0), (3, 0.3), (2, 0.0)] {
            let mut rng = Streams::new(7).rng(d as u64);
            let rows: Vec<Vec<f64>> =
                (0..n).map(|i| (0..d).map(|_| 4.0 * rng.random::<f64>() + (i % 3) as f64 * 2.0).collect()).collect();
            let data = Data::from_rows(&rows).unwrap();
            for model in models(d) {
                let mut labels: Vec<usize> = (0..n).map(|_| rng.random_range(0..3)).collect();
                let mut collapsed = Collapsed::new(&model, power).unwrap();
                let statistics = Statistics::from_partition(&data, &labels, model.shape(), 3);
                collapsed.set(&statistics).unwrap();
                let mut ln = [0.0; 3];
                // 300 moves without a refresh, each component empty or with a single row now and then.
                for step in 0..300 {
                    let i = rng.random_range(0..n);
                    let expected = by_marginals(&model, &data, &labels, i, power);
                    assert!(collapsed.ln_weights(data.row(i), Some(labels[i]), &mut ln));
                    normalise(&mut ln);
                    for (ours, expected) in ln.iter().zip(&expected) {
                        let what = format!("{:?}, power {power}, step {step}", model.structure());
                        assert!((ours - expected).abs() < 1e-10, "{what}: {ours} where {expected} was expected");
                    }
                    let k = if step % 100 < 50 { rng.random_range(0..3) } else { step / 100 };
                    assert!(collapsed.remove(data.row(i), labels[i]));
                    // Not counted anywhere, it is weighed as before.
                    assert!(collapsed.ln_weights(data.row(i), None, &mut ln));
                    normalise(&mut ln);
                    assert!(ln.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-10));
                    collapsed.push(data.row(i), k);
                    labels[i] = k;
                }
                for k in 0..3 {
                    assert_eq!(collapsed.counts()[k], labels.iter().filter(|l| **l == k).count());
                }
            }
        }
    }

    #[test]
    fn a_row_that_carries_its_component_is_not_taken_out_by_a_downdate() {
        let data = Data::from_rows(&[[0.0, 0.0], [0.1, 0.2], [1e4, -1e4]]).unwrap();
        for model in models(2) {
            let mut collapsed = Collapsed::new(&model, 1.0).unwrap();
            let set = |collapsed: &mut Collapsed, rows: usize| {
                let mut statistics = model.blank_statistics();
                (0..rows).for_each(|i| statistics.push(1, 1.0, data.row(i)));
                collapsed.set(&statistics).unwrap();
            };
            set(&mut collapsed, 3);
            let mut ln = [0.0; 3];
            let reliable = matches!(model.structure(), Structure::Known(_));
            assert_eq!(collapsed.ln_weights(data.row(2), Some(1), &mut ln), reliable, "{:?}", model.structure());
            assert_eq!(collapsed.clone().remove(data.row(2), 1), reliable);
            set(&mut collapsed, 2);
            assert!(collapsed.ln_weights(data.row(2), None, &mut ln));
            normalise(&mut ln);
            let expected = by_marginals(&model, &data, &[1, 1, 1], 2, 1.0);
            for (ours, expected) in ln.iter().zip(&expected) {
                assert!((ours - expected).abs() < 1e-7 * expected.abs().max(1.0), "{ours} {expected}");
            }
        }
    }

    #[test]
    fn a_flat_prior_is_refused() {
        for model in models(2) {
            let known = matches!(model.structure(), Structure::Known(_));
            assert_eq!(Collapsed::new(&model.without_prior(), 1.0).is_ok(), known);
        }
    }
}
