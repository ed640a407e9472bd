//! Runs the fits of an experiment, one after the other, each on all threads of the current pool.

use std::time::Instant;

use gmm_core::{Data, Label, Mixture, Model, Prior, Rule, Streams, SweepTotals, Workspace, match_mixture, sweep};
use gmm_em::{
    Acceleration, Ascent, Criteria, Em, EmError, NoStandardErrors, Objective, Optimizer, Singularities, Starts,
    Uncertainty, uncertainty,
};
use gmm_mcmc::evidence::evidence;
use gmm_mcmc::predictive::{Checks, LogScore, predictive_accuracy, predictive_checks};
use gmm_mcmc::{Draws, LabelError, PartitionLoss, PartitionSearch, Relabelling, levels, sample};

use crate::experiment::{Experiment, Fit, LEVEL, Method, PAIRS, Sampling};
use crate::film;
use crate::fitted::{FailedFit, FitResult, PointDetail, PointMethod, Seen};
use crate::posterior::{EvidenceFound, GibbsDetail, GibbsSeconds, PartitionFound};
use crate::progress::Progress;

/// Restarts of the EM that finds where chains start.
const START_RESTARTS: usize = 8;

/// Its tolerance: the warm-up does the rest, and EM can take thousands of iterations along a ridge.
const START_TOLERANCE: f64 = 1e-6;

/// Runs one fit of an experiment. The result does not depend on the number of threads, but for its seconds.
///
/// # Errors
/// [`FailedFit`] with the reason.
pub fn run(experiment: &Experiment, fit: &Fit, progress: &Progress) -> Result<FitResult, FailedFit> {
    named(fit, run_method(experiment, fit, progress, Film::Off))
}

/// As [`run`], and the result has its [`film`](FitResult::film).
///
/// # Errors
/// Those of [`run`].
pub(crate) fn run_filmed(experiment: &Experiment, fit: &Fit, progress: &Progress) -> Result<FitResult, FailedFit> {
    named(fit, run_method(experiment, fit, progress, Film::On))
}

/// Whether the way of a fit is repeated for its film.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Film {
    Off,
    On,
}

impl Film {
    /// A film and the seconds that it took, if there is to be one.
    fn take(self, film: impl FnOnce() -> Result<Vec<Seen>, String>) -> (Option<Result<Vec<Seen>, String>>, f64) {
        let started = Instant::now();
        match self {
            Self::Off => (None, 0.0),
            Self::On => (Some(film()), started.elapsed().as_secs_f64()),
        }
    }
}

fn named(fit: &Fit, mut result: Result<FitResult, FailedFit>) -> Result<FitResult, FailedFit> {
    if let Err(failed) = &mut result {
        failed.name.clone_from(&fit.name);
    }
    result
}

/// Where a policy acts in M-steps, an estimate this many standard errors from the maximum is held there by it.
const HELD: f64 = 0.1;

/// Standard errors of an estimate that a policy holds away from the maximum are none.
fn held(found: Result<Uncertainty, NoStandardErrors>, policy: Singularities) -> Result<Uncertainty, NoStandardErrors> {
    match found {
        Ok(Uncertainty { distance: Some(distance), .. }) if policy.acts_in_m_step() && distance > HELD => {
            Err(NoStandardErrors::NotAMaximum { distance, limit: HELD })
        }
        other => other,
    }
}

impl From<String> for FailedFit {
    fn from(reason: String) -> Self {
        Self { name: String::new(), reason, singularities: Vec::new() }
    }
}

impl From<EmError> for FailedFit {
    fn from(error: EmError) -> Self {
        let mut failed = Self::from(error.to_string());
        if let EmError::AllCollapsed { singularities, .. } = error {
            failed.singularities = singularities;
        }
        failed
    }
}

