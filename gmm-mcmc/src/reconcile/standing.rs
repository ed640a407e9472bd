//! Whether an optimum and the draws are of one mode, by the height of the objective: the same under any numbering of
//! components.

use crate::Quantity;

/// A difference of objectives relative to 1 + |objective| that counts as one: above what optimisers leave to gain.
const TOLERANCE: f64 = 1e-6;

/// How the objective at an optimum stands to that of the draws.
///
/// In the regular limit the objective at a draw is less than that at its mode by half a chi-squared variable with p
/// degrees of freedom, p the free parameters: by p/2 in the mean, with a standard deviation of sqrt(p/2), and never more
/// than it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Standing {
    /// As it would be if the optimum were the top of the mode that the draws are of.
    Near,
    /// A draw is higher: the optimum is not the highest.
    Lower {
        /// By how much the highest draw is.
        by: f64,
    },
    /// The draws are far below: they have not reached the mode of the optimum, or it holds little probability.
    Higher {
        /// By how much the mean of the draws is below.
        by: f64,
    },
}

impl Standing {
    /// How MAP stands, given its log-likelihood plus log prior, the draws of `ln_posterior` and the number of free parameters
    /// p: [`Higher`](Self::Higher) if the mean of the draws is lower by more than `p + 5 sqrt(p/2)`. `None` if a number is
    /// not finite or there is no draw.
    ///
    /// The expected gap is p/2; twice that leaves room for the heavier tails of few rows.
    pub fn of_map(ln_posterior: f64, draws: &Quantity, n_parameters: usize) -> Option<Self> {
        let (highest, mean) = level(ln_posterior, draws)?;
        let p = n_parameters as f64;
        let gap = ln_posterior - mean;
        match lower(ln_posterior, highest) {
            Self::Near if gap > p + 5.0 * (0.5 * p).sqrt() => Some(Self::Higher { by: gap }),
            standing => Some(standing),
        }
    }

    /// How maximum likelihood stands, given its log-likelihood and the draws of `ln_likelihood`; never
    /// [`Higher`](Self::Higher), since a prior may keep the draws as far below as it likes. `None` as above.
    pub fn of_ml(ln_likelihood: f64, draws: &Quantity) -> Option<Self> {
        level(ln_likelihood, draws).map(|(highest, _)| lower(ln_likelihood, highest))
    }
}

/// The highest of the draws and their mean.
fn level(objective: f64, draws: &Quantity) -> Option<(f64, f64)> {
    let all = || draws.values.iter().flatten().copied();
    let n = all().count() as f64;
    let (highest, sum) = (all().fold(f64::NEG_INFINITY, f64::max), all().sum::<f64>());
    (objective.is_finite() && highest.is_finite() && sum.is_finite()).then_some((highest, sum / n))
}

fn lower(objective: f64, highest: f64) -> Standing {
    let by = highest - objective;
    if by > TOLERANCE * (1.0 + objective.abs()) { Standing::Lower { by } } else { Standing::Near }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_optimum_stands_near_lower_or_higher_and_only_map_can_stand_higher() {
        let draws = Quantity { name: "ln_posterior".into(), values: vec![vec![-104.0, -102.0], vec![-103.0, -103.0]] };
        assert_eq!(Standing::of_map(-101.0, &draws, 4), Some(Standing::Near));
        // 4 + 5 sqrt(2) = 11.07 above the mean of -103.
        assert_eq!(Standing::of_map(-92.0, &draws, 4), Some(Standing::Near));
        assert_eq!(Standing::of_map(-91.0, &draws, 4), Some(Standing::Higher { by: 12.0 }));
        assert_eq!(Standing::of_ml(-91.0, &draws), Some(Standing::Near));
        assert_eq!(Standing::of_map(-102.5, &draws, 4), Some(Standing::Lower { by: 0.5 }));
        assert_eq!(Standing::of_ml(-102.5, &draws), Some(Standing::Lower { by: 0.5 }));
        assert_eq!(Standing::of_ml(-102.0 - 1e-6, &draws), Some(Standing::Near));
        assert_eq!(Standing::of_map(f64::NAN, &draws, 4), None);
        assert_eq!(Standing::of_ml(1.0, &Quantity { name: String::new(), values: vec![] }), None);
        assert_eq!(Standing::of_ml(1.0, &Quantity { name: String::new(), values: vec![vec![f64::INFINITY]] }), None);
    }
}
