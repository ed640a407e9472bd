//! A mixture drawn from a model's prior.

use gmm_core::{Degenerate, Mixture, Model};
use rand::Rng;
use thiserror::Error;

/// Why the prior gives no mixture.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PriorError {
    /// The prior of the components is flat.
    #[error("the prior of the components is flat, so no mixture can be drawn from it: give a prior")]
    Flat,
    /// The scale left the range of doubles.
    #[error(transparent)]
    Degenerate(#[from] Degenerate),
}

/// Draws weights, means and covariances from the prior: the posterior given no rows.
///
/// # Errors
/// [`PriorError`] if the prior is flat or its scale leaves the range of doubles.
pub fn mixture_from_prior<R: Rng + ?Sized>(model: &Model, rng: &mut R) -> Result<Mixture, PriorError> {
    if !model.is_proper() {
        return Err(PriorError::Flat);
    }
    let mut mixture = model.blank_mixture();
    model.posterior(&model.blank_statistics()).draw(rng, &mut mixture)?;
    Ok(mixture)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm_core::{Data, Shape, Streams, Structure};

    #[test]
    fn means_drawn_from_the_prior_have_its_location_and_spread() {
        let data = Data::from_rows(&[[0.0], [1.0], [2.0], [5.0]]).unwrap();
        let known = gmm_core::Covariance::isotropic(1, 4.0).unwrap();
        let model = Model::with_default_prior(1, Structure::Known(known), &data).unwrap();
        let mut rng = Streams::new(2).rng(0);
        let n = 20_000;
        let means: Vec<f64> = (0..n).map(|_| mixture_from_prior(&model, &mut rng).unwrap().mean(0)[0]).collect();
        let mean = means.iter().sum::<f64>() / f64::from(n);
        let variance = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / f64::from(n - 1);
        // Normal(2, 4 / 0.01): both bounds are 4.5 standard errors (false alarm 1.4e-5).
        assert!((mean - 2.0).abs() < 4.5 * (400.0 / f64::from(n)).sqrt());
        assert!((variance - 400.0).abs() < 4.5 * 400.0 * (2.0 / f64::from(n)).sqrt());
        let flat = Model::with_default_prior(1, Structure::Free(Shape::Full), &data).unwrap().without_prior();
        assert_eq!(mixture_from_prior(&flat, &mut rng), Err(PriorError::Flat));
    }
}