fn run_method(experiment: &Experiment, fit: &Fit, progress: &Progress, film: Film) -> Result<FitResult, FailedFit> {
    let started = Instant::now();
    let data = &experiment.data.data;
    let streams = Streams::new(experiment.seed).named("fits").named(&fit.name);
    let truth = experiment.data.truth.as_ref();
    let job = Job { model: &fit.model, data, truth, streams: &streams, progress, film };
    let mut result = match &fit.method {
        Method::Em(em) => {
            let method = match em.acceleration {
                Acceleration::None => PointMethod::Em,
                Acceleration::Squarem => PointMethod::Squarem,
            };
            job.point(em, method)?
        }
        Method::Stepwise(stepwise) => job.point(stepwise, PointMethod::Stepwise)?,
        Method::Gradient(gradient) => {
            let method = match gradient.optimizer {
                Optimizer::Adam(_) => PointMethod::Adam { batch: gradient.batch },
                Optimizer::Lbfgs(_) => PointMethod::Lbfgs,
            };
            job.point(gradient, method)?
        }
        Method::Gibbs(sampling) => job.gibbs(sampling)?,
    };
    if let (Some(point), Some(how)) = (&mut result.point, fit.standard_errors) {
        let streams = streams.named("standard errors");
        let (model, mixture) = (&result.model, &result.mixture);
        let collapse = fit.method.plan().map(|plan| plan.collapse).unwrap_or_default();
        let found = uncertainty(model, data, mixture, point.objective, how, &collapse, LEVEL, &streams);
        point.uncertainty = Some(held(found, point.policy));
    }
    if let Some(rows) = &experiment.data.held_out {
        result.held_out = Some(match &result.gibbs {
            Some(gibbs) => LogScore::of_draws(&gibbs.draws, &rows.data),
            None => LogScore::of_mixture(&result.mixture, &rows.data),
        });
    }
    result.name.clone_from(&fit.name);
    // The film is no part of the fit.
    result.seconds = started.elapsed().as_secs_f64() - result.filming_seconds;
    Ok(result)
}

/// What every method is handed.
#[derive(Clone, Copy)]
struct Job<'a> {
    model: &'a Model,
    data: &'a Data,
    truth: Option<&'a Mixture>,
    streams: &'a Streams,
    progress: &'a Progress,
    film: Film,
}

impl Job<'_> {
    fn point<A: Ascent>(self, settings: &A, method: PointMethod) -> Result<FitResult, FailedFit> {
        let Job { model, data, truth, streams, progress, film } = self;
        let estimate = gmm_em::fit(model, data, settings, streams, &|step| progress.climb(step))?;
        let order = listing(&estimate.mixture, truth);
        let (film, filming_seconds) = film.take(|| film::of_point(model, data, settings, streams, &estimate, &order));
        let detail = PointDetail {
            method,
            objective: settings.plan().objective,
            asked_components: model.k(),
            policy: settings.plan().singularities,
            parts: estimate.parts,
            stop: estimate.stop,
            iterations: estimate.iterations,
            trace: estimate.trace,
            log_every: estimate.log_every,
            aitken_limit: estimate.aitken_limit,
            best: estimate.best,
            restarts: estimate.restarts,
            modes: estimate.modes,
            singularities: estimate.singularities,
            uncertainty: None,
        };
        let mixture = estimate.mixture.permuted(&order);
        Ok(FitResult { film, filming_seconds, ..evaluate(&estimate.model, data, mixture, &order, Some(detail), None) })
    }

    fn gibbs(self, sampling: &Sampling) -> Result<FitResult, String> {
        let Job { model, data, truth, streams, progress, film } = self;
        let gibbs = &sampling.gibbs;
        let mut phase = Instant::now();
        let mut lap = || std::mem::replace(&mut phase, Instant::now()).elapsed().as_secs_f64();
        // A search of its own for every second chain: two that start at one point have not looked for another.
        let searches = streams.named("starts");
        let optima: Vec<Mixture> = (0..gibbs.chains.div_ceil(2) as u64)
            .filter_map(|chain| starting_optimum(model, data, &searches.split(chain)))
            .collect();
        let starts = lap();
        let chains = streams.named("chains");
        let mut draws =
            sample(model, data, gibbs, &optima, &chains, &|step| progress.gibbs(step)).map_err(|e| e.to_string())?;
        let sampled = lap();
        let stephens = match sampling.relabelling {
            Relabelling::Ecr => None,
            Relabelling::Stephens => Some(draws.relabel_stephens(data).map_err(|e| format!("relabelling: {e}"))?),
        };
        let not_a_mixture = || "the posterior means are not a mixture: a covariance lost its last digits".to_owned();
        if let Some(order) = truth.and_then(|truth| match_mixture(&draws.mean_mixture()?, truth)) {
            draws.reorder(&order);
        }
        let mixture = draws.mean_mixture().ok_or_else(not_a_mixture)?;
        let order = draws.order().to_vec();
        let identifiability = sampling.identifiability.then(|| draws.identifiability(data));
        let labels = lap();
        let quantities = draws.summaries();
        let levels = levels(&draws);
        let summaries = lap();
        let of_evidence = streams.named("evidence");
        let estimates = sampling.evidence.iter().map(|how| {
            let result = evidence(data, &draws, how, &of_evidence);
            EvidenceFound { how: how.clone(), result }
        });
        let found: Vec<EvidenceFound> = estimates.collect();
        let evidence = lap();
        let accuracy = sampling.accuracy.then(|| predictive_accuracy(&draws, data));
        let predicted = lap();
        let partition = sampling.partition.map(|loss| partition(&draws, data, loss, streams));
        let partitioned = lap();
        let checks = match sampling.checks.as_slice() {
            [] => Ok(Vec::new()),
            statistics => {
                let checks = Checks { statistics: statistics.to_vec(), ..Checks::usual(data.d()) };
                predictive_checks(&draws, data, &checks, &streams.named("checks"))
            }
        };
        let seconds = GibbsSeconds {
            starts,
            sampling: sampled,
            labels,
            summaries,
            evidence,
            accuracy: predicted,
            partition: partitioned,
            checks: lap(),
        };
        let (film, filming_seconds) = film.take(|| film::of_posterior(&draws, data, gibbs, &optima, &chains));
        let detail = GibbsDetail {
            settings: gibbs.clone(),
            optima,
            draws,
            quantities,
            levels,
            stephens,
            identifiability,
            partition,
            checks,
            evidence: found,
            accuracy,
            seconds,
        };
        Ok(FitResult { film, filming_seconds, ..evaluate(model, data, mixture, &order, None, Some(detail)) })
    }
}

