//! What is wrong with a fit, in words that say what to do.

use std::fmt;

use gmm_em::{Restart, Stop};
use gmm_mcmc::{QuantitySummary, Swaps};

use crate::fitted::{FitResult, PointMethod};
use crate::posterior::GibbsDetail;

/// Round trips below which a tempered chain has hardly seen a state that owes nothing to its start.
const LEAST_ROUND_TRIPS: usize = 10;

/// Where draws that are sure of allocations agree less than this on the labels, labels switch; else components overlap.
const KEPT: f64 = 0.9;

/// The posterior predictive probability below which a check fails.
pub(crate) const EXTREME: f64 = 0.01;

/// Combined standard errors by which two estimates of an evidence may differ.
const MOST_DISCREPANCY: f64 = 4.0;

/// What a reader must know before believing a fit. The alternate form `{:#}` names every quantity.
#[derive(Debug, Clone, PartialEq)]
pub enum Warning {
    /// R-hat above its limit.
    RHat {
        /// The quantities.
        quantities: Vec<String>,
    },
    /// An effective sample size below its limit.
    Ess {
        /// The quantities.
        quantities: Vec<String>,
    },
    /// Chains sit in different modes.
    Levels {
        /// The mean log-likelihood of each chain.
        means: Vec<f64>,
        /// Whether the chains are tempered.
        tempered: bool,
    },
    /// Relabelling by Stephens' algorithm ran out of iterations.
    Relabelling {
        /// Those that it took.
        iterations: usize,
    },
    /// Summaries of components mean little.
    Labels {
        /// How well all components keep their labels, where that is too little.
        overall: Option<f64>,
        /// How far draws agree on labels where they are sure of allocations.
        kept: f64,
        /// The components of which it holds, from 0, as listed.
        components: Vec<String>,
    },
    /// It is not known how well components keep their labels.
    NoIdentifiability {
        /// Why.
        reason: String,
    },
    /// The search for a partition failed.
    NoPartition {
        /// Why.
        reason: String,
    },
    /// Predictive checks failed.
    NoChecks {
        /// Why.
        reason: String,
    },
    /// Sides of the data that the model does not reproduce.
    Checks {
        /// The statistics.
        statistics: Vec<String>,
    },
    /// States hardly travel along the ladders.
    RoundTrips {
        /// The round trips of each chain.
        trips: Vec<usize>,
        /// The rungs of a ladder.
        rungs: usize,
        /// The rungs that the communication barrier asks for.
        wanted: Option<usize>,
    },
    /// An estimate of the evidence failed.
    NoEvidence {
        /// The estimate.
        method: &'static str,
        /// Why.
        reason: String,
    },
    /// Two estimates of the evidence do not agree.
    Evidences {
        /// How far apart they are, in combined standard errors.
        discrepancy: f64,
    },
    /// WAIC and leave-one-out cross-validation failed.
    NoAccuracy {
        /// Why.
        reason: String,
    },
    /// Rows of which leave-one-out cross-validation cannot be trusted.
    ParetoK {
        /// How many.
        unreliable: usize,
        /// Of how many.
        rows: usize,
        /// The limit of their Pareto k.
        limit: f64,
    },
    /// The density of the rows that were held out is not known.
    NoHeldOut {
        /// Why.
        reason: String,
    },
    /// The best climb ran out of iterations.
    NotConverged {
        /// Iterations taken.
        iterations: usize,
        /// The setting to raise.
        setting: &'static str,
    },
    /// The best restart lost components on its way.
    Removed {
        /// Components of the model.
        from: usize,
        /// Components of the estimate.
        to: usize,
    },
    /// The estimate has no standard errors.
    NoStandardErrors {
        /// Why.
        reason: String,
    },
    /// Restarts that collapsed.
    Collapsed {
        /// How many.
        collapsed: usize,
        /// Of how many.
        restarts: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::RHat { quantities } => {
                write!(f, "R-hat above {}: {}", QuantitySummary::R_HAT_LIMIT, listed(quantities, f.alternate()))?;
                write!(f, "; the chains have not mixed, run longer")
            }
            Warning::Ess { quantities } => {
                write!(
                    f,
                    "effective sample size below {}: {}",
                    QuantitySummary::ESS_LIMIT,
                    listed(quantities, f.alternate())
                )?;
                write!(f, "; take more draws")
            }
            Warning::Levels { means, tempered } => {
                let means: Vec<String> = means.iter().map(|m| format!("{m:.2}")).collect();
                write!(f, "chains disagree in level (mean ln likelihood by chain: {})", means.join(", "))?;
                write!(f, "; they sit in different modes, so their mixture is not the posterior; ")?;
                f.write_str(if *tempered {
                    "use more rungs or draws"
                } else {
                    "use tempering, as in `tempering: (rungs: 8)`"
                })
            }
            Warning::Relabelling { iterations } => {
                write!(f, "relabelling by Stephens' algorithm did not converge in {iterations} iterations")?;
                f.write_str("; components may be mixed up in some draws")
            }
            Warning::Labels { overall, kept, components } => {
                let components = listed(components, f.alternate());
                match overall {
                    Some(overall) => write!(f, "components do not keep their labels (identifiability {overall:.2})")?,
                    None => write!(f, "components that do not keep their labels (low identifiability): {components}")?,
                }
                f.write_str(if *kept < KEPT { "; draws exchange them" } else { "; they overlap, or hold no rows" })?;
                f.write_str(
                    ", so that their summaries mean little: rely on what needs no labels, such as the partition",
                )
            }
            Warning::NoIdentifiability { reason } => write!(f, "no identifiability: {reason}"),
            Warning::NoPartition { reason } => write!(f, "no partition: {reason}"),
            Warning::NoChecks { reason } => write!(f, "no predictive checks: {reason}"),
            Warning::Checks { statistics } => {
                write!(f, "the model does not reproduce {}", listed(statistics, f.alternate()))?;
                write!(f, " (two-sided posterior predictive probability below {EXTREME})")
            }
            Warning::RoundTrips { trips, rungs, wanted } => {
                let trips: Vec<String> = trips.iter().map(usize::to_string).collect();
                write!(f, "few round trips between posterior and prior ({} by chain", listed(&trips, f.alternate()))?;
                write!(f, ", {LEAST_ROUND_TRIPS} are the least to rely on), so tempering may have helped little; ")?;
                match wanted.filter(|wanted| wanted > rungs) {
                    Some(wanted) => write!(f, "use {wanted} rungs or more instead of {rungs}"),
                    None => f.write_str("take more draws"),
                }
            }
            Warning::NoEvidence { method, reason } => write!(f, "no evidence by {method}: {reason}"),
            Warning::Evidences { discrepancy } => {
                write!(f, "the two estimates of the evidence differ by {discrepancy:.1} combined standard errors")?;
                f.write_str("; do not rely on either: take more draws, or temper")
            }
            Warning::NoAccuracy { reason } => write!(f, "no WAIC and leave-one-out: {reason}"),
            Warning::ParetoK { unreliable, rows, limit } => {
                write!(f, "Pareto k above {limit:.2} for {unreliable} of {rows} rows")?;
                f.write_str(
                    "; leave-one-out cannot be trusted there, nor WAIC; hold rows out instead, or take more draws",
                )
            }
            Warning::NoHeldOut { reason } => write!(f, "no density of the rows held out: {reason}"),
            Warning::NotConverged { iterations, setting } => {
                write!(f, "the best restart did not converge in {iterations} iterations; raise {setting}")
            }
            Warning::Removed { from, to } => {
                write!(f, "{} of {from} components collapsed and were removed", from - to)
            }
            Warning::NoStandardErrors { reason } => write!(f, "no standard errors: {reason}"),
            Warning::Collapsed { collapsed, restarts } => {
                write!(f, "{collapsed} of {restarts} restarts collapsed onto few rows and were set aside")
            }
        }
    }
}

