//! What a fit recovered, with everything that a report needs.

use gmm_core::{Label, Mixture, Model, Shape, Structure};
use gmm_em::{
    Criteria, Mode, NoStandardErrors, Objective, Restart, Singularities, Singularity, StandardErrors, Stop, Uncertainty,
};
use gmm_mcmc::predictive::{LogScore, PredictiveError};

use crate::posterior::GibbsDetail;

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
    /// How well the rows are predicted that were held out, or why that is not known: at the estimate, or by the average over
    /// the draws of Gibbs sampling.
    pub held_out: Option<Result<LogScore, PredictiveError>>,
    /// How it was learned, moment by moment, or why that is not known; `None` where nobody asked.
    pub film: Option<Result<Vec<Seen>, String>>,
    /// How long the film took, which is no part of [`seconds`](Self::seconds).
    pub filming_seconds: f64,
}

/// One moment of a fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Iterations of the climb or scans of the chain until then.
    pub number: usize,
    /// What is maximised there; of a chain the log posterior.
    pub objective: f64,
    /// Components as listed.
    pub mixture: Mixture,
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

/// The parts of the name of a quantity: `means[0,1]` is `means` at 0 and 1.
pub(crate) fn indices(name: &str) -> Option<(&str, Vec<usize>)> {
    let (head, rest) = name.split_once('[')?;
    let at = rest.trim_end_matches(']').split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
    Some((head, at))
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

    /// How well a component keeps its label, of a posterior where that was computed; 0 if no row is assigned to it.
    pub(crate) fn identifiability(&self, component: usize) -> Option<f64> {
        let scores = &self.gibbs.as_ref()?.identifiability()?.by_component;
        scores.get(component).map(|score| score.unwrap_or(0.0))
    }

    /// The standard errors of a point estimate, if they come from the observed information.
    pub(crate) fn observed(&self) -> Option<&Uncertainty> {
        let found = self.point.as_ref()?.uncertainty.as_ref()?.as_ref().ok();
        found.filter(|found| found.how == StandardErrors::Observed)
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
        let (head, at) = indices(name)?;
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
}
