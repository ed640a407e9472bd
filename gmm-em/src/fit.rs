//! Restarts: many climbs in parallel, the best one that did not collapse.

use gmm_core::{Data, Mixture, Model, Seeding, Streams, Workspace, seed_mixture};
use rayon::prelude::*;

use crate::climb::{Climb, EmError, Outcome};
use crate::saddle::{equal_pair, split};
use crate::{Ascent, Criteria, Objective, Plan, Stop};

/// How often a restart that ends with two equal components, or with components that another numbering fits better under
/// unequal concentrations, climbs again from there.
const ESCAPES: usize = 3;

/// The record of one restart.
#[derive(Debug, Clone, PartialEq)]
pub struct Restart {
    /// How it was seeded.
    pub seeding: Seeding,
    /// How it ended.
    pub outcome: Outcome,
    /// Iterations taken: M-steps, or steps of the optimiser.
    pub iterations: usize,
    /// Passes over all rows, those of climbs that were tried and left included.
    pub sweeps: usize,
    /// The objective that it reached.
    pub objective: f64,
    /// Where it ended.
    pub mixture: Mixture,
}

/// The best of the restarts.
#[derive(Debug, Clone, PartialEq)]
pub struct PointEstimate {
    /// The estimate.
    pub mixture: Mixture,
    /// The objective there: ln L, or ln L + ln prior, with all constants.
    pub objective: f64,
    /// The log-likelihood there, with all constants.
    pub ln_likelihood: f64,
    /// AIC, BIC, ICL there.
    pub criteria: Criteria,
    /// The number of free parameters.
    pub n_parameters: usize,
    /// Why its climb ended.
    pub stop: Stop,
    /// The objective of its climb at the start, after every `log_every` iterations, and at the end.
    pub trace: Vec<f64>,
    /// The iterations of its climb.
    pub iterations: usize,
    /// Iterations from one entry of the trace to the next; for EM 1.
    pub log_every: usize,
    /// The limit of that objective, see [`Climb::aitken_limit`].
    pub aitken_limit: f64,
    /// Which restart it is, from 0.
    pub best: usize,
    /// All restarts in order.
    pub restarts: Vec<Restart>,
}

/// A sign of life from a restart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// The restart, from 0.
    pub restart: usize,
    /// Iterations so far.
    pub iteration: usize,
    /// The objective.
    pub objective: f64,
    /// Whether this restart has ended.
    pub finished: bool,
}

/// Climbs `settings.restarts` times, by EM or along gradients, restart r from its own seeds drawn from the stream
/// `streams.rng(r)` (so both methods have the same starts) and with the streams `streams.split(r)` for what is random
/// on the way, in the current rayon pool, and keeps the highest objective among the climbs that did not collapse. A
/// climb that ends with two equal components, which may be a saddle, is split and repeated from there. The result does
/// not depend on the number of threads.
///
/// # Errors
/// [`EmError`]: settings out of range, data without a maximum, a decreasing objective, or all restarts collapsed.
pub fn fit<A: Ascent>(
    model: &Model,
    data: &Data,
    settings: &A,
    streams: &Streams,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<PointEstimate, EmError> {
    settings.check(model, data)?;
    let Plan { objective, restarts: n_restarts, seedings, .. } = settings.plan();
    let posterior = objective == Objective::Posterior;
    // Collected as they are, so that the error that counts is that of the first restart, not of the first in time.
    let climbs: Vec<Result<Climb, EmError>> = (0..n_restarts)
        .into_par_iter()
        .map_init(Workspace::new, |workspace, restart| {
            let seeding = seedings.of(restart);
            let (mut rng, streams) = (streams.rng(restart as u64), streams.split(restart as u64));
            let start = seed_mixture(model, data, seeding, &mut rng)?;
            let mut report = |iteration, objective| {
                progress(Progress { restart, iteration, objective, finished: false });
            };
            let mut result = settings.climb(model, data, start, &streams, workspace, &mut report);
            for _ in 0..ESCAPES {
                if result.outcome != Outcome::Stopped(Stop::Converged) {
                    break;
                }
                let pair = equal_pair(&result.mixture);
                let apart = pair.and_then(|pair| split(&result.mixture, pair, model.structure(), &mut rng));
                let numbered = model.best_numbering(&result.mixture).filter(|_| posterior);
                let Some(apart) = apart.or(numbered) else { break };
                let mut other = settings.climb(model, data, apart, &streams, workspace, &mut report);
                result.sweeps += other.sweeps;
                other.sweeps = result.sweeps;
                if matches!(other.outcome, Outcome::Stopped(_)) && other.objective() > result.objective() {
                    result = other;
                }
            }
            let (iteration, objective) = (result.iterations, result.objective());
            progress(Progress { restart, iteration, objective, finished: true });
            Ok(result)
        })
        .collect();
    let climbs = climbs.into_iter().collect::<Result<Vec<Climb>, EmError>>()?;

    let restarts: Vec<Restart> = climbs
        .iter()
        .enumerate()
        .map(|(restart, climb)| Restart {
            seeding: seedings.of(restart),
            outcome: climb.outcome.clone(),
            iterations: climb.iterations,
            sweeps: climb.sweeps,
            objective: climb.objective(),
            mixture: climb.mixture.clone(),
        })
        .collect();
    let mut best: Option<(usize, Stop, Climb)> = None;
    let mut collapses = Vec::new();
    let mut decreased = None;
    for (index, climb) in climbs.into_iter().enumerate() {
        match &climb.outcome {
            Outcome::Collapsed(collapse) => collapses.push(collapse.clone()),
            Outcome::Decreased { iteration, from, to } => {
                decreased.get_or_insert(EmError::Decreased { iteration: *iteration, from: *from, to: *to });
            }
            Outcome::Stopped(stop) => {
                if best.as_ref().is_none_or(|(_, _, other)| climb.objective() > other.objective()) {
                    best = Some((index, *stop, climb));
                }
            }
        }
    }
    let Some((best, stop, climb)) = best else {
        return Err(decreased.unwrap_or(EmError::AllCollapsed { collapses }));
    };
    let n_parameters = model.n_parameters();
    Ok(PointEstimate {
        objective: climb.objective(),
        ln_likelihood: climb.ln_likelihood,
        criteria: Criteria::new(climb.ln_likelihood, climb.ln_classification, n_parameters, data.n()),
        n_parameters,
        stop,
        aitken_limit: climb.aitken_limit,
        mixture: climb.mixture,
        trace: climb.trace,
        iterations: climb.iterations,
        log_every: climb.log_every,
        best,
        restarts,
    })
}
