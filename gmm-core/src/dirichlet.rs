//! The Dirichlet distribution of the weights.

use rand::Rng;
use rand_distr::{Distribution, Gamma};
use statrs::function::gamma::ln_gamma;

use crate::planted::{Defect, sound};

/// A Dirichlet distribution on the simplex of K weights.
///
/// ```text
/// p(w) = Gamma(sum a) / prod Gamma(a_k)  prod w_k^(a_k - 1)
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dirichlet {
    concentration: Vec<f64>,
}

impl Dirichlet {
    /// A Dirichlet distribution; `None` unless every concentration is positive and finite and there is one.
    pub fn new(concentration: Vec<f64>) -> Option<Self> {
        let valid = !concentration.is_empty() && concentration.iter().all(|a| *a > 0.0 && a.is_finite());
        valid.then_some(Self { concentration })
    }

    /// The concentrations a (K).
    pub fn concentration(&self) -> &[f64] {
        &self.concentration
    }

    /// Number of weights K.
    pub fn k(&self) -> usize {
        self.concentration.len()
    }

    /// Whether all concentrations are equal, so that labels are exchangeable.
    pub fn is_symmetric(&self) -> bool {
        self.concentration.iter().all(|a| *a == self.concentration[0])
    }

    /// The uniform distribution of as many weights.
    pub(crate) fn uniform(&self) -> Self {
        Self { concentration: vec![1.0; self.k()] }
    }

    /// Sets the concentrations to those of `prior` plus `counts`: the conjugate update.
    pub(crate) fn update(&mut self, prior: &Dirichlet, counts: &[f64]) {
        for ((a, prior), count) in self.concentration.iter_mut().zip(&prior.concentration).zip(counts) {
            *a = sound(prior + count, Defect::ConcentrationDropped, count.max(f64::MIN_POSITIVE));
        }
    }

    /// The log density at weights (K); minus infinity where a weight is 0 and its concentration above 1.
    pub fn ln_density(&self, weights: &[f64]) -> f64 {
        self.ln_kernel(weights) - self.ln_normaliser()
    }

    /// The log density without its constant, `sum (a_k - 1) ln w_k`.
    pub(crate) fn ln_kernel(&self, weights: &[f64]) -> f64 {
        let powers = self.concentration.iter().zip(weights);
        powers.map(|(a, w)| if *a == 1.0 { 0.0 } else { (a - 1.0) * w.ln() }).sum()
    }

    /// `ln [ prod Gamma(a_k) / Gamma(sum a) ]`.
    pub fn ln_normaliser(&self) -> f64 {
        let total: f64 = self.concentration.iter().sum();
        self.concentration.iter().map(|a| ln_gamma(*a)).sum::<f64>() - ln_gamma(total)
    }

    /// Writes the mode `(a_k - 1) / (sum a - K)` to `weights`. All concentrations must be at least 1; where all
    /// are 1 every point is a mode and the centre is written.
    pub fn mode(&self, weights: &mut [f64]) {
        let total: f64 = self.concentration.iter().map(|a| a - 1.0).sum();
        for (w, a) in weights.iter_mut().zip(&self.concentration) {
            *w = if total > 0.0 { (a - 1.0) / total } else { 1.0 / self.concentration.len() as f64 };
        }
    }

    /// Draws weights, by normalised gamma variables on the log scale, so that tiny concentrations do not
    /// give 0 / 0.
    pub fn draw<R: Rng + ?Sized>(&self, rng: &mut R, weights: &mut [f64]) {
        for (w, a) in weights.iter_mut().zip(&self.concentration) {
            *w = ln_gamma_draw(*a, rng);
        }
        let largest = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        weights.iter_mut().for_each(|w| *w = (*w - largest).exp());
        let total: f64 = weights.iter().sum();
        // A weight that underflows stays positive: its logarithm enters the density.
        weights.iter_mut().for_each(|w| *w = (*w / total).max(f64::MIN_POSITIVE));
    }
}

/// The logarithm of a Gamma(shape, 1) draw; below shape 1 through Gamma(shape + 1) U^(1 / shape).
fn ln_gamma_draw<R: Rng + ?Sized>(shape: f64, rng: &mut R) -> f64 {
    let (raised, boost) = if shape < 1.0 {
        let u: f64 = rand_distr::OpenClosed01.sample(rng);
        (shape + 1.0, u.ln() / shape)
    } else {
        (shape, 0.0)
    };
    // Gamma::new fails only for a shape or scale that is not positive and finite.
    Gamma::new(raised, 1.0).map_or(f64::NAN, |gamma| gamma.sample(rng).ln() + boost)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Streams;

    #[test]
    fn only_positive_finite_concentrations_are_accepted() {
        assert!(Dirichlet::new(vec![]).is_none());
        assert!(Dirichlet::new(vec![1.0, 0.0]).is_none());
        assert!(Dirichlet::new(vec![1.0, f64::INFINITY]).is_none());
    }

    #[test]
    fn the_density_of_two_equal_weights_under_dirichlet_2_2_is_one_and_a_half() {
        let dirichlet = Dirichlet::new(vec![2.0, 2.0]).unwrap();
        assert!((dirichlet.ln_density(&[0.5, 0.5]) - 1.5f64.ln()).abs() < 1e-14);
    }

    #[test]
    fn draws_have_the_right_mean_also_for_tiny_concentrations() {
        for concentration in [vec![2.0, 1.0, 0.5], vec![0.003, 0.001]] {
            let total: f64 = concentration.iter().sum();
            let dirichlet = Dirichlet::new(concentration.clone()).unwrap();
            let mut rng = Streams::new(8).rng(0);
            let (mut w, n) = (vec![0.0; concentration.len()], 100_000);
            let mut sum = 0.0;
            for _ in 0..n {
                dirichlet.draw(&mut rng, &mut w);
                assert!((w.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                sum += w[0];
            }
            let p = concentration[0] / total;
            let se = (p * (1.0 - p) / (total + 1.0) / n as f64).sqrt();
            assert!((sum / n as f64 - p).abs() < 4.5 * se); // false alarm 7e-6
        }
    }
}
