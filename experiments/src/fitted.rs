//! What a fit recovered, with everything that a report needs.

use std::fmt;

use gmm_core::{Label, Mixture, Model, Shape, Structure};
use gmm_em::{Criteria, Mode, NoStandardErrors, Objective, Restart, Singularities, Singularity, Stop, Uncertainty};
use gmm_mcmc::{Draws, Levels, QuantitySummary};
use serde::Serialize;

/// The results of one experiment.
#[derive(Debug)]
pub struct Outcome {
    /// The fits that ended, in order.
    pub fits: Vec<FitResult>,
    /// The fits that failed.
    pub failures: Vec<FailedFit>,
}

/// A fit that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedFit {
    /// The name of the fit.
    pub name: String,
    /// Why it failed, in words.
    pub reason: String,
    /// The near-singular events of all its restarts.
    pub singularities: Vec<Singularity>,
}

/// One fit: a mixture and what it is worth.
#[derive(Debug)]
pub struct FitResult {
    /// The name of the fit.
    pub name: String,
    /// The model with its priors; concentrations in the order of the listed components.
    pub model: Model,
    /// The estimate; for Gibbs the posterior means. Components in the listed order: matched to the truth where
    /// there is one, else by their means.
    pub mixture: Mixture,
    /// The log-likelihood there, with all constants.
    pub ln_likelihood: f64,
    /// Log-likelihood plus log prior there; `None` without a proper prior, except for the posterior objective.
    pub ln_posterior: Option<f64>,
    /// AIC, BIC, ICL there.
    pub criteria: Criteria,
    /// The most probable component of each row (n) there.
    pub classification: Vec<Label>,
    /// How long it took.
    pub seconds: f64,
    /// What only point estimates have.
    pub point: Option<PointDetail>,
    /// What only Gibbs sampling has.
    pub gibbs: Option<GibbsDetail>,
}

/// The methods of point estimates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointMethod {
    /// Expectation-maximisation.
    Em,
    /// Expectation-maximisation accelerated by SQUAREM.
    Squarem,
    /// Stepwise expectation-maximisation.
    Stepwise,
    /// Gradient ascent by Adam.
    Adam {
        /// Rows of a minibatch; `None` for all rows.
        batch: Option<usize>,
    },
    /// Gradient ascent by L-BFGS.
    Lbfgs,
}

/// How a point estimate was reached.
#[derive(Debug)]
pub struct PointDetail {
    /// By which method.
    pub method: PointMethod,
    /// What was maximised.
    pub objective: Objective,
    /// The number of components that the model had at first: some may have been removed.
    pub asked_components: usize,
    /// What was done about singularities.
    pub policy: Singularities,
    /// Where in the trace the climb went on from another mixture; the first is 0.
    pub parts: Vec<usize>,
    /// Why the best climb ended.
    pub stop: Stop,
    /// Its iterations.
    pub iterations: usize,
    /// The objective of the best climb at its start, after every `log_every` iterations, and at its end.
    pub trace: Vec<f64>,
    /// Iterations from one entry of the trace to the next.
    pub log_every: usize,
    /// Its limit by Aitken's extrapolation, or as the optimiser expects it.
    pub aitken_limit: f64,
    /// Which restart was the best, from 0.
    pub best: usize,
    /// All restarts.
    pub restarts: Vec<Restart>,
    /// The distinct optima that they reached, best first.
    pub modes: Vec<Mode>,
    /// The near-singular events of all restarts.
    pub singularities: Vec<Singularity>,
    /// Standard errors, or why there are none; `None` where none were asked for.
    pub uncertainty: Option<Result<Uncertainty, NoStandardErrors>>,
}

impl PointMethod {
    /// In a word, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Em => "EM",
            Self::Squarem => "SQUAREM",
            Self::Stepwise => "stepwise EM",
            Self::Adam { .. } => "Adam",
            Self::Lbfgs => "L-BFGS",
        }
    }
}

/// The posterior that Gibbs sampling drew from.
#[derive(Debug)]
pub struct GibbsDetail {
    /// All draws.
    pub draws: Draws,
    /// The reported quantities.
    pub quantities: Vec<QuantitySummary>,
    /// The level of each chain.
    pub levels: Levels,
    /// How long it took, by phase.
    pub seconds: GibbsSeconds,
}

/// How long the phases of a Gibbs fit took, in seconds; what is left of the fit's is the evaluation of its estimate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GibbsSeconds {
    /// EM for where chains start.
    pub starts: f64,
    /// Warm-up and draws of all chains: scans, relabelling, storing.
    pub sampling: f64,
    /// Posterior means, summaries and diagnostics of every quantity.
    pub summaries: f64,
}

impl GibbsDetail {
    /// The summary of a quantity.
    pub fn quantity(&self, name: &str) -> Option<&QuantitySummary> {
        self.quantities.iter().find(|quantity| quantity.name == name)
    }