/// Names: all of them, or the first twelve.
fn listed(names: &[String], all: bool) -> String {
    const MOST: usize = 12;
    if all {
        return names.join(", ");
    }
    let shown = names[..names.len().min(MOST)].join(", ");
    match names.len().checked_sub(MOST) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

/// What only posteriors have, of a fit to so many rows.
fn of_posterior(gibbs: &GibbsDetail, rows: usize) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if let (Some(ladder), Some(tempering)) = (gibbs.ladder(), gibbs.settings.tempering)
        && ladder.least_trips < LEAST_ROUND_TRIPS
    {
        let trips = gibbs.swaps().map(|swaps: &Swaps| swaps.round_trips).collect();
        // Twice the barrier plus one (Syed et al. 2022).
        let wanted = ladder.barrier.is_finite().then(|| (2.0 * ladder.barrier + 1.0).ceil() as usize);
        warnings.push(Warning::RoundTrips { trips, rungs: tempering.rungs, wanted });
    }
    if let Some(report) = gibbs.stephens.filter(|report| !report.converged) {
        warnings.push(Warning::Relabelling { iterations: report.iterations });
    }
    match &gibbs.identifiability {
        Some(Ok(found)) if found.is_low() || !found.low_components().is_empty() => warnings.push(Warning::Labels {
            overall: found.is_low().then_some(found.overall),
            kept: found.kept(),
            components: found.low_components().iter().map(usize::to_string).collect(),
        }),
        Some(Err(error)) => warnings.push(Warning::NoIdentifiability { reason: error.to_string() }),
        Some(Ok(_)) | None => {}
    }
    if let Some(Err(error)) = &gibbs.partition {
        warnings.push(Warning::NoPartition { reason: error.to_string() });
    }
    match &gibbs.checks {
        Ok(checks) => {
            let extreme = checks.iter().filter(|check| check.is_extreme(EXTREME));
            let statistics: Vec<String> = extreme.map(|check| check.statistic.to_string()).collect();
            if !statistics.is_empty() {
                warnings.push(Warning::Checks { statistics });
            }
        }
        Err(error) => warnings.push(Warning::NoChecks { reason: error.to_string() }),
    }
    for found in &gibbs.evidence {
        if let Err(error) = &found.result {
            warnings.push(Warning::NoEvidence { method: found.method(), reason: error.to_string() });
        }
    }
    if let Some(discrepancy) = gibbs.discrepancy().filter(|x| x.is_nan() || *x > MOST_DISCREPANCY) {
        warnings.push(Warning::Evidences { discrepancy });
    }
    match &gibbs.accuracy {
        Some(Ok(accuracy)) if accuracy.n_unreliable() > 0 => {
            let unreliable = accuracy.n_unreliable();
            warnings.push(Warning::ParetoK { unreliable, rows, limit: accuracy.k_limit });
        }
        Some(Err(error)) => warnings.push(Warning::NoAccuracy { reason: error.to_string() }),
        Some(Ok(_)) | None => {}
    }
    warnings
}

