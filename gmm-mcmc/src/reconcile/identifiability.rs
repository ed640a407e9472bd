//! How surely rows are allocated to each component.

use gmm_core::{Data, Mixture};
use rayon::prelude::*;

/// Rows of one task; sums of tasks are added in order.
const CHUNK: usize = 4096;

/// For each component (K) how surely its rows are its own: the mean responsibility over its rows, each counted as much as
/// it belongs to it.
///
/// ```text
/// sum_i r_ik^2 / sum_i r_ik
/// ```
///
/// It is 1 for a component that overlaps with no other, and its weight for one that is like all others; NaN without any row.
/// Runs in the current rayon pool; nothing depends on the number of threads.
///
/// ```
/// use gmm_core::{Covariance, Data, Mixture};
/// use gmm_mcmc::reconcile::identifiability;
/// let data = Data::from_rows(&[[-1.0], [0.0], [1.0], [50.0]])?;
/// let means = vec![vec![0.0], vec![0.0], vec![50.0]];
/// let mixture = Mixture::new(vec![0.25, 0.25, 0.5], means, vec![Covariance::isotropic(1, 1.0)?])?;
/// let found = identifiability(&data, &mixture);
/// assert!((found[0] - 0.5).abs() < 1e-12 && (found[2] - 1.0).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// If data and mixture differ in their dimensions: a fault of the caller's code, not of data.
pub fn identifiability(data: &Data, mixture: &Mixture) -> Vec<f64> {
    assert_eq!(data.d(), mixture.d(), "data and mixture must have the same dimension");
    let sums = |rows: &[f64]| {
        let mut sums = vec![[0.0; 2]; mixture.k()];
        for row in rows.chunks_exact(data.d()) {
            for (sums, r) in sums.iter_mut().zip(mixture.responsibilities(row)) {
                sums[0] += r;
                sums[1] += r * r;
            }
        }
        sums
    };
    let chunks: Vec<Vec<[f64; 2]>> = data.values().par_chunks(CHUNK * data.d()).map(sums).collect();
    (0..mixture.k())
        .map(|k| {
            let total = |i: usize| chunks.iter().map(|sums| sums[k][i]).sum::<f64>();
            total(1) / total(0)
        })
        .collect()
}
