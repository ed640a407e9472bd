//! The score of a row and its component: the gradient of their log joint density, in the coordinates of the component.

use gmm_core::{Mixture, Shape};

use super::layout::Layout;

/// Responsibilities and scores of rows under a mixture.
///
/// With `y = T (x - mu_k)` and `z = T' y`, where `T = inverse(L)` is the whitener of component k, its score is
///
/// ```text
/// ln w_k       1                                     without -w, which all components have in common
/// mean         s_j z_j
/// Full         L_ii z_i y_i - 1,  s_i z_i y_j (j < i)
/// Diagonal     y_j^2 - 1
/// Isotropic    |y|^2 - d
/// ```
///
/// for the scales s of [`Coordinates`](crate::Coordinates).
pub(crate) struct Scores<'a> {
    mixture: &'a Mixture,
    layout: Layout,
    scales: &'a [f64],
    /// `ln w_k - ln(det(2 pi S_k)) / 2`.
    constants: Vec<f64>,
}

/// A smaller responsibility counts as none: what the row would add to the component is lost in rounding.
const NEGLIGIBLE: f64 = 1e-25;

impl<'a> Scores<'a> {
    pub(crate) fn new(mixture: &'a Mixture, layout: Layout, scales: &'a [f64]) -> Self {
        let ln_two_pi = (2.0 * std::f64::consts::PI).ln();
        let constant =
            |k: usize| mixture.weights()[k].ln() - 0.5 * (layout.d as f64 * ln_two_pi + mixture.covariance(k).ln_det());
        Self { mixture, layout, scales, constants: (0..layout.k).map(constant).collect() }
    }

    /// Writes the responsibilities of a row (K) and its scores (K x width); the scores of components that are not
    /// responsible are left unset. `room` holds d numbers.
    pub(crate) fn write(&self, row: &[f64], responsibilities: &mut [f64], scores: &mut [f64], room: &mut [f64]) {
        let Layout { d, shape, .. } = self.layout;
        let mut largest = f64::NEG_INFINITY;
        // The whitened difference stands where the score of the mean will.
        for (k, score) in scores.chunks_exact_mut(self.layout.width()).enumerate() {
            let y = &mut score[1..=d];
            room.iter_mut().zip(row).zip(self.mixture.mean(k)).for_each(|((z, x), m)| *z = x - m);
            self.mixture.covariance(k).whiten(room, y);
            let ln_joint = self.constants[k] - 0.5 * y.iter().map(|y| y * y).sum::<f64>();
            responsibilities[k] = ln_joint;
            largest = largest.max(ln_joint);
        }
        let mut total = 0.0;
        for r in responsibilities.iter_mut() {
            *r = (*r - largest).exp();
            total += *r;
        }
        for (k, score) in scores.chunks_exact_mut(self.layout.width()).enumerate() {
            responsibilities[k] /= total;
            if responsibilities[k] < NEGLIGIBLE {
                responsibilities[k] = 0.0;
                continue;
            }
            let covariance = self.mixture.covariance(k);
            let (head, factor) = score.split_at_mut(1 + d);
            let (one, y) = head.split_at_mut(1);
            one[0] = 1.0;
            covariance.whiten_transposed(y, room);
            match shape {
                _ if factor.is_empty() => {}
                Shape::Full => {
                    let mut factor = factor.iter_mut();
                    for i in 0..d {
                        let t = covariance.whitener()[i * (i + 1) / 2 + i];
                        factor.by_ref().zip(&y[..i]).for_each(|(g, y)| *g = self.scales[i] * room[i] * y);
                        if let Some(g) = factor.next() {
                            *g = room[i] * y[i] / t - 1.0;
                        }
                    }
                }
                Shape::Diagonal => factor.iter_mut().zip(&*y).for_each(|(g, y)| *g = y * y - 1.0),
                Shape::Isotropic => factor[0] = y.iter().map(|y| y * y).sum::<f64>() - d as f64,
            }
            y.iter_mut().zip(&*room).zip(self.scales).for_each(|((g, z), s)| *g = s * z);
        }
    }
}
