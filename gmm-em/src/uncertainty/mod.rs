//! Standard errors and intervals of a point estimate.

mod error;
mod parameter;

mod layout;

mod scores;

mod complete;
mod inverse;
mod products;

mod information;

mod delta;

mod bootstrap;

use gmm_core::{Data, Mixture, Model, Streams, Structure};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::{CollapseRule, Coordinates, Objective};
use bootstrap::Resampling;
use delta::Delta;
use information::Asymptotic;
use layout::Layout;

pub use error::NoStandardErrors;
pub use information::observed_information;
pub use parameter::Parameter;

/// The most free parameters of which an information matrix is formed. It has 134 MB then, up to four of its size are held
/// at a time, and the sandwich takes about a minute on one core besides the rows.
pub const MAX_PARAMETERS: usize = 4096;

/// The part of the replicates of a bootstrap that may fail.
const MOST_FAILURES: f64 = 0.1;

/// How standard errors are found.
///
/// All are of one estimate that is a maximum, with its labels as they are: what they say holds where components are so
/// far apart that another sample would find the same ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandardErrors {
    /// From the inverse of the observed information (Louis 1982). Right if the model is.
    Observed,
    /// From the sandwich `inverse(I) J inverse(I)`, where `J = sum_i (s_i - mean)(s_i - mean)'` is how the scores s_i of the
    /// rows vary (Huber 1967, White 1982): right for the parameters of the closest mixture even if rows do not come from
    /// any. For the posterior the prior is in I and not in J, since it does not vary with the rows.
    Sandwich,
    /// From refits on rows simulated from the estimate; intervals between quantiles of the refits.
    ParametricBootstrap {
        /// Number of refits.
        replicates: usize,
    },
    /// From refits on the rows with weights n Dirichlet(1, ..., 1) (the weighted-likelihood bootstrap of Newton & Raftery
    /// 1994; a prior counts once); intervals between quantiles of the refits. Right under wrong models as the sandwich is.
    WeightedBootstrap {
        /// Number of refits.
        replicates: usize,
    },
}

/// The interval of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// Its name as in summaries of posterior draws, such as `covariances[0,1,1]`; see [`Parameter`].
    pub name: String,
    /// The estimate.
    pub estimate: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// The lower end of the interval.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}

/// Standard errors and intervals of an estimate.
#[derive(Debug, Clone, PartialEq)]
pub struct Uncertainty {
    /// How they were found.
    pub how: StandardErrors,
    /// The probability with which intervals are to cover.
    pub level: f64,
    /// One for each learned parameter: weights, means, covariances.
    pub intervals: Vec<Interval>,
    /// How far the estimate lies from the maximum, in standard errors of that direction; `None` for a bootstrap.
    pub distance: Option<f64>,
    /// The refits that collapsed or did not converge and were left out; 0 without a bootstrap.
    pub failed: usize,
}

/// The fewest replicates of a bootstrap for intervals of a level: one beyond each end, whatever rounding does to the level.
pub fn least_replicates(level: f64) -> usize {
    (2.0 / (1.0 - level) - 1e-9).ceil() as usize
}

