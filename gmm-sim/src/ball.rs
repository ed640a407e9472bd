//! A mixture made at random: means in a ball.

use gmm_core::{Covariance, MAX_COMPONENTS, Mixture};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};
use thiserror::Error;

use crate::rotation::random_reflection;

/// Why there is no such mixture.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum BallError {
    /// The number of components is 0 or beyond [`MAX_COMPONENTS`].
    #[error("{k} components: there must be at least 1 and at most {MAX_COMPONENTS}")]
    Components {
        /// The number of components.
        k: usize,
    },
    /// There are no dimensions.
    #[error("0 columns: there must be at least 1")]
    Dimensions,
    /// The radius is not a number that rows can be drawn at.
    #[error("the radius is {radius}: it must be at least 0 and at most {MOST_RADIUS:e}")]
    Radius {
        /// The radius.
        radius: f64,
    },
}

/// Beyond this the covariances, which are of size 1, would be lost to rounding.
const MOST_RADIUS: f64 = 1e12;

/// A mixture of k components in d dimensions: equal weights; means uniform in the ball of a radius about the origin;
/// covariances whose axes are turned at random, with standard deviations uniform in [0.5, 1.5] along them.
///
/// ```
/// use gmm_core::Streams;
/// let mixture = gmm_sim::mixture_in_ball(5, 2, 10.0, &mut Streams::new(1).rng(0))?;
/// assert_eq!((mixture.k(), mixture.d()), (5, 2));
/// assert!((0..5).all(|k| mixture.mean(k).iter().map(|x| x * x).sum::<f64>() <= 100.0));
/// # Ok::<(), gmm_sim::BallError>(())
/// ```
///
/// # Errors
/// [`BallError`]: no components or too many, no dimensions, or a radius that is negative, not finite or beyond 1e12.
pub fn mixture_in_ball<R: Rng + ?Sized>(k: usize, d: usize, radius: f64, rng: &mut R) -> Result<Mixture, BallError> {
    if k == 0 || k > MAX_COMPONENTS {
        return Err(BallError::Components { k });
    }
    if d == 0 {
        return Err(BallError::Dimensions);
    }
    if !(0.0..=MOST_RADIUS).contains(&radius) {
        return Err(BallError::Radius { radius });
    }
    let means = (0..k).map(|_| in_ball(d, radius, rng)).collect();
    let covariances = (0..k).map(|_| turned(d, rng)).collect::<Option<Vec<_>>>();
    let mixture = covariances.and_then(|covariances| Mixture::new(vec![1.0; k], means, covariances).ok());
    // Every matrix is a rotation of positive variances.
    mixture.ok_or(BallError::Dimensions)
}

/// A point uniform in a ball: a direction from a normal draw, and a radius whose d-th power is uniform.
fn in_ball<R: Rng + ?Sized>(d: usize, radius: f64, rng: &mut R) -> Vec<f64> {
    let mut point: Vec<f64> = (0..d).map(|_| StandardNormal.sample(rng)).collect();
    let length = point.iter().map(|x| x * x).sum::<f64>().sqrt();
    let r = radius * rng.random::<f64>().powf(1.0 / d as f64);
    point.iter_mut().for_each(|x| *x *= r / length);
    point
}

/// A covariance with standard deviations uniform in [0.5, 1.5] along axes that are turned at random.
fn turned<R: Rng + ?Sized>(d: usize, rng: &mut R) -> Option<Covariance> {
    let variances: Vec<f64> = (0..d).map(|_| rng.random_range(0.5..1.5_f64).powi(2)).collect();
    random_reflection(&variances, rng)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm_core::Streams;

    #[test]
    fn means_fill_the_ball_and_covariances_have_the_eigenvalues_that_were_drawn() {
        let (k, d, radius) = (4000, 3, 2.0);
        let mixture = mixture_in_ball(k, d, radius, &mut Streams::new(5).rng(0)).unwrap();
        // The d-th power of the radius is uniform: mean 1/2, sd 1 / sqrt(12 k); 4.5 of these, false alarm 7e-6.
        let volume = |c: usize| (mixture.mean(c).iter().map(|x| x * x).sum::<f64>().sqrt() / radius).powi(d as i32);
        let mean = (0..k).map(volume).sum::<f64>() / k as f64;
        assert!((mean - 0.5).abs() < 4.5 / (12.0 * k as f64).sqrt(), "{mean}");
        let mut correlated = 0.0;
        for c in 0..k {
            let matrix = mixture.covariance(c).to_matrix();
            let roots = matrix.symmetric_eigenvalues().map(f64::sqrt);
            assert!(roots.iter().all(|s| (0.5 - 1e-9..1.5 + 1e-9).contains(s)), "{roots}");
            correlated += matrix[(0, 1)].abs() / k as f64;
        }
        assert!(correlated > 0.05, "the axes are turned: {correlated}");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let mut rng = Streams::new(1).rng(0);
        assert_eq!(mixture_in_ball(0, 2, 1.0, &mut rng), Err(BallError::Components { k: 0 }));
        assert_eq!(mixture_in_ball(2, 0, 1.0, &mut rng), Err(BallError::Dimensions));
        assert_eq!(mixture_in_ball(2, 2, -1.0, &mut rng), Err(BallError::Radius { radius: -1.0 }));
        assert!(mixture_in_ball(2, 2, f64::NAN, &mut rng).is_err());
        // All means at the origin is a mixture too.
        assert_eq!(mixture_in_ball(1, 1, 0.0, &mut rng).unwrap().mean(0), [0.0]);
    }
}
