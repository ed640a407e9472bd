//! The parameters of a mixture as the kernel wants them.

use crate::planted::{Defect, sound};
use crate::{Mixture, Shape};

/// The largest dimension in which the rows of a block stay in registers while the components pass.
pub(crate) const SMALL: usize = 4;

/// Means, scaled whitening factors and constants.
///
/// The kernel computes `q = c_k - |T_k (x - mu_k)|^2`, a logarithm of the joint density of component k and row x, to the
/// base 2. For full covariances in more than [`SMALL`] dimensions the base is 4, so that `2^q` is the root of the
/// density: what the rows are scaled with there.
#[derive(Debug)]
pub(crate) struct Parameters {
    shape: Shape,
    k: usize,
    d: usize,
    /// K x d.
    means: Vec<f64>,
    /// K whitening factors, scaled for the base, packed; a shared one is repeated.
    factors: Vec<f64>,
    /// c_k: the logarithm of weight and normalising constant.
    constants: Vec<f64>,
}

impl Parameters {
    pub(crate) fn new() -> Self {
        Self { shape: Shape::Full, k: 0, d: 0, means: Vec::new(), factors: Vec::new(), constants: Vec::new() }
    }

    /// Takes over a mixture; allocates only when it is larger than any before.
    pub(crate) fn set(&mut self, mixture: &Mixture) {
        (self.shape, self.k, self.d) = (mixture.shape(), mixture.k(), mixture.d());
        let per_nat = std::f64::consts::LOG2_E / if self.roots() { 2.0 } else { 1.0 };
        let scale = (0.5 * per_nat).sqrt();
        self.means.clear();
        self.means.extend_from_slice(mixture.means());
        self.factors.clear();
        self.constants.clear();
        let ln_two_pi = (2.0 * std::f64::consts::PI).ln();
        for (k, w) in mixture.weights().iter().enumerate() {
            let covariance = mixture.covariance(k);
            self.factors.extend(covariance.whitener().iter().map(|t| scale * t));
            let ln_det = covariance.ln_det();
            let ln_det = sound(ln_det, Defect::DeterminantNotHalved, 2.0 * ln_det);
            let ln_norm = -0.5 * (self.d as f64 * ln_two_pi + ln_det);
            self.constants.push(per_nat * (sound(w.ln(), Defect::WeightsIgnored, 0.0) + ln_norm));
        }
    }

    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    pub(crate) fn k(&self) -> usize {
        self.k
    }

    pub(crate) fn d(&self) -> usize {
        self.d
    }

    /// Whether exponentials are roots of densities: base 4 instead of 2.
    pub(crate) fn roots(&self) -> bool {
        self.shape == Shape::Full && self.d > SMALL
    }

    /// Factor, mean and constant of each component.
    #[inline(always)]
    pub(crate) fn components(&self) -> impl Iterator<Item = ((&[f64], &[f64]), &f64)> {
        let factors = self.factors.chunks_exact(self.shape.n_entries(self.d));
        factors.zip(self.means.chunks_exact(self.d)).zip(&self.constants)
    }
}
