//! Rows drawn from a given mixture.

use gmm_core::{Data, DataError, Label, Mixture};
use rand::Rng;
use thiserror::Error;

/// How many rows each component gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sizes {
    /// So many rows in all, each allocated at random by the weights.
    Total(usize),
    /// Exactly so many rows of each component (K), component after component.
    Exact(Vec<usize>),
}

/// Rows with the component that each came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    /// The rows.
    pub data: Data,
    /// The component of each row (n), from 0.
    pub labels: Vec<Label>,
}

/// Why nothing can be simulated.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SimulationError {
    /// There are not as many sizes as components.
    #[error("{found} sizes where the mixture has {expected} components")]
    Sizes {
        /// Number of sizes.
        found: usize,
        /// Number of components.
        expected: usize,
    },
    /// The rows do not fit in memory.
    #[error("{n} rows of {d} take {:.2} GiB, which cannot be had", *n as f64 * *d as f64 * 8.0 / 2f64.powi(30))]
    Memory {
        /// Number of rows.
        n: usize,
        /// Number of columns.
        d: usize,
    },
    /// No row was asked for, or the rows are not finite.
    #[error(transparent)]
    Data(#[from] DataError),
}

/// Draws rows of a mixture.
///
/// # Errors
/// [`SimulationError`] if the sizes do not fit the mixture, no row is asked for, or the rows do not fit in memory.
pub fn simulate<R: Rng + ?Sized>(mixture: &Mixture, sizes: &Sizes, rng: &mut R) -> Result<Simulation, SimulationError> {
    let d = mixture.d();
    let n = match sizes {
        Sizes::Total(n) => *n,
        Sizes::Exact(sizes) => sizes.iter().fold(0, |sum: usize, size| sum.saturating_add(*size)),
    };
    let (mut values, mut labels): (Vec<f64>, Vec<Label>) = (Vec::new(), Vec::new());
    let reserved = values.try_reserve_exact(n.saturating_mul(d)).and_then(|()| labels.try_reserve_exact(n));
    reserved.map_err(|_| SimulationError::Memory { n, d })?;
    let mut row = vec![0.0; d];
    match sizes {
        Sizes::Total(n) => {
            for _ in 0..*n {
                labels.push(mixture.sample(rng, &mut row) as Label);
                values.extend_from_slice(&row);
            }
        }
        Sizes::Exact(sizes) if sizes.len() == mixture.k() => {
            for (k, size) in sizes.iter().enumerate() {
                for _ in 0..*size {
                    mixture.sample_component(k, rng, &mut row);
                    labels.push(k as Label);
                    values.extend_from_slice(&row);
                }
            }
        }
        Sizes::Exact(sizes) => {
            return Err(SimulationError::Sizes { found: sizes.len(), expected: mixture.k() });
        }
    }
    Ok(Simulation { data: Data::new(values, d)?, labels })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gmm_core::{Covariance, Streams};

    fn mixture() -> Mixture {
        let covariance = Covariance::full(&[[1.0, 0.5], [0.5, 2.0]]).unwrap();
        Mixture::new(vec![0.25, 0.75], vec![vec![0.0, 0.0], vec![10.0, -10.0]], vec![covariance]).unwrap()
    }

    #[test]
    fn labels_tell_the_component_of_every_row() {
        let simulation = simulate(&mixture(), &Sizes::Total(20_000), &mut Streams::new(1).rng(0)).unwrap();
        for (row, label) in simulation.data.rows().zip(&simulation.labels) {
            assert_eq!(Label::from(row[0] > 5.0), *label);
        }
        let share = simulation.labels.iter().map(|k| f64::from(*k)).sum::<f64>() / 20_000.0;
        assert!((share - 0.75).abs() < 4.5 * (0.75f64 * 0.25 / 20_000.0).sqrt()); // false alarm 7e-6
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let mut rng = Streams::new(1).rng(0);
        assert_eq!(
            simulate(&mixture(), &Sizes::Exact(vec![1]), &mut rng),
            Err(SimulationError::Sizes { found: 1, expected: 2 })
        );
        assert!(matches!(simulate(&mixture(), &Sizes::Total(0), &mut rng), Err(SimulationError::Data(_))));
        assert!(matches!(simulate(&mixture(), &Sizes::Exact(vec![0, 0]), &mut rng), Err(SimulationError::Data(_))));
    }
}
