//! `summary.json`: the results in numbers, for other programs. Its fields are a contract.

mod posterior;
#[cfg(test)]
mod tests;

use gmm_core::{ComponentPrior, InverseWishart, Mixture, Model, Shape, Structure};
use gmm_em::{Action, Interval, Mode, ModeKind, Objective, Singularity, StandardErrors, Stop};
use gmm_sim::{Overlap, overlap};
use serde::Serialize;

use crate::compare::{Comparison, compare, ln_likelihood_of_truth};
use crate::components;
use crate::experiment::{DataSet, Experiment};
use crate::fitted::{FailedFit, FitResult, Outcome, PointMethod};
use crate::reconciled::{Reconciliation, reconcile_all};
use crate::resolve::overlap_operations;
use posterior::{
    CheckSummary, ComponentsSummary, EvidenceSummary, HoldoutSummary, LooSummary, PosteriorSummary, WaicSummary,
};

/// All of `summary.json`. Numbers that have no value are null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    schema_version: u32,
    name: String,
    seed: u64,
    data: DataSummary,
    truth: Option<TruthSummary>,
    truth_ln_likelihood: Option<f64>,
    fits: Vec<FitSummary>,
    /// Fits that failed, with the reason.
    failures: Vec<Failure>,
    comparison: Vec<Comparison>,
    /// Posteriors beside the point estimates of the same model.
    reconciliation: Vec<Reconciliation>,
    /// What evidences say of the number of components; null where they compare none.
    components: Option<ComponentsSummary>,
}

/// What the data are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct DataSummary {
    source: String,
    /// Rows that were fitted, and that were held out.
    n: usize,
    n_held_out: usize,
    d: usize,
    columns: Vec<String>,
    sha256: String,
}

/// The mixture that the rows come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct TruthSummary {
    #[serde(flatten)]
    mixture: MixtureSummary,
    /// How much its components overlap; null where that takes long.
    overlap: Option<OverlapSummary>,
}

/// Overlaps of components (Maitra & Melnykov 2010).
#[derive(Debug, Clone, PartialEq, Serialize)]
struct OverlapSummary {
    /// The probability that a row of component i is rather taken for one of j, at (i, j).
    misclassified: Vec<Vec<f64>>,
    average: f64,
    maximum: f64,
}

impl TruthSummary {
    fn new(truth: &Mixture) -> Self {
        let overlap = quick_overlap(truth).map(|Overlap { misclassified, average, maximum }| OverlapSummary {
            misclassified,
            average,
            maximum,
        });
        Self { mixture: mixture(truth), overlap }
    }
}

/// Overlaps are computed beside results where they take no more multiplications than this: some milliseconds.
const QUICK_OVERLAP: f64 = 1e6;

/// The overlaps of a mixture where they are quickly computed.
pub(crate) fn quick_overlap(mixture: &Mixture) -> Option<Overlap> {
    (overlap_operations(mixture.k(), mixture.d()) <= QUICK_OVERLAP).then(|| overlap(mixture))
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
    /// The near-singular events of all restarts.
    singularities: Vec<SingularitySummary>,
}

