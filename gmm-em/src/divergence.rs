//! How far two components are apart.

use gmm_core::{Covariance, Mixture};

/// The symmetrised Kullback-Leibler divergence of component a of one mixture and component b of another, of one shape.
///
/// ```text
/// J(a, b) = 1/2 [ tr(S_b^-1 S_a) + tr(S_a^-1 S_b) - 2 d + (mu_a - mu_b)' (S_a^-1 + S_b^-1) (mu_a - mu_b) ]
/// ```
pub(crate) fn divergence(a: (&Mixture, usize), b: (&Mixture, usize)) -> f64 {
    let (s, t) = (a.0.covariance(a.1), b.0.covariance(b.1));
    let traces = trace(s, t) + trace(t, s) - 2.0 * s.d() as f64;
    divergence_of_means(a, b) + 0.5 * traces
}

/// The part of the [`divergence`] that is due to the means; the other is not negative.
pub(crate) fn divergence_of_means((left, a): (&Mixture, usize), (right, b): (&Mixture, usize)) -> f64 {
    let (s, t) = (left.covariance(a), right.covariance(b));
    0.5 * (s.squared_distance(right.mean(b), left.mean(a)) + t.squared_distance(left.mean(a), right.mean(b)))
}

/// `tr(inverse(s) t)` for two covariances of one shape.
fn trace(s: &Covariance, t: &Covariance) -> f64 {
    let (s, t) = (s.to_matrix(), t.to_matrix());
    s.cholesky().map_or(f64::INFINITY, |factor| factor.solve(&t).trace())
}
