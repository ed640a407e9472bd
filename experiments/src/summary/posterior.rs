//! The part of `summary.json` that only posteriors have, and the held-out rows.

use gmm_core::Label;
use gmm_mcmc::evidence::{Permutations, PriorOfK};
use gmm_mcmc::predictive::{Check, Expected, LogScore, PredictiveAccuracy, Spread};
use gmm_mcmc::{PartitionLoss, Relabelling, Swaps};
use serde::Serialize;

use crate::components::{Compared, prior_words};
use crate::fitted::FitResult;
use crate::posterior::{EvidenceFound, GibbsDetail, PartitionFound};

/// Pareto k of more rows are left out.
const MOST_PARETO_K: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct PosteriorSummary {
    /// What a scan draws: `blocked` or `collapsed`.
    kind: &'static str,
    tempering: Option<TemperingSummary>,
    chains: usize,
    draws: usize,
    quantities: Vec<QuantityRow>,
    relabelling: RelabellingSummary,
    /// How well components, as listed, keep their labels; null where that takes too long.
    identifiability: Option<IdentifiabilitySummary>,
    partition: Option<PartitionSummary>,
    /// Where each chain started, and its mean log-likelihood.
    chain_starts: Vec<&'static str>,
    chain_levels: Vec<f64>,
    chains_disagree: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct TemperingSummary {
    rungs: usize,
    chains: Vec<LadderSummary>,
}

/// The ladder of one chain while draws were kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct LadderSummary {
    powers: Vec<f64>,
    /// Of each pair of neighbours; null where none was tried.
    swap_rates: Vec<f64>,
    round_trips: usize,
    scans: u64,
    barrier: f64,
}

/// How label switching was undone: `ecr`, or `stephens` with what came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct RelabellingSummary {
    method: &'static str,
    objective_at_start: Option<f64>,
    objective: Option<f64>,
    iterations: Option<usize>,
    converged: Option<bool>,
    n_changed: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct IdentifiabilitySummary {
    overall: f64,
    /// Null for a component that no row is assigned to.
    by_component: Vec<Option<f64>>,
    kept: f64,
    /// Whether no summary of a single component means much, and the components of which that holds in any case.
    low: bool,
    low_components: Vec<usize>,
}

/// The partition of the rows with the least posterior expected loss.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct PartitionSummary {
    /// `variation_of_information` or `binder`.
    loss: &'static str,
    /// Of each row, numbered in the order of their first rows.
    clusters: Vec<Label>,
    n_clusters: usize,
    expected_loss: f64,
    mcse: f64,
    /// Runs of the search, and how many of them ended with this partition.
    runs: usize,
    found_by: usize,
}

impl PartitionSummary {
    fn new(PartitionFound { loss, estimate, .. }: &PartitionFound) -> Self {
        Self {
            loss: match loss {
                PartitionLoss::VariationOfInformation => "variation_of_information",
                PartitionLoss::Binder => "binder",
            },
            clusters: estimate.clusters.clone(),
            n_clusters: estimate.n_clusters,
            expected_loss: estimate.expected_loss,
            mcse: estimate.standard_error,
            runs: estimate.n_runs,
            found_by: estimate.n_found,
        }
    }
}

/// A statistic of replicated data beside that observed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct CheckSummary {
    statistic: String,
    observed: SpreadSummary,
    replicated: SpreadSummary,
    /// The probabilities of at least and of at most the observed value, and of one as extreme.
    upper: f64,
    lower: f64,
    two_sided: f64,
    /// The Monte Carlo standard error of the last.
    mcse: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct SpreadSummary {
    q5: f64,
    q50: f64,
    q95: f64,
}

