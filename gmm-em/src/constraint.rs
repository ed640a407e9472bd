//! The policies that act in M-steps, on the covariances of the unconstrained mode.

use gmm_core::{Eigen, Model, Shape, Structure, Symmetric};

use crate::{Action, Singularities};

/// The largest `1/2 [ln(1 + x) + x / (1 + x) - x]`, at the golden x: see [`Singularities::Regularise`].
const MOST_FALL: f64 = 0.122_575;

/// A policy that acts in M-steps, with its number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Constraint {
    Floor(f64),
    Added(f64),
    Ratio(f64),
}

impl Constraint {
    /// The constraint of a policy on the learned covariances of a model.
    pub(crate) fn of(policy: Singularities, model: &Model) -> Option<Self> {
        match policy {
            _ if matches!(model.structure(), Structure::Known(_)) => None,
            Singularities::Fail | Singularities::ResetComponent | Singularities::RemoveComponent => None,
            Singularities::FloorEigenvalues(min) => Some(Self::Floor(min)),
            Singularities::Regularise(constant) => Some(Self::Added(constant)),
            Singularities::BoundRatio(ratio) => Some(Self::Ratio(ratio)),
        }
    }

    /// What it does to a covariance that it changes.
    pub(crate) fn action(self) -> Action {
        match self {
            Self::Floor(min) => Action::FlooredTo { min },
            Self::Added(constant) => Action::Added { constant },
            Self::Ratio(ratio) => Action::RatioBoundedTo { ratio },
        }
    }

    /// Whether it changes every covariance, and so may lower the objective.
    pub(crate) fn changes_all(self) -> bool {
        matches!(self, Self::Added(_))
    }

    /// The most by which one M-step can lower the objective, given the divisors of the distinct covariances.
    pub(crate) fn most_fall(self, divisors: &[f64], shape: Shape, d: usize) -> f64 {
        let eigenvalues = if shape == Shape::Isotropic { 1 } else { d };
        match self {
            Self::Added(_) => MOST_FALL * divisors.iter().sum::<f64>() * eigenvalues as f64,
            Self::Floor(_) | Self::Ratio(_) => 0.0,
        }
    }

    /// Replaces the covariances of the mode, with the divisors that they have there, and marks those that it changed.
    pub(crate) fn apply(self, covariances: &mut [Symmetric], divisors: &[f64], changed: &mut [bool]) {
        changed.fill(self.changes_all());
        match self {
            Self::Added(constant) => {
                covariances.iter_mut().for_each(|covariance| add_to_diagonal(covariance, constant))
            }
            Self::Floor(min) => {
                for (covariance, changed) in covariances.iter_mut().zip(changed) {
                    if !covariance.exceeds(min) {
                        *changed = clamp(covariance, &mut Eigen::of(covariance), (min, f64::INFINITY));
                    }
                }
            }
            Self::Ratio(ratio) => {
                let mut eigens: Vec<Eigen> = covariances.iter().map(Eigen::of).collect();
                let values = eigens.iter().zip(divisors).filter(|(_, divisor)| **divisor > 0.0);
                let terms: Vec<(f64, f64)> =
                    values.flat_map(|(e, divisor)| e.values().iter().map(|v| (v.max(0.0), *divisor))).collect();
                let least = least_eigenvalue(&terms, ratio);
                for ((covariance, eigen), changed) in covariances.iter_mut().zip(&mut eigens).zip(changed) {
                    *changed = clamp(covariance, eigen, (least, least * ratio));
                }
            }
        }
    }

    /// Brings covariances, of as many rows each as `rows` says, into the set in which the constraint holds them.
    pub(crate) fn admit(self, covariances: &mut [Symmetric], rows: &[f64]) {
        let mut changed = vec![false; covariances.len()];
        match self {
            Self::Added(constant) => Self::Floor(constant).apply(covariances, rows, &mut changed),
            Self::Floor(_) | Self::Ratio(_) => self.apply(covariances, rows, &mut changed),
        }
    }
}

fn add_to_diagonal(matrix: &mut Symmetric, constant: f64) {
    let axes = if matrix.shape() == Shape::Isotropic { 1 } else { matrix.d() };
    let mut entries = matrix.entries().to_vec();
    (0..axes).filter_map(|i| matrix.shape().index(i, i)).for_each(|index| entries[index] += constant);
    matrix.set_entries(&entries);
}

/// Brings eigenvalues into a range. A matrix that has them there keeps its bits; says whether it had not.
fn clamp(matrix: &mut Symmetric, eigen: &mut Eigen, (least, most): (f64, f64)) -> bool {
    if eigen.values().iter().all(|value| (least..=most).contains(value)) {
        return false;
    }
    // Not `clamp`, which panics for a range that is none.
    eigen.values_mut().iter_mut().for_each(|value| *value = value.min(most).max(least));
    eigen.write(matrix);
    true
}

