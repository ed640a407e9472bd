//! Leaving the symmetric saddle: a stationary point where two components are equal.
//!
//! With equal components EM has nothing to tell them apart, so it can rest where the likelihood still rises in
//! the direction that separates them. The pair is split along a random direction and the climb repeated.

use gmm_core::{Covariance, Mixture, Structure};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::divergence::divergence;

/// Two components closer than this are called equal: for a shared covariance, means within 0.3 standard deviations.
const EQUAL: f64 = 0.1;

/// A pair of components that are almost equal, by their [`divergence`].
pub(crate) fn equal_pair(mixture: &Mixture) -> Option<(usize, usize)> {
    let pairs = (0..mixture.k()).flat_map(|b| (0..b).map(move |a| (a, b)));
    pairs.into_iter().find(|&(a, b)| divergence((mixture, a), (mixture, b)) < EQUAL)
}

/// The mixture with components a and b moved apart, one standard deviation each along a random direction, sharing
/// their weight equally; learned covariances are halved so that the rows choose sides.
pub(crate) fn split<R: Rng + ?Sized>(
    mixture: &Mixture,
    (a, b): (usize, usize),
    structure: &Structure,
    rng: &mut R,
) -> Option<Mixture> {
    let mut direction: Vec<f64> = (0..mixture.d()).map(|_| StandardNormal.sample(rng)).collect();
    let length = direction.iter().map(|x: &f64| x * x).sum::<f64>().sqrt();
    direction.iter_mut().for_each(|x| *x /= length);
    mixture.covariance(a).unwhiten(&mut direction);
    let mut weights = mixture.weights().to_vec();
    weights[a] = 0.5 * (weights[a] + weights[b]);
    weights[b] = weights[a];
    let mut means: Vec<Vec<f64>> = (0..mixture.k()).map(|k| mixture.mean(k).to_vec()).collect();
    for j in 0..mixture.d() {
        means[b][j] = means[a][j] - direction[j];
        means[a][j] += direction[j];
    }
    let halved = |covariance: &Covariance| {
        let mut matrix = covariance.as_symmetric().clone();
        matrix.scale(0.5);
        Covariance::new(matrix).ok()
    };
    let covariances = match structure {
        Structure::Known(_) => mixture.covariances().to_vec(),
        Structure::Free(_) | Structure::Tied(_) => mixture.covariances().iter().map(halved).collect::<Option<_>>()?,
    };
    Mixture::new(weights, means, covariances).ok()
}
