//! Posterior predictive checks: statistics of data replicated from the posterior beside those of the data observed.

use gmm_core::{Data, Streams};
use rayon::prelude::*;
use thiserror::Error;

use super::Statistic;
use super::statistic::Evaluator;
use crate::diagnostics::quantile;
use crate::{Draws, MonteCarlo, NotAMixture};

/// Settings of [`predictive_checks`].
#[derive(Debug, Clone, PartialEq)]
pub struct Checks {
    /// What is compared.
    pub statistics: Vec<Statistic>,
    /// The number of replicated tables: as many of each chain, rounded up, from draws at equal distances; each draw once
    /// at most.
    pub replicates: usize,
}

impl Checks {
    /// [`Statistic::usual`] of d columns, 1000 replicates.
    pub fn usual(d: usize) -> Self {
        Self { statistics: Statistic::usual(d), replicates: 1000 }
    }
}

/// Where most of the values of a statistic lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The 5 % quantile.
    pub q5: f64,
    /// The median.
    pub q50: f64,
    /// The 95 % quantile.
    pub q95: f64,
}

impl Spread {
    fn of(values: &[Vec<f64>]) -> Self {
        let all = values.concat();
        let [q5, q50, q95] = [0.05, 0.5, 0.95].map(|p| quantile(&all, p));
        Self { q5, q50, q95 }
    }
}

/// How one statistic T of replicated data compares with that of the data observed. NaN where T has no value.
///
/// A probability near 0 or 1 says that the model does not reproduce this side of the data. One that is not says little: the data are
/// used twice, to fit and to check, so these probabilities are *not* uniform if the model is right but concentrated about
/// 1/2, the more so the closer T is to what the parameters fit. They are conservative: over data from the prior
/// predictive distribution `P(p <= a) <= 2 a` (Meng 1994), most often far less (Robins, van der Vaart & Ventura 2000).
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// The statistic.
    pub statistic: Statistic,
    /// T of the data observed: three times the same unless it depends on the parameters.
    pub observed: Spread,
    /// T of replicated data.
    pub replicated: Spread,
    /// `P(T(replicated, theta) >= T(observed, theta) | observed)`.
    pub upper: MonteCarlo,
    /// `P(T(replicated, theta) <= T(observed, theta) | observed)`.
    pub lower: MonteCarlo,
    /// Twice the smaller of the two, at most 1.
    pub two_sided: MonteCarlo,
}

impl Check {
    /// Whether the two-sided probability is below a level, such as 0.01, by more than twice its Monte Carlo error.
    pub fn is_extreme(&self, level: f64) -> bool {
        self.two_sided.value + 2.0 * self.two_sided.mcse < level
    }
}

/// Why nothing can be checked.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum CheckError {
    /// The data have other columns than those that were fitted.
    #[error("the data have {found} columns where the draws have {expected}")]
    Columns {
        /// Of the data.
        found: usize,
        /// Of the draws.
        expected: usize,
    },
    /// A statistic is of a column that there is not.
    #[error("{statistic}: there is no column {column}, there are {d} from 0")]
    NoColumn {
        /// The statistic.
        statistic: Statistic,
        /// The column.
        column: usize,
        /// The number of columns.
        d: usize,
    },
    /// A correlation is of a column with itself.
    #[error("{statistic}: the correlation of a column with itself is 1")]
    SameColumn {
        /// The statistic.
        statistic: Statistic,
    },
    /// A quantile is of no probability.
    #[error("{statistic}: {probability} is no probability from 0 to 1")]
    Probability {
        /// The statistic.
        statistic: Statistic,
        /// What was given.
        probability: f64,
    },
    /// No data are to be replicated.
    #[error("0 replicates: there must be at least 1")]
    NoReplicates,
    /// A draw is no mixture.
    #[error("chain {chain}, draw {draw}: {source}")]
    Mixture {
        /// The chain, from 0.
        chain: usize,
        /// The draw, from 0.
        draw: usize,
        /// What is wrong with it.
        source: NotAMixture,
    },
}