/// The t for which `sum D (ln s + m / s)` is least, s being m brought into [t, c t], over `(m, D)` in `terms`; the least m
/// where they all fit.
///
/// The sum is convex in ln t: each term is the least of `D (u + m exp(-u))`, convex in u, over `ln t <= u <= ln t + ln c`.
/// Its slope there is
///
/// ```text
/// sum over m < t of D (1 - m / t)  +  sum over m > c t of D (1 - m / (c t))
/// ```
///
/// which has no corner between the numbers m and m / c: the zero lies between the last of negative slope and the next, and
/// there it is a quotient of sums.
fn least_eigenvalue(terms: &[(f64, f64)], ratio: f64) -> f64 {
    let extremes = |(least, most): (f64, f64), (m, _): &(f64, f64)| (least.min(*m), most.max(*m));
    let (least, most) = terms.iter().fold((f64::INFINITY, 0.0), extremes);
    if most / ratio <= least {
        return least.min(most);
    }
    let mut corners: Vec<f64> = terms.iter().flat_map(|(m, _)| [*m, m / ratio]).collect();
    corners.sort_unstable_by(f64::total_cmp);
    let slope = |t: f64| -> f64 {
        let term = |(m, divisor): &(f64, f64)| match (*m < t, m / ratio > t) {
            (true, _) => divisor * (1.0 - m / t),
            (false, true) => divisor * (1.0 - m / ratio / t),
            (false, false) => 0.0,
        };
        terms.iter().map(term).sum()
    };
    let next = corners.partition_point(|t| slope(*t) < 0.0).min(corners.len() - 1);
    let (before, after) = (if next == 0 { 0.0 } else { corners[next - 1] }, corners[next]);
    let (mut numerator, mut denominator) = (0.0, 0.0);
    for (m, divisor) in terms {
        if *m <= before {
            (numerator, denominator) = (numerator + divisor * m, denominator + divisor);
        } else if m / ratio >= after {
            (numerator, denominator) = (numerator + divisor * (m / ratio), denominator + divisor);
        }
    }
    // Without a term on either side the sum is flat there.
    if denominator > 0.0 { (numerator / denominator).max(before).min(after) } else { after }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum that the least eigenvalue minimises.
    fn sum(terms: &[(f64, f64)], ratio: f64, t: f64) -> f64 {
        terms.iter().map(|(m, divisor)| divisor * (m.clamp(t, ratio * t).ln() + m / m.clamp(t, ratio * t))).sum()
    }

    #[test]
    fn the_least_eigenvalue_is_that_of_a_grid_search() {
        let terms = [(0.0, 3.0), (1e-7, 1.0), (0.3, 20.0), (0.31, 7.5), (2.0, 40.0), (900.0, 0.5)];
        for count in 2..=terms.len() {
            for ratio in [1.0, 1.5, 10.0, 1e4, 1e12] {
                let terms = &terms[terms.len() - count..];
                let found = sum(terms, ratio, least_eigenvalue(terms, ratio));
                let grid = (0..200_000).map(|i| sum(terms, ratio, (f64::from(i) * 5e-4 - 80.0).exp()));
                let best = grid.fold(f64::INFINITY, f64::min);
                assert!(found <= best + 1e-12 * best.abs(), "{count}, {ratio}: {found} and {best}");
                assert!(found > best - 1e-3, "{count}, {ratio}: {found} and {best}");
            }
        }
    }

    #[test]
    fn where_all_eigenvalues_fit_nothing_changes() {
        let mut matrices = [Symmetric::diagonal(vec![1.0, 4.0]).unwrap(), Symmetric::diagonal(vec![2.0, 9.9]).unwrap()];
        let before = matrices.clone();
        let mut changed = [true; 2];
        Constraint::Ratio(10.0).apply(&mut matrices, &[3.0, 5.0], &mut changed);
        assert_eq!((&matrices, changed), (&before, [false; 2]));
        Constraint::Floor(1.0).apply(&mut matrices, &[3.0, 5.0], &mut changed);
        assert_eq!((&matrices, changed), (&before, [false; 2]));
        Constraint::Floor(1.5).apply(&mut matrices, &[3.0, 5.0], &mut changed);
        assert_eq!((matrices[0].entries(), &matrices[1], changed), (&[1.5, 4.0][..], &before[1], [true, false]));
    }

    #[test]
    fn the_bound_of_a_fall_is_the_largest_over_all_eigenvalues() {
        let fall = |x: f64| 0.5 * ((1.0 + x).ln() + x / (1.0 + x) - if x > 1.0 { x.ln() + 1.0 } else { x });
        let largest = (0..100_000).map(|i| fall(f64::from(i) * 1e-4)).fold(0.0, f64::max);
        assert!(largest <= MOST_FALL && MOST_FALL < largest + 1e-5, "{largest}");
    }
}