/// One fit in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FitSummary {
    name: String,
    method: &'static str,
    /// The method by its own name: `em`, `squarem`, `stepwise_em`, `adam`, `lbfgs` or `gibbs`.
    algorithm: &'static str,
    /// Rows of a minibatch.
    batch: Option<usize>,
    objective: Option<&'static str>,
    /// What was done about singularities, as configs say it.
    policy: Option<String>,
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
    /// Where in the trace the climb went on from another mixture: from 0, and after a reset or a removal.
    parts: Option<Vec<usize>>,
    aitken_limit: Option<f64>,
    /// Passes over all rows of all restarts.
    sweeps: Option<usize>,
    restarts: Option<Vec<RestartSummary>>,
    /// The distinct optima that the restarts reached, best first.
    modes: Option<Vec<ModeSummary>>,
    /// Near-singular events, and what was done about them.
    singularities: Vec<SingularitySummary>,
    standard_errors: Option<StandardErrorsSummary>,
    posterior: Option<PosteriorSummary>,
    /// Statistics of data replicated from the posterior beside those observed.
    checks: Vec<CheckSummary>,
    /// Estimates of the log marginal likelihood of the model.
    evidence: Vec<EvidenceSummary>,
    /// The log pointwise predictive density of the fitted rows.
    lppd: Option<f64>,
    waic: Option<WaicSummary>,
    loo: Option<LooSummary>,
    /// How well the rows are predicted that were held out.
    holdout: Option<HoldoutSummary>,
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
    sweeps: usize,
    objective: Option<f64>,
    collapse: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ModeSummary {
    kind: &'static str,
    /// Whether a component collapsed.
    collapsed: bool,
    /// The highest that it was reached at; of a collapse it says nothing.
    objective: Option<f64>,
    /// How many restarts ended there, and which.
    count: usize,
    restarts: Vec<usize>,
    mixture: MixtureSummary,
}

