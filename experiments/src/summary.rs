//! `summary.json`: the results in numbers, for other programs. Its fields are a contract.

use gmm_core::{ComponentPrior, InverseWishart, Mixture, Model, Shape, Structure};
use gmm_em::{Objective, Stop};
use serde::Serialize;

use crate::compare::{Comparison, compare, ln_likelihood_of_truth};
use crate::experiment::{DataSet, Experiment};
use crate::fitted::{FitResult, Outcome};

/// All of `summary.json`. Numbers that have no value are null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    schema_version: u32,
    name: String,
    seed: u64,
    data: DataSummary,
    truth: Option<MixtureSummary>,
    truth_ln_likelihood: Option<f64>,
    fits: Vec<FitSummary>,
    /// Fits that failed, with the reason.
    failures: Vec<Failure>,
    comparison: Vec<Comparison>,
}

/// What the data are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct DataSummary {
    source: String,
    n: usize,
    d: usize,
    columns: Vec<String>,
    sha256: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct MixtureSummary {
    weights: Vec<f64>,
    means: Vec<Vec<f64>>,
    covariances: Vec<Vec<Vec<f64>>>,
}

/// A fit that failed, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Failure {
    fit: String,
    reason: String,
}

/// One fit in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FitSummary {
    name: String,
    method: &'static str,
    objective: Option<&'static str>,
    model: ModelSummary,
    mixture: MixtureSummary,
    ln_likelihood: f64,
    ln_posterior: Option<f64>,
    n_parameters: usize,
    aic: f64,
    bic: f64,
    icl: f64,
    seconds: f64,
    stop: Option<&'static str>,
    iterations: Option<usize>,
    /// The objective of the best restart at its start, after every `log_every` iterations and at its end, and the limit
    /// that it tends to.
    trace: Option<Vec<f64>>,
    log_every: Option<usize>,
    aitken_limit: Option<f64>,
    restarts: Option<Vec<RestartSummary>>,
    posterior: Option<PosteriorSummary>,
    warnings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ModelSummary {
    components: usize,
    shape: &'static str,
    tying: &'static str,
    prior: PriorSummary,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct PriorSummary {
    concentration: Vec<f64>,
    components: ComponentPriorSummary,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum ComponentPriorSummary {
    Flat(&'static str),
    Conjugate { mean: Vec<f64>, kappa: f64, dof: Option<f64>, scale: Option<Vec<Vec<f64>>> },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct RestartSummary {
    outcome: &'static str,
    iterations: usize,
    objective: Option<f64>,
    collapse: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct PosteriorSummary {
    chains: usize,
    draws: usize,
    quantities: Vec<QuantityRow>,
    /// Where each chain started, and its mean log-likelihood.
    chain_starts: Vec<&'static str>,
    chain_levels: Vec<f64>,
    chains_disagree: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct QuantityRow {
    name: String,
    mean: f64,
    sd: f64,
    q5: f64,
    q50: f64,
    q95: f64,
    mcse_mean: f64,
    ess_bulk: f64,
    ess_tail: f64,
    r_hat: f64,
}

impl Summary {
    /// The summary of an outcome.
    pub fn new(experiment: &Experiment, outcome: &Outcome) -> Self {
        let data = &experiment.data;
        Self {
            schema_version: 1,
            name: experiment.name.clone(),
            seed: experiment.seed,
            data: DataSummary::new(data),
            truth: data.truth.as_ref().map(mixture),
            truth_ln_likelihood: ln_likelihood_of_truth(data),
            fits: outcome.fits.iter().map(FitSummary::new).collect(),
            failures: outcome.failures.iter().map(Failure::new).collect(),
            comparison: compare(data, &outcome.fits),
        }
    }

    /// The comparisons.
    pub fn comparison(&self) -> &[Comparison] {
        &self.comparison
    }

    /// The log-likelihood of the truth, where there is one.
    pub fn truth_ln_likelihood(&self) -> Option<f64> {
        self.truth_ln_likelihood
    }

    /// As pretty JSON; numbers that are not finite become null.
    ///
    /// # Errors
    /// What serde_json says; none is known for this type.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }
}

impl DataSummary {
    /// The summary of a data set.
    pub(crate) fn new(data: &DataSet) -> Self {
        Self {
            source: data.source.clone(),
            n: data.data.n(),
            d: data.data.d(),
            columns: data.columns.clone(),
            sha256: data.sha256.clone(),
        }
    }
}

impl Failure {
    /// From the name of the fit and the reason.
    pub(crate) fn new((fit, reason): &(String, String)) -> Self {
        Self { fit: fit.clone(), reason: reason.clone() }
    }
}

fn mixture(mixture: &Mixture) -> MixtureSummary {
    let k = mixture.k();
    MixtureSummary {
        weights: mixture.weights().to_vec(),
        means: (0..k).map(|c| mixture.mean(c).to_vec()).collect(),
        covariances: (0..k).map(|c| mixture.covariance(c).as_symmetric().to_rows()).collect(),
    }
}

/// The words for shape and tying.
pub(crate) fn structure_words(structure: &Structure) -> (&'static str, &'static str) {
    let shape = match structure.shape() {
        Shape::Full => "full",
        Shape::Diagonal => "diagonal",
        Shape::Isotropic => "isotropic",
    };
    let tying = match structure {
        Structure::Free(_) => "free",
        Structure::Tied(_) => "tied",
        Structure::Known(_) => "known",
    };
    (shape, tying)
}

fn model(model: &Model) -> ModelSummary {
    let (shape, tying) = structure_words(model.structure());
    let components = match &model.prior().components {
        ComponentPrior::Flat => ComponentPriorSummary::Flat("flat"),
        ComponentPrior::Conjugate(prior) => ComponentPriorSummary::Conjugate {
            mean: prior.mean().to_vec(),
            kappa: prior.kappa(),
            dof: prior.covariance().map(InverseWishart::dof),
            scale: prior.covariance().map(|covariance| covariance.scale().to_rows()),
        },
    };
    let concentration = model.prior().weights.concentration().to_vec();
    ModelSummary { components: model.k(), shape, tying, prior: PriorSummary { concentration, components } }
}

impl FitSummary {
    /// The summary of a fit.
    pub(crate) fn new(fit: &FitResult) -> Self {
        let point = fit.point.as_ref();
        Self {
            name: fit.name.clone(),
            method: fit.method(),
            objective: point.map(|point| match point.objective {
                Objective::Likelihood => "likelihood",
                Objective::Posterior => "posterior",
            }),
            model: model(&fit.model),
            mixture: mixture(&fit.mixture),
            ln_likelihood: fit.ln_likelihood,
            ln_posterior: fit.ln_posterior,
            n_parameters: fit.model.n_parameters(),
            aic: fit.criteria.aic,
            bic: fit.criteria.bic,
            icl: fit.criteria.icl,
            seconds: fit.seconds,
            stop: point.map(|point| match point.stop {
                Stop::Converged => "converged",
                Stop::MaxIterations => "max_iterations",
            }),
            iterations: point.map(|point| point.iterations),
            trace: point.map(|point| point.trace.clone()),
            log_every: point.map(|point| point.log_every),
            aitken_limit: point.map(|point| point.aitken_limit),
            restarts: point.map(|point| point.restarts.iter().map(restart).collect()),
            posterior: fit.gibbs.as_ref().map(|gibbs| PosteriorSummary {
                chains: gibbs.draws.chains().len(),
                draws: gibbs.draws.n_draws(),
                quantities: gibbs
                    .quantities
                    .iter()
                    .map(|q| QuantityRow {
                        name: q.name.clone(),
                        mean: q.mean,
                        sd: q.sd,
                        q5: q.q5,
                        q50: q.q50,
                        q95: q.q95,
                        mcse_mean: q.mcse_mean,
                        ess_bulk: q.ess_bulk,
                        ess_tail: q.ess_tail,
                        r_hat: q.r_hat,
                    })
                    .collect(),
                chain_starts: gibbs
                    .draws
                    .chains()
                    .iter()
                    .map(|chain| match chain.start {
                        gmm_mcmc::Start::Optimum(_) => "optimum",
                        gmm_mcmc::Start::Dispersed => "dispersed",
                    })
                    .collect(),
                chain_levels: gibbs.levels.means.clone(),
                chains_disagree: gibbs.levels.disagree,
            }),
            warnings: fit.warnings().iter().map(|warning| format!("{warning:#}")).collect(),
        }
    }
}

fn restart(restart: &gmm_em::Restart) -> RestartSummary {
    let (outcome, collapse) = match &restart.outcome {
        gmm_em::Outcome::Stopped(Stop::Converged) => ("converged", None),
        gmm_em::Outcome::Stopped(Stop::MaxIterations) => ("max_iterations", None),
        gmm_em::Outcome::Collapsed(collapse) => ("collapsed", Some(collapse.to_string())),
        gmm_em::Outcome::Decreased { .. } => ("decreased", None),
    };
    let objective = Some(restart.objective).filter(|x| x.is_finite());
    RestartSummary { outcome, iterations: restart.iterations, objective, collapse }
}
