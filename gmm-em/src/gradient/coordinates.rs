//! Unconstrained coordinates of a mixture, and the gradient of the objective in them.

use gmm_core::{Data, Degenerate, Mixture, MixtureError, Model, Posterior, Shape, Structure, Symmetric};
use thiserror::Error;

/// Coordinates in which every point is a mixture, as many as the model has free parameters.
///
/// ```text
/// weights        ln(w_k / w_K),  k < K              additive log ratios against the last component (Aitchison 1982)
/// means          (mu_kj - m_j) / s_j                component after component
/// covariances    Full        S = L L':  ln(L_ii / s_i),  L_ij / s_i (j < i)     lower triangle by rows
/// (each          Diagonal    ln(sd_j / s_j)
///  distinct one) Isotropic   ln(sd / s_1)
///                Known       none
/// ```
///
/// m and s are means and standard deviations of the columns (for `Isotropic` s is the same for all columns, the root of
/// their mean variance), so that the coordinates are those of the mixture on standardised data: they do not depend on
/// the units of the columns, and a step of one size suits all of them.
///
/// The gradient needs no derivative of a density: by Fisher's identity that of the log-likelihood is the expected
/// gradient of the log joint density of rows and allocations, which depends on the rows only through the statistics of
/// an E-step (Salakhutdinov, Roweis & Ghahramani 2003). With [`Posterior`] in the place of the statistics the prior is
/// in it:
///
/// ```text
/// ln p(w, mu, S | x, z) = sum_k (A_k - 1) ln w_k - sum over S { D/2 ln|S| + 1/2 tr(inverse(S) M) } + const
/// M = scale + sum_k kappa_k (mu_k - m_k)(mu_k - m_k)',   A = concentration,  D = mode_divisor
///
/// d/d ln(w_k / w_K) = A_k - 1 - w_k sum_j (A_j - 1)
/// d/d mu_k          = kappa_k inverse(S) (m_k - mu_k)
/// d/d L             = lower triangle of T' (T M T' - D I),   T = inverse(L)
/// ```
///
/// There is no Jacobian: the density is that of (w, mu, S), and the gradient is zero at EM's optimum.
///
/// ```
/// use gmm_core::{Data, Model, Rule, Shape, Structure, Workspace, sweep};
/// use gmm_em::{Coordinates, Em, Objective, fit};
/// let rows: Vec<[f64; 1]> = (0..40).map(|i| [f64::from(i % 20) / 10.0 + if i < 20 { 0.0 } else { 8.0 }]).collect();
/// let data = Data::from_rows(&rows)?;
/// let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
/// let em = Em { objective: Objective::Posterior, tolerance: 1e-15, ..Em::default() };
/// let mode = fit(&model, &data, &em, &gmm_core::Streams::new(1), &|_| {})?.mixture;
///
/// let mut statistics = model.blank_statistics();
/// sweep(&data, &mode, Rule::Responsibilities, &mut statistics, &mut Workspace::new());
/// let mut coordinates = Coordinates::new(&model, &data);
/// let mut gradient = vec![0.0; coordinates.n()];
/// coordinates.gradient(&model.posterior(&statistics), &mode, &mut gradient);
/// assert!(gradient.iter().all(|g| g.abs() < 1e-5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Coordinates {
    k: usize,
    d: usize,
    shape: Shape,
    /// m and s, each d.
    origin: Vec<f64>,
    scales: Vec<f64>,
    /// Room for K weights, two vectors (d), a factor, and the squares of each distinct covariance.
    weights: Vec<f64>,
    difference: Vec<f64>,
    whitened: Vec<f64>,
    packed: Vec<f64>,
    squares: Vec<Symmetric>,
}

