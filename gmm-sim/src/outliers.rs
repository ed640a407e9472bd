//! Rows that come from no component.

use gmm_core::{Data, DataError, Label};
use rand::{Rng, RngExt};

use crate::Simulation;

/// The box that holds all rows, widened on each side by a share of its extent, and uniform rows in it.
///
/// ```
/// use gmm_core::{Covariance, Mixture, Streams};
/// use gmm_sim::{Sizes, add_outliers, simulate};
/// let mixture = Mixture::new(vec![1.0], vec![vec![0.0]], vec![Covariance::isotropic(1, 1.0)?])?;
/// let mut rng = Streams::new(1).rng(0);
/// let clean = simulate(&mixture, &Sizes::Total(95), &mut rng)?;
/// let simulation = add_outliers(&clean, 5, 0.5, 1, &mut rng)?;
/// assert_eq!((simulation.data.n(), simulation.labels[94], simulation.labels[95]), (100, 0, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// The `n` outliers follow the rows, labelled `label`.
///
/// # Errors
/// [`DataError`] if the box leaves the range of doubles.
pub fn add_outliers<R: Rng + ?Sized>(
    simulation: &Simulation,
    n: usize,
    widening: f64,
    label: Label,
    rng: &mut R,
) -> Result<Simulation, DataError> {
    let d = simulation.data.d();
    let mut sides = vec![(f64::INFINITY, f64::NEG_INFINITY); d];
    for row in simulation.data.rows() {
        sides.iter_mut().zip(row).for_each(|((low, high), x)| (*low, *high) = (low.min(*x), high.max(*x)));
    }
    let mut values = simulation.data.values().to_vec();
    for _ in 0..n {
        values.extend(sides.iter().map(|(low, high)| {
            let at = rng.random::<f64>() * (1.0 + 2.0 * widening) - widening;
            low + at * (high - low)
        }));
    }
    let mut labels = simulation.labels.clone();
    labels.resize(labels.len() + n, label);
    Ok(Simulation { data: Data::new(values, d)?, labels })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm_core::Streams;

    #[test]
    fn outliers_fill_the_widened_box_and_leave_the_rows_alone() {
        let data = Data::from_rows(&[[0.0, -1.0], [2.0, 3.0]]).unwrap();
        let clean = Simulation { data, labels: vec![0, 1] };
        let n = 20_000;
        let with = add_outliers(&clean, n, 0.25, 2, &mut Streams::new(4).rng(0)).unwrap();
        assert_eq!((with.data.row(0), with.data.row(1)), (clean.data.row(0), clean.data.row(1)));
        assert!(with.labels[2..].iter().all(|label| *label == 2));
        for (j, low, width) in [(0, -0.5, 3.0), (1, -2.0, 6.0)] {
            let at: Vec<f64> = (2..n + 2).map(|i| (with.data.row(i)[j] - low) / width).collect();
            assert!(at.iter().all(|u| (0.0..1.0).contains(u)));
            // 4.5 standard errors of the mean of uniform numbers: a false alarm in 150,000 seeds.
            assert!((at.iter().sum::<f64>() / n as f64 - 0.5).abs() < 4.5 / (12.0 * n as f64).sqrt());
        }
    }
}