/// Standard errors of the estimate `mixture`, the maximum of an objective on data, with intervals at a `level` such as
/// 0.9. A refit of a bootstrap counts as failed
/// if a component collapses by the rule `collapse`, which should be that of the fit. Random numbers, needed by bootstraps
/// alone, come from `streams`; nothing depends on the number of threads.
///
/// From an information matrix, intervals are symmetric on a scale where the estimate is nearer to normal, and
/// transformed back (delta method): weights on the logit scale and variances on the log scale, so that their intervals
/// stay within the parameter space, means as they are. So are covariances of two columns: Fisher's z of the
/// correlation with the variances held would keep them below the *estimated* bound, which they pass as the variances
/// vary. Standard errors are those of the parameters themselves.
///
/// ```text
/// weights       logit^-1( logit(w) -+ z se / (w (1 - w)) )
/// variances     v exp( -+ z se / v )
/// the others    x -+ z se
/// ```
///
/// From a bootstrap, the standard error is the standard deviation of the refits (divisor R - 1) and the interval goes
/// from one quantile of theirs to the other, those at rank (R + 1) p.
///
/// What it takes is estimated by [`StandardErrors::operations`].
///
/// ```
/// use gmm_core::{Data, Model, Shape, Streams, Structure};
/// use gmm_em::{CollapseRule, Em, Objective, StandardErrors, fit, uncertainty};
/// let rows: Vec<[f64; 1]> = (0..40).map(|i| [f64::from(i % 20) / 10.0 + if i < 20 { 0.0 } else { 8.0 }]).collect();
/// let data = Data::from_rows(&rows)?;
/// let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
/// let mixture = fit(&model, &data, &Em::default(), &Streams::new(1), &|_| {})?.mixture;
/// let how = StandardErrors::Observed;
/// let (objective, rule) = (Objective::Likelihood, CollapseRule::default());
/// let found = uncertainty(&model, &data, &mixture, objective, how, &rule, 0.9, &Streams::new(2))?;
/// let mean = found.intervals.iter().find(|interval| interval.name == "means[0,0]").unwrap();
/// let variance = mixture.covariance(0).as_symmetric().get(0, 0);
/// assert!((mean.standard_error - (variance / 20.0).sqrt()).abs() < 1e-4);
/// assert!((mean.upper - mean.estimate - 1.6449 * mean.standard_error).abs() < 1e-4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`NoStandardErrors`] says why there are none.
#[allow(clippy::too_many_arguments, reason = "an estimate, what it was estimated from and how")]
pub fn uncertainty(
    model: &Model,
    data: &Data,
    mixture: &Mixture,
    objective: Objective,
    how: StandardErrors,
    collapse: &CollapseRule,
    level: f64,
    streams: &Streams,
) -> Result<Uncertainty, NoStandardErrors> {
    // Written so that NaN is found.
    if !(level > 0.0 && level < 1.0) {
        return Err(NoStandardErrors::Level { level });
    }
    information::check_model(model, data, mixture)?;
    let rows = |w: &f64| w * data.n() as f64;
    if let Some(component) = mixture.weights().iter().position(|w| rows(w) < 1.0) {
        return Err(NoStandardErrors::Boundary { component, rows: rows(&mixture.weights()[component]) });
    }
    let tail = 0.5 * (1.0 - level);
    let (intervals, distance, failed) = match how {
        StandardErrors::Observed | StandardErrors::Sandwich => {
            let sandwich = how == StandardErrors::Sandwich;
            let asymptotic = information::asymptotic(model, data, mixture, objective, sandwich)?;
            let intervals = by_delta(model, data, mixture, &asymptotic, tail)?;
            (intervals, Some(asymptotic.distance), 0)
        }
        StandardErrors::ParametricBootstrap { replicates } | StandardErrors::WeightedBootstrap { replicates } => {
            let least = least_replicates(level);
            if replicates < least {
                return Err(NoStandardErrors::TooFewReplicates { replicates, least });
            }
            let resampling = match how {
                StandardErrors::ParametricBootstrap { .. } => Resampling::Parametric,
                _ => Resampling::Weighted,
            };
            let refits =
                bootstrap::replicates((model, objective, collapse), data, mixture, (resampling, replicates), streams);
            let refits: Vec<Mixture> = refits.into_iter().flatten().collect();
            let (failed, most) = (replicates - refits.len(), (MOST_FAILURES * replicates as f64) as usize);
            if failed > most || refits.len() < least {
                return Err(NoStandardErrors::ReplicatesFailed { failed, replicates, most });
            }
            (by_quantiles(model, mixture, &refits, tail)?, None, failed)
        }
    };
    Ok(Uncertainty { how, level, intervals, distance, failed })
}