/// Posterior predictive checks (Rubin 1984; Gelman, Meng & Stern 1996): for draws theta of the posterior simulates a table of
/// as many rows as were observed, and compares statistics T of both.
///
/// ```text
/// x_rep ~ p(. | theta),   theta ~ p(theta | x)
/// upper = P(T(x_rep, theta) >= T(x, theta) | x),   lower = P(T(x_rep, theta) <= T(x, theta) | x)
/// ```
///
/// What such probabilities are and are not, [`Check`] says. Their errors are those of the chains, autocorrelation included
/// (of the draws that were used).
///
/// The table of draw t of chain c comes from generator t of `streams.split(c)`. Runs in the current rayon pool, one table in
/// memory per thread; nothing depends on the number of threads.
///
/// ```
/// use gmm_core::{Data, Model, Shape, Streams, Structure};
/// use gmm_mcmc::predictive::{Checks, Statistic, predictive_checks};
/// use gmm_mcmc::{Gibbs, sample};
/// // One row in sixty lies where no normal distribution expects it.
/// let mut rows: Vec<[f64; 1]> = (0..59).map(|i| [f64::from(i % 20) / 5.0]).collect();
/// rows.push([15.0]);
/// let data = Data::from_rows(&rows)?;
/// let model = Model::with_default_prior(1, Structure::Free(Shape::Full), &data)?;
/// let settings = Gibbs { chains: 2, warmup: 50, draws: 500, ..Gibbs::default() };
/// let draws = sample(&model, &data, &settings, &[], &Streams::new(1), &|_| {})?;
/// let checks = predictive_checks(&draws, &data, &Checks::usual(1), &Streams::new(2))?;
/// let of = |statistic| checks.iter().find(|check| check.statistic == statistic);
/// assert!(of(Statistic::Maximum { column: 0 }).unwrap().is_extreme(0.01));
/// assert!(!of(Statistic::Mean { column: 0 }).unwrap().is_extreme(0.01));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`CheckError`]: other columns, a statistic that the data cannot have, no replicates, or a draw that is no mixture.
pub fn predictive_checks(
    draws: &Draws,
    data: &Data,
    settings: &Checks,
    streams: &Streams,
) -> Result<Vec<Check>, CheckError> {
    let statistics = settings.statistics.as_slice();
    check_statistics(draws, data, settings)?;
    let (n_chains, d) = (draws.chains().len(), data.d());
    let per_chain = settings.replicates.div_ceil(n_chains).min(draws.n_draws());
    // The last draw of each of so many stretches of a chain.
    let places: Vec<(usize, usize)> = (0..n_chains)
        .flat_map(|chain| (1..=per_chain).map(move |i| (chain, i)))
        .map(|(chain, i)| (chain, (i as u128 * draws.n_draws() as u128 / per_chain as u128) as usize - 1))
        .collect();
    let fixed = Evaluator::new(statistics, d).of_rows(data.values());
    let blank = || (vec![0.0; data.values().len()], Evaluator::new(statistics, d));
    let pairs: Vec<Result<Pair, CheckError>> = places
        .into_par_iter()
        .map_init(blank, |(rows, evaluator), (chain, draw)| {
            let mixture = draws.mixture(chain, draw).map_err(|source| CheckError::Mixture { chain, draw, source })?;
            let mut rng = streams.split(chain as u64).rng(draw as u64);
            rows.chunks_exact_mut(d).for_each(|row| {
                mixture.sample(&mut rng, row);
            });
            let mut replicated = evaluator.of_rows(rows);
            evaluator.of_mixture(rows, &mixture, &mut replicated);
            let mut observed = fixed.clone();
            evaluator.of_mixture(data.values(), &mixture, &mut observed);
            Ok(Pair { replicated, observed })
        })
        .collect();
    let pairs = pairs.into_iter().collect::<Result<Vec<Pair>, CheckError>>()?;
    let check = |(index, statistic): (usize, &Statistic)| {
        let by_chain = |f: &dyn Fn(&Pair) -> f64| -> Vec<Vec<f64>> {
            pairs.chunks(per_chain).map(|chain| chain.iter().map(f).collect()).collect()
        };
        // A statistic may be infinite in both, and equal.
        let compared = by_chain(&|pair| {
            let (a, b) = (pair.replicated[index], pair.observed[index]);
            if a == b { 0.0 } else { a - b }
        });
        let upper = MonteCarlo::probability(&compared, |difference| f64::from(difference >= 0.0));
        let lower = MonteCarlo::probability(&compared, |difference| f64::from(difference <= 0.0));
        Check {
            statistic: *statistic,
            observed: Spread::of(&by_chain(&|pair| pair.observed[index])),
            replicated: Spread::of(&by_chain(&|pair| pair.replicated[index])),
            upper,
            lower,
            two_sided: MonteCarlo::two_sided(upper, lower),
        }
    };
    Ok(statistics.iter().enumerate().map(check).collect())
}

/// The statistics under one draw, in order.
struct Pair {
    replicated: Vec<f64>,
    observed: Vec<f64>,
}

fn check_statistics(draws: &Draws, data: &Data, settings: &Checks) -> Result<(), CheckError> {
    let d = data.d();
    if d != draws.model().d() {
        return Err(CheckError::Columns { found: d, expected: draws.model().d() });
    }
    if settings.replicates == 0 {
        return Err(CheckError::NoReplicates);
    }
    for &statistic in &settings.statistics {
        if let Some(column) = statistic.columns().into_iter().find(|column| *column >= d) {
            return Err(CheckError::NoColumn { statistic, column, d });
        }
        match statistic {
            Statistic::Correlation { first, second } if first == second => {
                return Err(CheckError::SameColumn { statistic });
            }
            Statistic::Quantile { probability, .. } if !(0.0..=1.0).contains(&probability) => {
                return Err(CheckError::Probability { statistic, probability });
            }
            _ => {}
        }
    }
    Ok(())
}