/// The partition with the least expected loss, and how probable it is that rows belong together.
fn partition(draws: &Draws, data: &Data, loss: PartitionLoss, streams: &Streams) -> Result<PartitionFound, LabelError> {
    let search = PartitionSearch { loss, ..PartitionSearch::default() };
    let estimate = draws.partition(data, &search, &streams.named("partition"))?;
    let co_clustering = draws.co_clustering(data, PAIRS, &streams.named("co-clustering"))?;
    Ok(PartitionFound { loss, estimate, co_clustering })
}

/// The mode of the posterior by EM, with concentrations raised to 1 where they are below; none if EM fails.
fn starting_optimum(model: &Model, data: &Data, streams: &Streams) -> Option<Mixture> {
    let raised = model.prior().weights.concentration().iter().map(|a| a.max(1.0)).collect();
    let prior = Prior { weights: Model::dirichlet(raised).ok()?, components: model.prior().components.clone() };
    let raised = Model::new(model.d(), model.structure().clone(), prior).ok()?;
    let em = Em {
        objective: Objective::Posterior,
        restarts: START_RESTARTS,
        tolerance: START_TOLERANCE,
        starts: Starts::Alternate,
        ..Em::default()
    };
    gmm_em::fit(&raised, data, &em, streams, &|_| {}).ok().map(|estimate| estimate.mixture)
}

/// The order in which components are listed: matched to the truth where there is one of as many components, else by
/// their means.
fn listing(mixture: &Mixture, truth: Option<&Mixture>) -> Vec<usize> {
    truth.and_then(|truth| match_mixture(mixture, truth)).unwrap_or_else(|| mixture.order_by_mean())
}

fn evaluate(
    model: &Model,
    data: &Data,
    mixture: Mixture,
    order: &[usize],
    point: Option<PointDetail>,
    gibbs: Option<GibbsDetail>,
) -> FitResult {
    let model = reordered(model, order);
    let (totals, classification) = classify(data, &mixture);
    let posterior = model.is_proper() || point.as_ref().is_some_and(|point| point.objective == Objective::Posterior);
    let ln_posterior = totals.ln_likelihood + model.ln_prior(&mixture);
    FitResult {
        name: String::new(),
        ln_likelihood: totals.ln_likelihood,
        ln_posterior: Some(ln_posterior).filter(|x| posterior && x.is_finite()),
        criteria: Criteria::new(totals.ln_likelihood, totals.ln_classification, model.n_parameters(), data.n()),
        model,
        mixture,
        classification,
        seconds: 0.0,
        point,
        gibbs,
        held_out: None,
        film: None,
        filming_seconds: 0.0,
    }
}

/// The totals of a mixture and the most probable component of each row.
pub(crate) fn classify(data: &Data, mixture: &Mixture) -> (SweepTotals, Vec<Label>) {
    let mut labels = vec![0; data.n()];
    let mut statistics = gmm_core::Statistics::new(mixture.shape(), mixture.k(), mixture.d());
    let rule = Rule::Classify { labels: &mut labels };
    let totals = sweep(data, mixture, rule, &mut statistics, &mut Workspace::new());
    (totals, labels)
}

/// The model with its concentrations in the order of the listed components.
fn reordered(model: &Model, order: &[usize]) -> Model {
    let concentration = model.prior().weights.concentration();
    let listed = order.iter().map(|&k| concentration[k]).collect();
    let reordered = Model::dirichlet(listed).and_then(|weights| {
        let prior = Prior { weights, components: model.prior().components.clone() };
        Model::new(model.d(), model.structure().clone(), prior)
    });
    reordered.unwrap_or_else(|_| model.clone())
}