impl StandardErrors {
    /// Roughly how many multiplications and additions [`uncertainty`] takes on n rows: for an information matrix a bound, met
    /// where all components overlap; for bootstraps with 50 iterations of EM a refit. One core does 1e10 a second of large
    /// matrices, and 1e9 of those of few parameters.
    ///
    /// ```text
    /// Observed, Sandwich   n q^2 + p^3 (Sandwich: + 4 p^3)        p = free parameters, q the same were nothing tied
    /// bootstraps           replicates 50 n K (2 e + 2 d)          e = entries of a covariance
    /// ```
    pub fn operations(&self, model: &Model, n: usize) -> f64 {
        let (n, k, d) = (n as f64, model.k() as f64, model.d() as f64);
        let p = model.n_parameters() as f64;
        // A shared covariance has products of its own for each component until the end.
        let own = match model.structure() {
            Structure::Tied(shape) => k * (1.0 + d + shape.n_entries(model.d()) as f64),
            Structure::Free(_) | Structure::Known(_) => p,
        };
        match self {
            Self::Observed => n * own * own + p.powi(3),
            Self::Sandwich => n * own * own + 5.0 * p.powi(3),
            Self::ParametricBootstrap { replicates } | Self::WeightedBootstrap { replicates } => {
                let entries = model.shape().n_entries(model.d()) as f64;
                *replicates as f64 * 50.0 * n * k * (2.0 * entries + 2.0 * d)
            }
        }
    }
}

/// Intervals from a covariance matrix of the coordinates, with probability `tail` below and above each.
fn by_delta(
    model: &Model,
    data: &Data,
    mixture: &Mixture,
    asymptotic: &Asymptotic,
    tail: f64,
) -> Result<Vec<Interval>, NoStandardErrors> {
    let coordinates = Coordinates::new(model, data);
    let delta = Delta::new(mixture, Layout::new(model), coordinates.scales());
    let z = -Normal::standard().inverse_cdf(tail);
    let interval = |parameter: Parameter| {
        let (scale, estimate) = (parameter.scale(), parameter.value(mixture));
        let on_scale = delta.standard_error(parameter, &asymptotic.covariance);
        let standard_error = scale.slope(estimate) * on_scale;
        let [lower, upper] = [-z, z].map(|z| scale.shift(estimate, z * on_scale));
        match standard_error.is_finite() && lower.is_finite() && upper.is_finite() {
            true => Ok(Interval { name: parameter.to_string(), estimate, standard_error, lower, upper }),
            false => Err(NoStandardErrors::NotFinite { parameter }),
        }
    };
    Parameter::all(model).into_iter().map(interval).collect()
}

/// Intervals between quantiles of refits.
fn by_quantiles(
    model: &Model,
    mixture: &Mixture,
    refits: &[Mixture],
    tail: f64,
) -> Result<Vec<Interval>, NoStandardErrors> {
    let n = refits.len() as f64;
    let interval = |parameter: Parameter| {
        let mut values: Vec<f64> = refits.iter().map(|refit| parameter.value(refit)).collect();
        values.sort_by(f64::total_cmp);
        let mean = values.iter().sum::<f64>() / n;
        let standard_error = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        let (lower, upper) = (quantile(&values, tail), quantile(&values, 1.0 - tail));
        match standard_error.is_finite() {
            true => {
                let (name, estimate) = (parameter.to_string(), parameter.value(mixture));
                Ok(Interval { name, estimate, standard_error, lower, upper })
            }
            false => Err(NoStandardErrors::NotFinite { parameter }),
        }
    };
    Parameter::all(model).into_iter().map(interval).collect()
}

/// The quantile of sorted values at rank (R + 1) p, between two of them linear, beyond the ends the end.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let rank = ((sorted.len() + 1) as f64 * p - 1.0).clamp(0.0, (sorted.len() - 1) as f64);
    let (below, part) = (rank.floor() as usize, rank.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + part * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_stand_at_the_rank_of_one_more_value() {
        let values: Vec<f64> = (1..=99).map(f64::from).collect();
        assert!((quantile(&values, 0.05) - 5.0).abs() < 1e-12);
        assert!((quantile(&values, 0.95) - 95.0).abs() < 1e-12);
        assert!((quantile(&values, 0.052) - 5.2).abs() < 1e-12);
        assert_eq!((quantile(&values, 0.001), quantile(&values, 0.999)), (1.0, 99.0));
    }
}