    /// The largest R-hat of any quantity; NaN if none has one.
    pub fn worst_r_hat(&self) -> f64 {
        self.quantities.iter().map(|q| q.r_hat).fold(f64::NAN, f64::max)
    }

    /// The smallest effective sample size of any quantity, bulk or tail; NaN if none has one.
    pub fn least_ess(&self) -> f64 {
        self.quantities.iter().flat_map(|q| [q.ess_bulk, q.ess_tail]).fold(f64::NAN, f64::min)
    }
}

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
            Warning::Levels { means } => {
                let means: Vec<String> = means.iter().map(|m| format!("{m:.2}")).collect();
                write!(f, "chains disagree in level (mean ln likelihood by chain: {})", means.join(", "))?;
                write!(f, "; they sit in different modes, so their mixture is not the posterior")
            }
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

impl FitResult {
    /// The word for the method in results.
    pub fn method(&self) -> &'static str {
        match self.point.as_ref().map(|point| point.method) {
            Some(PointMethod::Em | PointMethod::Squarem | PointMethod::Stepwise) => "em",
            Some(PointMethod::Adam { .. } | PointMethod::Lbfgs) => "gradient",
            None => "gibbs",
        }
    }

    /// The name under which a quantity is reported: that of a shared covariance for component 0, that of an isotropic
    /// one for coordinate 0.
    pub(crate) fn stored_name(&self, name: &str) -> String {
        let Some(indices) = name.strip_prefix("covariances[") else { return name.to_owned() };
        let mut at: Vec<&str> = indices.trim_end_matches(']').split(',').collect();
        if !matches!(self.model.structure(), Structure::Free(_)) {
            at[0] = "0";
        }
        if self.model.shape() == Shape::Isotropic && at.get(1) == at.get(2) {
            at[1..].fill("0");
        }
        format!("covariances[{}]", at.join(","))
    }

    /// The 90 % interval of a reported quantity: of the posterior, or from standard errors.
    pub(crate) fn interval(&self, name: &str) -> Option<(f64, f64)> {
        if let Some(gibbs) = &self.gibbs {
            return gibbs.quantity(name).map(|quantity| (quantity.q5, quantity.q95));
        }
        let uncertainty = self.point.as_ref()?.uncertainty.as_ref()?.as_ref().ok()?;
        let interval = uncertainty.intervals.iter().find(|interval| interval.name == name)?;
        Some((interval.lower, interval.upper))
    }

    /// Why a point estimate has no standard errors though they were asked for.
    pub(crate) fn without_standard_errors(&self) -> Option<String> {
        let point = self.point.as_ref()?;
        match point.uncertainty.as_ref()?.as_ref().err()? {
            NoStandardErrors::NotAMaximum { .. } | NoStandardErrors::NotPositiveDefinite { .. }
                if point.policy.acts_in_m_step() =>
            {
                Some("the policy at singularities holds the estimate where the objective has no maximum".to_owned())
            }
            reason => Some(reason.to_string()),
        }
    }

    /// The names of all quantities that have an interval.
    pub(crate) fn quantities_with_intervals(&self) -> Vec<&str> {
        match (&self.gibbs, &self.point) {
            (Some(gibbs), _) => gibbs.quantities.iter().map(|quantity| quantity.name.as_str()).collect(),
            (None, Some(PointDetail { uncertainty: Some(Ok(uncertainty)), .. })) => {
                uncertainty.intervals.iter().map(|interval| interval.name.as_str()).collect()
            }
            (None, _) => Vec::new(),
        }
    }

    /// The true value of a reported quantity of a component, by its name, where this model has that parameter: a shared
    /// covariance only if the truth shares one, an isotropic one only if the truth's is.
    pub(crate) fn true_value(&self, name: &str, truth: &Mixture) -> Option<f64> {
        let (head, rest) = name.split_once('[')?;
        let at: Vec<usize> = rest.trim_end_matches(']').split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
        let component = *at.first().filter(|k| **k < truth.k() && self.mixture.k() == truth.k())?;
        match (head, at.len()) {
            ("weights", 1) => Some(truth.weights()[component]),
            ("means", 2) => truth.mean(component).get(at[1]).copied(),
            ("covariances", 3) => {
                let matrix = truth.covariance(component).as_symmetric();
                let value = matrix.get(at[1], at[2]);
                let tied = !matches!(self.model.structure(), Structure::Free(_));
                let shared = (0..truth.k()).all(|k| truth.covariance(k).as_symmetric().to_rows() == matrix.to_rows());
                let isotropic = matrix.to_full() == matrix.project(Shape::Isotropic).to_full();
                let known = (!tied || shared) && (self.model.shape() != Shape::Isotropic || isotropic);
                known.then_some(value)
            }
            _ => None,
        }
    }

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
                warnings.push(Warning::Levels { means: gibbs.levels.means.clone() });
            }
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
