//! The information that rows *and* allocations would hold: minus the curvature of the log joint density.

use gmm_core::{Mixture, Posterior, Shape, Symmetric};
use nalgebra::{DMatrix, DVector};

use super::layout::Layout;

/// Minus the matrix of second derivatives of the expected log joint density of parameters, rows and allocations (EM's
/// Q function plus the prior), in [`Coordinates`](crate::Coordinates), anywhere: `posterior` is that given the
/// statistics of a sweep under the same mixture, of a model without prior for the likelihood.
///
/// With the names of `Coordinates`, `P = inverse(S)`, `v_k = T (mu_k - m_k)`, `W = T M T'`, `Q = W T`, and the factors
/// `c_ij` = L_ii where i = j, else s_i, by which coordinates change entries of L:
///
/// ```text
/// weights, weights          sum_j (A_j - 1) (diag(w) - w w')
/// mean, mean                kappa_k s_a s_b P_ab
/// mean a, factor ij   Full        -kappa_k s_a c_ij [ (T' v_k)_i T_ja + P_ai v_kj ]
///                     Diagonal    -2 kappa_k s_a T_aa v_ka    (a = i = j),    Isotropic the same for all a
/// factor ij, factor lm Full       c_ij c_lm [ W_jm P_il + T_jl Q_mi + T_mi Q_jl ]  less L_ii Q_ii if all are equal
///                     Diagonal    2 W_ii,    Isotropic 2 W
/// ```
pub(crate) fn complete_information(
    layout: Layout,
    scales: &[f64],
    posterior: &Posterior,
    mixture: &Mixture,
) -> DMatrix<f64> {
    let Layout { k, d, shape, .. } = layout;
    let mut out = DMatrix::zeros(layout.n(), layout.n());
    let total: f64 = posterior.concentration().iter().map(|a| a - 1.0).sum();
    let w = mixture.weights();
    for i in 0..k - 1 {
        for j in 0..=i {
            out[(i, j)] = total * w[i] * (if i == j { 1.0 } else { 0.0 } - w[j]);
        }
    }
    let mut squares: Vec<Symmetric> = (0..layout.covariances).map(|_| Symmetric::zeros(shape, d)).collect();
    for (c, squares) in squares.iter_mut().enumerate() {
        mixture.covariances()[c].whiten_squares(posterior.scale(c), squares);
    }
    let entries: Vec<(usize, usize)> = layout.factor_entries().collect();
    let frames: Vec<Frame> =
        mixture.covariances().iter().map(|covariance| Frame::new(covariance.whitener(), shape, d)).collect();
    for component in 0..k {
        let (frame, kappa) = (&frames[component.min(frames.len() - 1)], posterior.kappa(component));
        let at = layout.mean(component);
        for a in 0..d {
            for b in 0..=a {
                out[(at + a, at + b)] = kappa * scales[a] * scales[b] * frame.p[(a, b)];
            }
        }
        let c = layout.covariance(component);
        let Some(squares) = squares.get_mut(c) else { continue };
        let difference = DVector::from_fn(d, |j, _| mixture.mean(component)[j] - posterior.mean(component)[j]);
        let v = &frame.t * difference;
        squares.add_outer(kappa, v.as_slice());
        let u = frame.t.tr_mul(&v);
        for a in 0..d {
            let by = -kappa * scales[a];
            for (index, &(i, j)) in entries.iter().enumerate() {
                let value = match shape {
                    Shape::Full => by * frame.change(scales, i, j) * (u[i] * frame.t[(j, a)] + frame.p[(a, i)] * v[j]),
                    Shape::Diagonal if a != i => 0.0,
                    Shape::Diagonal | Shape::Isotropic => 2.0 * by * frame.t[(a, a)] * v[a],
                };
                out[(layout.factor(c) + index, at + a)] = value;
            }
        }
    }
    for (c, squares) in squares.iter().enumerate() {
        let (at, frame) = (layout.factor(c), &frames[c]);
        let Shape::Full = shape else {
            squares.entries().iter().enumerate().for_each(|(i, w)| out[(at + i, at + i)] = 2.0 * w);
            continue;
        };
        let w = squares.to_matrix();
        let (t, p, q) = (&frame.t, &frame.p, &w * &frame.t);
        for (first, &(i, j)) in entries.iter().enumerate() {
            for (second, &(l, m)) in entries.iter().enumerate().take(first + 1) {
                let curvature = w[(j, m)] * p[(i, l)] + t[(j, l)] * q[(m, i)] + t[(m, i)] * q[(j, l)];
                let value = frame.change(scales, i, j) * frame.change(scales, l, m) * curvature;
                let bend = if first == second && i == j { q[(i, i)] / t[(i, i)] } else { 0.0 };
                out[(at + first, at + second)] = value - bend;
            }
        }
    }
    out.fill_upper_triangle_with_lower_triangle();
    out
}

/// A whitener T and the precision P = T' T, in full.
struct Frame {
    t: DMatrix<f64>,
    p: DMatrix<f64>,
}

impl Frame {
    fn new(whitener: &[f64], shape: Shape, d: usize) -> Self {
        let entry = |i: usize, j: usize| {
            let index = if j > i { None } else { shape.index(i, j) };
            index.map_or(0.0, |index| whitener[index])
        };
        let t = DMatrix::from_fn(d, d, entry);
        Self { p: t.tr_mul(&t), t }
    }

    /// How fast entry (i, j) of the factor changes with its coordinate.
    fn change(&self, scales: &[f64], i: usize, j: usize) -> f64 {
        if i == j { 1.0 / self.t[(i, i)] } else { scales[i] }
    }
}