fn mode(mode: &Mode) -> ModeSummary {
    ModeSummary {
        kind: match mode.kind {
            ModeKind::Optimum => "optimum",
            ModeKind::Unfinished => "unfinished",
            ModeKind::Collapsed(_) => "collapsed",
            ModeKind::Decreased => "decreased",
        },
        collapsed: mode.is_collapsed(),
        objective: Some(mode.objective).filter(|x| x.is_finite()),
        count: mode.restarts.len(),
        restarts: mode.restarts.clone(),
        mixture: mixture(&mode.mixture.permuted(&mode.mixture.order_by_mean())),
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct SingularitySummary {
    fit: String,
    restart: usize,
    iteration: usize,
    component: usize,
    effective_rows: Option<f64>,
    smallest_eigenvalue: Option<f64>,
    condition_number: Option<f64>,
    action: &'static str,
    /// The action in words.
    detail: String,
}

impl SingularitySummary {
    fn new(fit: &str, event: &Singularity) -> Self {
        let action = match event.action {
            Action::RestartEnded(_) => "restart_ended",
            Action::Kept => "kept",
            Action::FlooredTo { .. } => "floored",
            Action::Added { .. } => "regularised",
            Action::RatioBoundedTo { .. } => "ratio_bounded",
            Action::MeanReset { .. } => "mean_reset",
            Action::ComponentRemoved { .. } => "component_removed",
        };
        Self {
            fit: fit.to_owned(),
            restart: event.restart,
            iteration: event.iteration,
            component: event.component,
            effective_rows: event.effective_rows,
            smallest_eigenvalue: event.smallest_eigenvalue,
            condition_number: event.condition_number,
            action,
            detail: event.action.to_string(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct StandardErrorsSummary {
    /// Where they come from; null where there are none.
    method: Option<&'static str>,
    /// Why there are none.
    reason: Option<String>,
    level: Option<f64>,
    /// How far the estimate lies from the maximum, in standard errors; null for a bootstrap.
    distance: Option<f64>,
    /// Refits of a bootstrap that failed and were left out.
    failed: usize,
    intervals: Vec<IntervalRow>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct IntervalRow {
    name: String,
    estimate: f64,
    standard_error: f64,
    lower: f64,
    upper: f64,
}

fn standard_errors(fit: &FitResult) -> Option<StandardErrorsSummary> {
    let none = StandardErrorsSummary {
        method: None,
        reason: None,
        level: None,
        distance: None,
        failed: 0,
        intervals: Vec::new(),
    };
    let Ok(found) = fit.point.as_ref()?.uncertainty.as_ref()? else {
        return Some(StandardErrorsSummary { reason: fit.without_standard_errors(), ..none });
    };
    let row = |interval: &Interval| IntervalRow {
        name: interval.name.clone(),
        estimate: interval.estimate,
        standard_error: interval.standard_error,
        lower: interval.lower,
        upper: interval.upper,
    };
    Some(StandardErrorsSummary {
        method: Some(match found.how {
            StandardErrors::Observed => "observed",
            StandardErrors::Sandwich => "sandwich",
            StandardErrors::ParametricBootstrap { .. } => "parametric_bootstrap",
            StandardErrors::WeightedBootstrap { .. } => "weighted_bootstrap",
        }),
        level: Some(found.level),
        distance: found.distance,
        failed: found.failed,
        intervals: found.intervals.iter().map(row).collect(),
        ..none
    })
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
            truth: data.truth.as_ref().map(TruthSummary::new),
            truth_ln_likelihood: ln_likelihood_of_truth(data),
            fits: outcome.fits.iter().map(FitSummary::new).collect(),
            failures: outcome.failures.iter().map(Failure::new).collect(),
            comparison: compare(data, &outcome.fits),
            reconciliation: reconcile_all(data, &outcome.fits),
            components: {
                let groups = components::compare(&outcome.fits, experiment.prior_of_k);
                ComponentsSummary::new(&groups, experiment.prior_of_k)
            },
        }
    }

    /// The comparisons.
    pub fn comparison(&self) -> &[Comparison] {
        &self.comparison
    }

    /// Posteriors beside the point estimates of the same model.
    pub(crate) fn reconciliation(&self) -> &[Reconciliation] {
        &self.reconciliation
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
            n_held_out: data.held_out.as_ref().map_or(0, |rows| rows.data.n()),
            d: data.data.d(),
            columns: data.columns.clone(),
            sha256: data.sha256.clone(),
        }
    }
}

impl Failure {
    /// The summary of a failure.
    pub(crate) fn new(failed: &FailedFit) -> Self {
        let events = failed.singularities.iter();
        Self {
            fit: failed.name.clone(),
            reason: failed.reason.clone(),
            singularities: events.map(|event| SingularitySummary::new(&failed.name, event)).collect(),
        }
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
            algorithm: point.map_or("gibbs", |point| match point.method {
                PointMethod::Em => "em",
                PointMethod::Squarem => "squarem",
                PointMethod::Stepwise => "stepwise_em",
                PointMethod::Adam { .. } => "adam",
                PointMethod::Lbfgs => "lbfgs",
            }),
            batch: point.and_then(|point| match point.method {
                PointMethod::Adam { batch } => batch,
                _ => None,
            }),
            policy: point.map(|point| format!("{:?}", point.policy)),
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
            parts: point.map(|point| point.parts.clone()),
            aitken_limit: point.map(|point| point.aitken_limit),
            sweeps: point.map(|point| point.restarts.iter().map(|restart| restart.sweeps).sum()),
            restarts: point.map(|point| point.restarts.iter().map(restart).collect()),
            modes: point.map(|point| point.modes.iter().map(mode).collect()),
            singularities: point.map_or(Vec::new(), |point| {
                point.singularities.iter().map(|event| SingularitySummary::new(&fit.name, event)).collect()
            }),
            standard_errors: standard_errors(fit),
            posterior: fit.gibbs.as_ref().map(PosteriorSummary::new),
            checks: fit.gibbs.iter().flat_map(|gibbs| gibbs.checks()).map(CheckSummary::new).collect(),
            evidence: fit.gibbs.iter().flat_map(|gibbs| &gibbs.evidence).map(EvidenceSummary::new).collect(),
            lppd: posterior::accuracy(fit).map(|accuracy| accuracy.lppd),
            waic: posterior::accuracy(fit).map(WaicSummary::new),
            loo: posterior::accuracy(fit).map(LooSummary::new),
            holdout: fit.held_out.as_ref().and_then(|score| score.as_ref().ok()).map(HoldoutSummary::new),
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
    RestartSummary { outcome, iterations: restart.iterations, sweeps: restart.sweeps, objective, collapse }
}
