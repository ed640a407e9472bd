//! Covariances along axes that are turned at random.

use gmm_core::Covariance;
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

/// `H diag(v) H` with variances v (d) and the reflection `H = I - 2 u u'` along a random direction u; `None` unless they
/// are positive.
pub(crate) fn random_reflection<R: Rng + ?Sized>(variances: &[f64], rng: &mut R) -> Option<Covariance> {
    let d = variances.len();
    let mut u: Vec<f64> = (0..d).map(|_| StandardNormal.sample(rng)).collect();
    let length = u.iter().map(|x: &f64| x * x).sum::<f64>().sqrt();
    u.iter_mut().for_each(|x| *x /= length);
    // H D H = D - 2 (u (Du)' + (Du) u') + 4 (u'Du) u u'.
    let du: Vec<f64> = u.iter().zip(variances).map(|(u, v)| u * v).collect();
    let udu: f64 = u.iter().zip(&du).map(|(u, du)| u * du).sum();
    let entry = |i: usize, j: usize| {
        let diagonal = if i == j { variances[i] } else { 0.0 };
        diagonal - 2.0 * (u[i] * du[j] + du[i] * u[j]) + 4.0 * udu * u[i] * u[j]
    };
    let rows: Vec<Vec<f64>> = (0..d).map(|i| (0..d).map(|j| entry(i.max(j), i.min(j))).collect()).collect();
    Covariance::full(&rows).ok()
}
