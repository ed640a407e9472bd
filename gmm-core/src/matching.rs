//! Which component of one mixture is which of another.

use crate::{Covariance, Mixture, optimal_assignment};

/// The Bhattacharyya distance of component a of one mixture from component b of another.
///
/// ```text
/// D = 1/8 (mu_a - mu_b)' S^-1 (mu_a - mu_b) + 1/2 ln( |S| / sqrt(|S_a| |S_b|) ),   S = (S_a + S_b) / 2
/// ```
///
/// Infinite if rounding leaves S without a factor.
pub fn bhattacharyya_distance(left: &Mixture, a: usize, right: &Mixture, b: usize) -> f64 {
    let (s_a, s_b) = (left.covariance(a), right.covariance(b));
    let mut middle = s_a.as_symmetric().to_full();
    middle.add_scaled(1.0, &s_b.as_symmetric().to_full());
    middle.scale(0.5);
    let Ok(middle) = Covariance::new(middle) else { return f64::INFINITY };
    let quadratic = middle.squared_distance(left.mean(a), right.mean(b));
    quadratic / 8.0 + 0.5 * (middle.ln_det() - 0.5 * (s_a.ln_det() + s_b.ln_det()))
}

/// The order of the components of `mixture` that matches those of `target` best: place j of the target belongs to
/// component `order[j]`. The sum of Bhattacharyya distances is least. `None` unless both have as many components.
///
/// ```
/// use gmm_core::{Covariance, Mixture, match_mixture};
/// let unit = || vec![Covariance::isotropic(1, 1.0).unwrap()];
/// let target = Mixture::new(vec![0.5, 0.5], vec![vec![4.0], vec![-4.0]], unit())?;
/// let mixture = Mixture::new(vec![0.4, 0.6], vec![vec![-3.0], vec![5.0]], unit())?;
/// assert_eq!(match_mixture(&mixture, &target), Some(vec![1, 0]));
/// # Ok::<(), gmm_core::MixtureError>(())
/// ```
pub fn match_mixture(mixture: &Mixture, target: &Mixture) -> Option<Vec<usize>> {
    let k = target.k();
    if mixture.k() != k || mixture.d() != target.d() {
        return None;
    }
    let costs: Vec<f64> =
        (0..k * k).map(|i| bhattacharyya_distance(target, i / k, mixture, i % k).min(f64::MAX / 4.0)).collect();
    Some(optimal_assignment(&costs, k))
}