impl FitResult {
    /// Everything worth a warning.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if let Some(gibbs) = &self.gibbs {
            let named = |test: fn(&QuantitySummary) -> bool| -> Vec<String> {
                gibbs.quantities.iter().filter(|q| test(q)).map(|q| q.name.clone()).collect()
            };
            let (high, low) = (named(QuantitySummary::has_high_r_hat), named(QuantitySummary::has_low_ess));
            if !high.is_empty() {
                warnings.push(Warning::RHat { quantities: high });
            }
            if !low.is_empty() {
                warnings.push(Warning::Ess { quantities: low });
            }
            if gibbs.levels.disagree {
                let tempered = gibbs.settings.tempering.is_some();
                warnings.push(Warning::Levels { means: gibbs.levels.means.clone(), tempered });
            }
            warnings.extend(of_posterior(gibbs, self.classification.len()));
        }
        if let Some(Err(error)) = &self.held_out {
            warnings.push(Warning::NoHeldOut { reason: error.to_string() });
        }
        if let Some(point) = &self.point {
            // Minibatches never tell that they have converged.
            let sampled = matches!(point.method, PointMethod::Adam { batch: Some(_) });
            if point.stop == Stop::MaxIterations && !sampled {
                let setting = if point.method == PointMethod::Stepwise { "passes" } else { "max_iterations" };
                warnings.push(Warning::NotConverged { iterations: point.iterations, setting });
            }
            let asked = point.asked_components;
            if asked > self.mixture.k() {
                warnings.push(Warning::Removed { from: asked, to: self.mixture.k() });
            }
            if let Some(reason) = self.without_standard_errors() {
                warnings.push(Warning::NoStandardErrors { reason });
            }
            let collapsed = |r: &&Restart| matches!(r.outcome, gmm_em::Outcome::Collapsed(_));
            let collapsed = point.restarts.iter().filter(collapsed).count();
            if collapsed > 0 {
                warnings.push(Warning::Collapsed { collapsed, restarts: point.restarts.len() });
            }
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_says_what_to_do() {
        let levels = |tempered| Warning::Levels { means: vec![-1.0, -9.5], tempered }.to_string();
        assert!(levels(false).ends_with("; use tempering, as in `tempering: (rungs: 8)`"), "{}", levels(false));
        assert!(levels(true).ends_with(
            "by chain: -1.00, -9.50); they sit in different modes, so their mixture is not the \
            posterior; use more rungs or draws"
        ));
        let trips = |wanted| Warning::RoundTrips { trips: vec![0, 12], rungs: 5, wanted }.to_string();
        assert!(trips(Some(9)).ends_with("; use 9 rungs or more instead of 5"), "{}", trips(Some(9)));
        // With rungs enough, or none tried.
        assert!([Some(4), None].into_iter().all(|wanted| trips(wanted).ends_with("; take more draws")));
        let labels =
            |overall, kept| Warning::Labels { overall, kept, components: vec!["1".into(), "3".into()] }.to_string();
        assert!(
            labels(Some(0.5), 0.6)
                .starts_with("components do not keep their labels (identifiability 0.50); draws exchange")
        );
        let some = labels(None, 0.95);
        assert!(
            some.starts_with("components that do not keep their labels (low identifiability): 1, 3; they overlap"),
            "{some}"
        );
        let apart = Warning::Evidences { discrepancy: 5.25 }.to_string();
        assert!(
            apart.starts_with("the two estimates of the evidence differ by 5.2 combined standard errors"),
            "{apart}"
        );
    }
}