impl CheckSummary {
    pub(super) fn new(check: &Check) -> Self {
        let spread = |Spread { q5, q50, q95 }: Spread| SpreadSummary { q5, q50, q95 };
        Self {
            statistic: check.statistic.to_string(),
            observed: spread(check.observed),
            replicated: spread(check.replicated),
            upper: check.upper.value,
            lower: check.lower.value,
            two_sided: check.two_sided.value,
            mcse: check.two_sided.mcse,
        }
    }
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

impl PosteriorSummary {
    pub(super) fn new(gibbs: &GibbsDetail) -> Self {
        let ladder = |swaps: &Swaps| LadderSummary {
            powers: swaps.powers.clone(),
            swap_rates: swaps.rates.clone(),
            round_trips: swaps.round_trips,
            scans: swaps.scans,
            barrier: swaps.barrier(),
        };
        let tempering = gibbs.settings.tempering;
        let chains = gibbs.draws.chains();
        Self {
            kind: gibbs.kind(),
            tempering: tempering.map(|tempering| TemperingSummary {
                rungs: tempering.rungs,
                chains: gibbs.swaps().map(ladder).collect(),
            }),
            chains: chains.len(),
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
            relabelling: RelabellingSummary {
                method: match gibbs.draws.relabelling() {
                    Relabelling::Ecr => "ecr",
                    Relabelling::Stephens => "stephens",
                },
                objective_at_start: gibbs.stephens.map(|report| report.objective_at_start),
                objective: gibbs.stephens.map(|report| report.objective),
                iterations: gibbs.stephens.map(|report| report.iterations),
                converged: gibbs.stephens.map(|report| report.converged),
                n_changed: gibbs.stephens.map(|report| report.n_changed),
            },
            identifiability: gibbs.identifiability().map(|found| IdentifiabilitySummary {
                overall: found.overall,
                by_component: found.by_component.clone(),
                kept: found.kept(),
                low: found.is_low(),
                low_components: found.low_components(),
            }),
            partition: gibbs.partition().map(PartitionSummary::new),
            chain_starts: chains
                .iter()
                .map(|chain| match chain.start {
                    gmm_mcmc::Start::Optimum(_) => "optimum",
                    gmm_mcmc::Start::Dispersed => "dispersed",
                })
                .collect(),
            chain_levels: gibbs.levels.means.clone(),
            chains_disagree: gibbs.levels.disagree,
        }
    }
}

/// An estimate of the evidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct EvidenceSummary {
    method: &'static str,
    ln_evidence: Option<f64>,
    se: Option<f64>,
    /// The numberings of the components that were averaged over: `all`, or how many for a draw.
    permutations: Option<PermutationsSummary>,
    /// Why there is none.
    reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum PermutationsSummary {
    All(&'static str),
    Sampled(usize),
}

impl EvidenceSummary {
    pub(super) fn new(found: &EvidenceFound) -> Self {
        let evidence = found.result.as_ref().ok();
        Self {
            method: found.word(),
            ln_evidence: evidence.map(|evidence| evidence.ln_evidence),
            se: evidence.map(|evidence| evidence.standard_error),
            permutations: evidence.map(|evidence| match evidence.permutations {
                Permutations::All => PermutationsSummary::All("all"),
                Permutations::Sampled { n } => PermutationsSummary::Sampled(n),
            }),
            reason: found.result.as_ref().err().map(ToString::to_string),
        }
    }
}

/// An expected log predictive density by WAIC.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct WaicSummary {
    elpd: f64,
    se: f64,
    /// The effective number of parameters.
    p: f64,
    waic: f64,
}

/// An expected log predictive density by leave-one-out cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct LooSummary {
    elpd: f64,
    se: f64,
    /// The effective number of parameters.
    p: f64,
    looic: f64,
    /// The Pareto k above which a row is unreliable, how many rows are, and the largest.
    k_limit: f64,
    n_unreliable: usize,
    pareto_k_max: f64,
    /// Of every row, in order; null for more than 10,000 rows. One that is infinite or has no value is null.
    pareto_k: Option<Vec<f64>>,
}

impl WaicSummary {
    pub(super) fn new(accuracy: &PredictiveAccuracy) -> Self {
        let Expected { elpd, standard_error, effective_parameters } = accuracy.waic;
        Self { elpd, se: standard_error, p: effective_parameters, waic: -2.0 * elpd }
    }
}

impl LooSummary {
    pub(super) fn new(accuracy: &PredictiveAccuracy) -> Self {
        let Expected { elpd, standard_error, effective_parameters } = accuracy.loo;
        let pareto_k = &accuracy.pareto_k;
        Self {
            elpd,
            se: standard_error,
            p: effective_parameters,
            looic: -2.0 * elpd,
            k_limit: accuracy.k_limit,
            n_unreliable: accuracy.n_unreliable(),
            pareto_k_max: pareto_k.iter().copied().fold(f64::NAN, f64::max),
            pareto_k: (pareto_k.len() <= MOST_PARETO_K).then(|| pareto_k.clone()),
        }
    }
}

/// WAIC and leave-one-out cross-validation of a fit, where they were computed.
pub(super) fn accuracy(fit: &FitResult) -> Option<&PredictiveAccuracy> {
    fit.gibbs.as_ref()?.accuracy.as_ref()?.as_ref().ok()
}

/// The log predictive density of the rows held out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct HoldoutSummary {
    n: usize,
    ln_density: f64,
    mean: f64,
    /// The standard error of the mean, over the rows.
    se: f64,
}

impl HoldoutSummary {
    pub(super) fn new(score: &LogScore) -> Self {
        let (n, ln_density) = (score.terms().len(), score.total());
        Self { n, ln_density, mean: score.mean(), se: score.standard_error() }
    }
}

/// The numbers of components that evidences compare.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ComponentsSummary {
    /// As configs say it.
    prior: String,
    rows: Vec<ComponentsRow>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct ComponentsRow {
    /// Rows of one group differ in K alone, and their probabilities sum to one; from 0.
    group: usize,
    fit: String,
    k: usize,
    /// How the evidence was estimated.
    method: &'static str,
    ln_evidence: f64,
    se: f64,
    prior: f64,
    probability: f64,
    probability_se: f64,
}

impl ComponentsSummary {
    /// None where there is nothing to compare.
    pub(super) fn new(groups: &[Compared<'_>], prior: PriorOfK) -> Option<Self> {
        let rows = groups.iter().enumerate().flat_map(|(group, compared)| {
            compared.rows.iter().map(move |row| ComponentsRow {
                group,
                fit: row.fit.name.clone(),
                k: row.found.k,
                method: row.how,
                ln_evidence: row.found.evidence.ln_evidence,
                se: row.found.evidence.standard_error,
                prior: row.found.prior,
                probability: row.found.probability,
                probability_se: row.found.standard_error,
            })
        });
        let rows: Vec<ComponentsRow> = rows.collect();
        (!rows.is_empty()).then(|| Self { prior: prior_words(prior), rows })
    }
}
