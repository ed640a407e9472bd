//! The posterior of a fit: its draws and what was computed from them.

use gmm_core::Mixture;
use gmm_mcmc::evidence::{Estimate, Evidence, NoEvidence};
use gmm_mcmc::predictive::{Check, CheckError, PredictiveAccuracy, PredictiveError};
use gmm_mcmc::{
    CoClustering, Draws, Gibbs, Identifiability, Kind, LabelError, Levels, PartitionEstimate, PartitionLoss,
    QuantitySummary, StephensReport, Swaps,
};
use serde::Serialize;

/// The posterior that Gibbs sampling drew from.
#[derive(Debug)]
pub struct GibbsDetail {
    /// How it was sampled.
    pub settings: Gibbs,
    /// Optima that chains started from, one after the other; none if they started from draws of the prior.
    pub optima: Vec<Mixture>,
    /// All draws.
    pub draws: Draws,
    /// The reported quantities.
    pub quantities: Vec<QuantitySummary>,
    /// The level of each chain.
    pub levels: Levels,
    /// How relabelling by Stephens' algorithm went, if it was asked for; else labels are those of ECR.
    pub stephens: Option<StephensReport>,
    /// How well components, as listed, keep their labels; `None` where that takes too long.
    pub identifiability: Option<Result<Identifiability, LabelError>>,
    /// The partition of the rows, or why there is none; `None` where none was asked for.
    pub partition: Option<Result<PartitionFound, LabelError>>,
    /// Predictive checks, or why there are none; empty where none were asked for.
    pub checks: Result<Vec<Check>, CheckError>,
    /// The estimates of the evidence that were asked for.
    pub evidence: Vec<EvidenceFound>,
    /// WAIC and leave-one-out cross-validation, or why there are none; `None` where they were not asked for.
    pub accuracy: Option<Result<PredictiveAccuracy, PredictiveError>>,
    /// How long it took, by phase.
    pub seconds: GibbsSeconds,
}

/// What the draws say of the rows without labels.
#[derive(Debug, Clone)]
pub struct PartitionFound {
    /// What a wrong partition costs.
    pub loss: PartitionLoss,
    /// The partition with the least expected loss.
    pub estimate: PartitionEstimate,
    /// How probable it is that rows come from the same component.
    pub co_clustering: CoClustering,
}

impl PartitionFound {
    /// The rows of each cluster.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.estimate.n_clusters];
        self.estimate.clusters.iter().for_each(|cluster| sizes[usize::from(*cluster)] += 1);
        sizes
    }
}

/// The loss of a partition, in words.
pub(crate) fn loss(loss: PartitionLoss) -> &'static str {
    match loss {
        PartitionLoss::VariationOfInformation => "variation of information",
        PartitionLoss::Binder => "Binder\u{2019}s loss",
    }
}

/// An estimate of the evidence, or why there is none.
#[derive(Debug, Clone)]
pub struct EvidenceFound {
    /// How it was estimated.
    pub how: Estimate,
    /// What came out.
    pub result: Result<Evidence, NoEvidence>,
}

impl EvidenceFound {
    /// The method in a word, for programs.
    pub(crate) fn word(&self) -> &'static str {
        match self.how {
            Estimate::Bridge(_) => "bridge",
            Estimate::Chib(_) => "chib",
        }
    }

    /// The method in words, for people.
    pub(crate) fn method(&self) -> &'static str {
        method(&self.how)
    }
}

/// A way to estimate the evidence, in words.
pub(crate) fn method(how: &Estimate) -> &'static str {
    match how {
        Estimate::Bridge(_) => "bridge sampling",
        Estimate::Chib(_) => "Chib\u{2019}s estimate",
    }
}

/// How long the phases of a Gibbs fit took, in seconds; what is left of the fit's is the evaluation of its estimate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GibbsSeconds {
    /// EM for where chains start.
    pub starts: f64,
    /// Warm-up and draws of all chains: scans, relabelling, storing.
    pub sampling: f64,
    /// Relabelling by Stephens' algorithm, where it was asked for, and how well components keep their labels.
    pub labels: f64,
    /// Posterior means, summaries and diagnostics of every quantity.
    pub summaries: f64,
    /// Estimates of the evidence.
    pub evidence: f64,
    /// WAIC and leave-one-out cross-validation.
    pub accuracy: f64,
    /// The partition and co-clustering.
    pub partition: f64,
    /// Predictive checks.
    pub checks: f64,
}

/// How the ladders of all chains exchanged states.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LadderFigures {
    /// The smallest rate of a pair of neighbours; NaN where no pair was tried.
    pub(crate) least_rate: f64,
    /// The mean over pairs and chains.
    pub(crate) mean_rate: f64,
    /// The fewest round trips of a chain.
    pub(crate) least_trips: usize,
    /// Those of all chains.
    pub(crate) trips: usize,
    /// The largest communication barrier that a chain estimates; NaN where none has one.
    pub(crate) barrier: f64,
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

    /// What a scan draws, in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match self.settings.kind {
            Kind::Blocked => "blocked",
            Kind::Collapsed => "collapsed",
        }
    }

    /// How well components keep their labels, where that was computed.
    pub(crate) fn identifiability(&self) -> Option<&Identifiability> {
        self.identifiability.as_ref()?.as_ref().ok()
    }

    /// The partition, where there is one.
    pub(crate) fn partition(&self) -> Option<&PartitionFound> {
        self.partition.as_ref()?.as_ref().ok()
    }

    /// The predictive checks that were made.
    pub(crate) fn checks(&self) -> &[Check] {
        self.checks.as_ref().map_or(&[], Vec::as_slice)
    }

    /// The swaps of each tempered chain.
    pub(crate) fn swaps(&self) -> impl Iterator<Item = &Swaps> {
        self.draws.chains().iter().filter_map(|chain| chain.swaps.as_ref())
    }

    /// The swaps of all chains in numbers, if they are tempered.
    pub(crate) fn ladder(&self) -> Option<LadderFigures> {
        let rates: Vec<f64> = self.swaps().flat_map(|swaps| &swaps.rates).copied().filter(|r| r.is_finite()).collect();
        Some(LadderFigures {
            least_rate: rates.iter().copied().fold(f64::NAN, f64::min),
            mean_rate: rates.iter().sum::<f64>() / rates.len() as f64,
            least_trips: self.swaps().map(|swaps| swaps.round_trips).min()?,
            trips: self.swaps().map(|swaps| swaps.round_trips).sum(),
            barrier: self.swaps().map(Swaps::barrier).fold(f64::NAN, f64::max),
        })
    }

    /// The evidence that counts: by bridge sampling, whose standard error is the more honest, else Chib's.
    pub(crate) fn best_evidence(&self) -> Option<(&EvidenceFound, Evidence)> {
        let usable = |found: &&EvidenceFound| {
            found.result.as_ref().is_ok_and(|e| e.ln_evidence.is_finite() && e.standard_error.is_finite())
        };
        let is_bridge = |found: &&EvidenceFound| matches!(found.how, Estimate::Bridge(_));
        let bridge = self.evidence.iter().filter(is_bridge).find(usable);
        let found = bridge.or_else(|| self.evidence.iter().find(usable))?;
        Some((found, *found.result.as_ref().ok()?))
    }

    /// How far two estimates of the evidence lie apart, in combined standard errors.
    pub(crate) fn discrepancy(&self) -> Option<f64> {
        let found: Vec<&Evidence> = self.evidence.iter().filter_map(|found| found.result.as_ref().ok()).collect();
        match found.as_slice() {
            [a, b] => Some(a.discrepancy(b)),
            _ => None,
        }
    }
}