/// Why there is no mixture at some coordinates: they leave the range of doubles.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Unreachable {
    /// Weights or means are not finite.
    #[error(transparent)]
    Mixture(#[from] MixtureError),
    /// A covariance, or the inverse of its factor, is not finite.
    #[error(transparent)]
    Covariance(#[from] Degenerate),
}

impl Coordinates {
    /// The coordinates of the mixtures of a model on data.
    pub fn new(model: &Model, data: &Data) -> Self {
        let (k, d, shape) = (model.k(), model.d(), model.shape());
        let sds = data.standard_deviations();
        let largest = sds.iter().copied().fold(0.0, f64::max);
        let scales = match shape {
            _ if largest == 0.0 => vec![1.0; d],
            Shape::Isotropic => {
                let mean_square = sds.iter().map(|sd| (sd / largest).powi(2)).sum::<f64>() / d as f64;
                vec![largest * mean_square.sqrt(); d]
            }
            Shape::Full | Shape::Diagonal => sds.iter().map(|sd| if *sd > 0.0 { *sd } else { 1.0 }).collect(),
        };
        let n_covariances = match model.structure() {
            Structure::Known(_) => 0,
            structure => structure.n_covariances(k),
        };
        Self {
            k,
            d,
            shape,
            origin: data.means(),
            scales,
            weights: vec![0.0; k],
            difference: vec![0.0; d],
            whitened: vec![0.0; d],
            packed: vec![0.0; shape.n_entries(d)],
            squares: vec![Symmetric::zeros(shape, d); n_covariances],
        }
    }

    /// Their number: that of the model's free parameters.
    pub fn n(&self) -> usize {
        self.n_weights() + self.k * self.d + self.squares.len() * self.shape.n_entries(self.d)
    }

    /// How many of them, at the front, are those of the weights: K - 1.
    pub fn n_weights(&self) -> usize {
        self.k - 1
    }

    /// The scales s of the columns (d).
    pub(crate) fn scales(&self) -> &[f64] {
        &self.scales
    }

    /// Writes the coordinates of a mixture (of the model's structure) to `x`. A weight of 0 counts as the smallest
    /// positive number.
    pub fn write(&mut self, mixture: &Mixture, x: &mut [f64]) {
        let d = self.d;
        let (weights, means, covariances) = self.parts(x);
        let ln_weight = |k: usize| mixture.weights()[k].max(f64::MIN_POSITIVE).ln();
        for (k, x) in weights.iter_mut().enumerate() {
            *x = ln_weight(k) - ln_weight(self.k - 1);
        }
        for (i, x) in means.iter_mut().enumerate() {
            *x = (mixture.means()[i] - self.origin[i % d]) / self.scales[i % d];
        }
        for (x, covariance) in covariances.chunks_exact_mut(self.packed.len()).zip(mixture.covariances()) {
            covariance.write_factor(x);
            for_each_entry(self.shape, &self.scales, x, |x, scale, on_diagonal| match on_diagonal {
                true => *x = (*x / scale).ln(),
                false => *x /= scale,
            });
        }
    }

    /// Sets a mixture (of the model's structure) to that at `x`, without allocating. No weight is below the smallest
    /// positive number.
    ///
    /// # Errors
    /// [`Unreachable`]; the mixture must not be used then.
    pub fn read(&mut self, x: &[f64], mixture: &mut Mixture) -> Result<(), Unreachable> {
        let (weights, rest) = x.split_at(self.n_weights());
        let (means, covariances) = rest.split_at(self.k * self.d);
        let largest = weights.iter().copied().fold(0.0, f64::max);
        for (k, w) in self.weights.iter_mut().enumerate() {
            let w_k = (weights.get(k).copied().unwrap_or(0.0) - largest).exp();
            // Written so that NaN stays and is found.
            *w = if w_k < f64::MIN_POSITIVE { f64::MIN_POSITIVE } else { w_k };
        }
        mixture.set_weights(&self.weights)?;
        for (k, u) in means.chunks_exact(self.d).enumerate() {
            for j in 0..self.d {
                self.difference[j] = self.origin[j] + self.scales[j] * u[j];
            }
            mixture.set_mean(k, &self.difference)?;
        }
        for (component, x) in covariances.chunks_exact(self.packed.len()).enumerate() {
            self.packed.copy_from_slice(x);
            for_each_entry(self.shape, &self.scales, &mut self.packed, |x, scale, on_diagonal| match on_diagonal {
                true => *x = x.exp() * scale,
                false => *x *= scale,
            });
            let set = mixture.set_factor(component, &self.packed);
            set.map_err(|source| Degenerate { component, source })?;
        }
        Ok(())
    }

    /// Writes the gradient of the objective at a mixture to `gradient`, in these coordinates: `posterior` is that given
    /// the statistics of a sweep under the same mixture, of a model without prior for the likelihood.
    pub fn gradient(&mut self, posterior: &Posterior, mixture: &Mixture, gradient: &mut [f64]) {
        let d = self.d;
        let (weights, means, covariances) = self.parts(gradient);

        let concentration = posterior.concentration();
        let total: f64 = concentration.iter().map(|a| a - 1.0).sum();
        for (k, g) in weights.iter_mut().enumerate() {
            *g = concentration[k] - 1.0 - mixture.weights()[k] * total;
        }
        for (c, squares) in self.squares.iter_mut().enumerate() {
            mixture.covariances()[c].whiten_squares(posterior.scale(c), squares);
        }
        for (k, g) in means.chunks_exact_mut(d).enumerate() {
            let (covariance, kappa) = (mixture.covariance(k), posterior.kappa(k));
            for j in 0..d {
                self.difference[j] = posterior.mean(k)[j] - mixture.mean(k)[j];
            }
            covariance.whiten(&self.difference, &mut self.whitened);
            covariance.whiten_transposed(&self.whitened, g);
            g.iter_mut().zip(&self.scales).for_each(|(g, s)| *g *= kappa * s);
            let shared = self.squares.len() == 1;
            if let Some(squares) = self.squares.get_mut(if shared { 0 } else { k }) {
                squares.add_outer(kappa, &self.whitened);
            }
        }
        for (c, g) in covariances.chunks_exact_mut(self.packed.len()).enumerate() {
            let (squares, divisor) = (&self.squares[c], posterior.mode_divisor(c));
            match self.shape {
                Shape::Full => {
                    let t = mixture.covariances()[c].whitener();
                    let at = |i: usize, j: usize| i * (i + 1) / 2 + j;
                    for i in 0..d {
                        for j in 0..=i {
                            let entry: f64 = (i..d).map(|l| t[at(l, i)] * squares.get(l, j)).sum();
                            g[at(i, j)] = if i == j { entry / t[at(i, i)] - divisor } else { entry * self.scales[i] };
                        }
                    }
                }
                Shape::Diagonal | Shape::Isotropic => {
                    g.iter_mut().zip(squares.entries()).for_each(|(g, s)| *g = s - divisor);
                }
            }
        }
    }

    /// Writes the diagonal of the information that rows *and* allocations would hold, in these coordinates: the
    /// curvatures of the objective if components did not overlap, and those that EM's steps correspond to. Arguments as
    /// those of [`gradient`](Self::gradient).
    ///
    /// ```text
    /// weights  w_k (1 - w_k) sum_j (A_j - 1),   means  kappa_k s_j^2 P_jj,   P = inverse(S)
    /// Full     D (1 + L_ii^2 P_ii),  D s_i^2 P_ii (j < i),                   Diagonal, Isotropic  2 D
    /// ```
    pub fn information(&self, posterior: &Posterior, mixture: &Mixture, information: &mut [f64]) {
        let d = self.d;
        let precision = |c: usize, j: usize| {
            let t = mixture.covariances()[c].whitener();
            let at = |i: usize| self.shape.index(i, j).map_or(0.0, |index| t[index]);
            match self.shape {
                Shape::Full => (j..d).map(|i| at(i).powi(2)).sum(),
                Shape::Diagonal | Shape::Isotropic => at(j).powi(2),
            }
        };
        let last = mixture.covariances().len() - 1;
        let (weights, means, covariances) = self.parts(information);
        let total: f64 = posterior.concentration().iter().map(|a| a - 1.0).sum();
        for (x, w) in weights.iter_mut().zip(mixture.weights()) {
            *x = w * (1.0 - w) * total;
        }
        for (i, x) in means.iter_mut().enumerate() {
            let (k, j) = (i / d, i % d);
            *x = posterior.kappa(k) * self.scales[j].powi(2) * precision(k.min(last), j);
        }
        for (c, x) in covariances.chunks_exact_mut(self.packed.len()).enumerate() {
            let divisor = posterior.mode_divisor(c);
            let Shape::Full = self.shape else {
                x.fill(2.0 * divisor);
                continue;
            };
            let (t, mut entries) = (mixture.covariances()[c].whitener(), x.iter_mut().enumerate());
            for i in 0..d {
                let precision = precision(c, i);
                for (j, (index, x)) in entries.by_ref().take(i + 1).enumerate() {
                    *x = divisor
                        * if i == j { 1.0 + precision / t[index].powi(2) } else { self.scales[i].powi(2) * precision };
                }
            }
        }
    }

    /// The component (0 when the covariance is shared) with the smallest entry on the diagonal of its factor, on data
    /// of unit standard deviations, and that entry; `None` if no covariance is learned.
    pub(crate) fn thinnest(&self, x: &[f64]) -> Option<(usize, f64)> {
        let covariances = x[self.n_weights() + self.k * self.d..].chunks_exact(self.packed.len()).enumerate();
        let pivots = |factor: &[f64]| {
            let indices = (0..self.d).filter_map(|i| self.shape.index(i, i));
            indices.map(|index| factor[index]).fold(f64::INFINITY, f64::min)
        };
        covariances.map(|(c, factor)| (c, pivots(factor).exp())).min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// The coordinates of weights, means and covariances.
    fn parts<'a>(&self, x: &'a mut [f64]) -> (&'a mut [f64], &'a mut [f64], &'a mut [f64]) {
        let (weights, rest) = x.split_at_mut(self.k - 1);
        let (means, covariances) = rest.split_at_mut(self.k * self.d);
        (weights, means, covariances)
    }
}

/// Calls `f` with each entry of a packed factor, the scale of its row, and whether it is on the diagonal.
fn for_each_entry(shape: Shape, scales: &[f64], entries: &mut [f64], f: impl Fn(&mut f64, f64, bool)) {
    match shape {
        Shape::Full => {
            let mut entries = entries.iter_mut();
            for (i, scale) in scales.iter().enumerate() {
                entries.by_ref().take(i + 1).enumerate().for_each(|(j, x)| f(x, *scale, i == j));
            }
        }
        Shape::Diagonal | Shape::Isotropic => {
            entries.iter_mut().zip(scales).for_each(|(x, scale)| f(x, *scale, true));
        }
    }
}
