//! Restarts: many climbs in parallel, the best one that did not collapse.

use gmm_core::{Data, Mixture, Model, Streams, Workspace};
use rayon::prelude::*;

use crate::atlas::modes;
use crate::climb::{Climb, EmError, Outcome};
use crate::observer::{Blind, Observer};
use crate::remedy::Remedy;
use crate::saddle::{equal_pair, split};
use crate::starts::{Drawn, draw};
use crate::{Ascent, Criteria, Mode, Objective, Singularity, Start, Step, Stop};

/// How often a restart that ends with two equal components, or with components that another numbering fits better under
/// unequal concentrations, climbs again from there.
const ESCAPES: usize = 3;

/// The most entries of the trace that is kept of each restart.
const TRACE: usize = 200;

/// The record of one restart.
#[derive(Debug, Clone, PartialEq)]
pub struct Restart {
    /// What it started from.
    pub start: Start,
    /// How it ended.
    pub outcome: Outcome,
    /// Iterations taken by the climbs that led on: M-steps, or steps of the optimiser.
    pub iterations: usize,
    /// Passes over all rows, those of short runs and of climbs that were tried and left included.
    pub sweeps: usize,
    /// The objective that it reached.
    pub objective: f64,
    /// Its way there: see [`Climb::outline`].
    pub trace: Vec<(usize, f64)>,
    /// Where it ended: with fewer components than the model where some were removed.
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
    /// Its model: the given one, less the components that were removed on the way (whose priors keep what they had from
    /// the number of components).
    pub model: Model,
    /// The number of free parameters of that model.
    pub n_parameters: usize,
    /// Why its climb ended.
    pub stop: Stop,
    /// The objective of its climb at the start, after every `log_every` iterations, and at the end; see [`Climb::trace`].
    pub trace: Vec<f64>,
    /// Where in the trace it went on from another mixture, after 0; see [`Climb::parts`].
    pub parts: Vec<usize>,
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
    /// The near-singular events of all restarts, in order. Climbs that were tried and left leave none.
    pub singularities: Vec<Singularity>,
    /// Where they ended, best first; the first is the estimate.
    pub modes: Vec<Mode>,
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

/// Climbs `settings.restarts` times, by EM or along gradients, restart r from its own start drawn from the stream
/// `streams.rng(r)` (so both methods have the same starts) and with the streams `streams.split(r)` for what is random
/// on the way, in the current rayon pool, and keeps the highest objective among the restarts that did not collapse. The
/// result does not depend on the number of threads.
///
/// A restart goes on from where a climb ended: with a component reset or removed where that is the policy for one that
/// collapsed ([`Singularities`](crate::Singularities)); and, where it leads higher, with two equal components split,
/// which may be a saddle.
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
    let plan = settings.plan();
    // Collected as they are, so that the error that counts is that of the first restart, not of the first in time.
    let runs: Vec<Result<Run, EmError>> = (0..plan.restarts)
        .into_par_iter()
        .map_init(Workspace::new, |workspace, restart| {
            run((model, data), settings, streams, restart, workspace, progress, &mut Blind)
        })
        .collect();
    let runs = runs.into_iter().collect::<Result<Vec<Run>, EmError>>()?;

    let restarts: Vec<Restart> = runs
        .iter()
        .map(|Run { start, climb, .. }| Restart {
            start: *start,
            outcome: climb.outcome.clone(),
            iterations: climb.iterations,
            sweeps: climb.sweeps,
            objective: climb.objective(),
            trace: climb.outline(TRACE),
            mixture: climb.mixture.clone(),
        })
        .collect();
    let of_restart = |(restart, run): (usize, &Run)| {
        run.climb.singularities.iter().cloned().map(move |event| Singularity { restart, ..event }).collect::<Vec<_>>()
    };
    let modes = modes(&restarts, model, data.n(), &plan);
    let singularities = runs.iter().enumerate().flat_map(of_restart).collect();
    let mut best: Option<(usize, Stop, Climb, Model)> = None;
    let mut collapses = Vec::new();
    let mut decreased = None;
    for (index, Run { climb, model, .. }) in runs.into_iter().enumerate() {
        match &climb.outcome {
            Outcome::Collapsed(collapse) => collapses.push(collapse.clone()),
            Outcome::Decreased { iteration, from, to } => {
                decreased.get_or_insert(EmError::Decreased { iteration: *iteration, from: *from, to: *to });
            }
            Outcome::Stopped(stop) => {
                if best.as_ref().is_none_or(|(_, _, other, _)| climb.objective() > other.objective()) {
                    best = Some((index, *stop, climb, model));
                }
            }
        }
    }
    let Some((best, stop, climb, model)) = best else {
        return Err(decreased.unwrap_or(EmError::AllCollapsed { collapses, singularities }));
    };
    let n_parameters = model.n_parameters();
    Ok(PointEstimate {
        objective: climb.objective(),
        ln_likelihood: climb.ln_likelihood,
        criteria: Criteria::new(climb.ln_likelihood, climb.ln_classification, n_parameters, data.n()),
        n_parameters,
        model,
        stop,
        aitken_limit: climb.aitken_limit,
        mixture: climb.mixture,
        trace: climb.trace,
        parts: climb.parts,
        iterations: climb.iterations,
        log_every: climb.log_every,
        best,
        restarts,
        singularities,
        modes,
    })
}

/// What one restart came to.
pub(crate) struct Run {
    start: Start,
    /// All its climbs as one.
    pub(crate) climb: Climb,
    /// The model of where it ended.
    model: Model,
}

/// One restart.
pub(crate) fn run<A: Ascent>(
    (model, data): (&Model, &Data),
    settings: &A,
    streams: &Streams,
    restart: usize,
    workspace: &mut Workspace,
    progress: &(dyn Fn(Progress) + Sync),
    observer: &mut dyn Observer,
) -> Result<Run, EmError> {
    let plan = settings.plan();
    let (mut rng, streams) = (streams.rng(restart as u64), streams.split(restart as u64));
    let Drawn { mixture, start, sweeps } = draw(&plan, restart, model, data, &mut rng, workspace)?;
    let mut climb = |model: &Model, start: Mixture, passed: usize, observer: &mut dyn Observer| {
        let mut report = |step: Step<'_>| {
            let (iteration, objective) = (passed + step.iteration, step.objective);
            progress(Progress { restart, iteration, objective, finished: false });
            observer.see(passed, step);
        };
        settings.climb(model, data, start, &streams, workspace, &mut report)
    };
    let mut model = model.clone();
    let mut remedy = Remedy::new(plan.singularities);
    let mut escapes = ESCAPES;
    let mut result = climb(&model, mixture, 0, observer);
    observer.keep();
    result.sweeps += sweeps;
    loop {
        match &result.outcome {
            Outcome::Collapsed(collapse) => {
                let (action, next) = remedy.of(collapse, &result.mixture, &model, data);
                if let Some(event) = result.singularities.last_mut() {
                    event.action = action;
                }
                let Some((smaller_or_same, start)) = next else { break };
                model = smaller_or_same;
                let next = climb(&model, start, result.iterations, observer);
                observer.keep();
                result = result.followed_by(next);
            }
            Outcome::Stopped(Stop::Converged) if escapes > 0 => {
                escapes -= 1;
                let pair = equal_pair(&result.mixture);
                let apart = pair.and_then(|pair| split(&result.mixture, pair, model.structure(), &mut rng));
                let numbered = model.best_numbering(&result.mixture).filter(|_| plan.objective == Objective::Posterior);
                let Some(start) = apart.or(numbered) else { break };
                let other = climb(&model, start, result.iterations, observer);
                if matches!(other.outcome, Outcome::Stopped(_)) && other.objective() > result.objective() {
                    observer.keep();
                    result = result.followed_by(other);
                } else {
                    observer.leave();
                    result.sweeps += other.sweeps;
                }
            }
            Outcome::Stopped(_) | Outcome::Decreased { .. } => break,
        }
    }
    let (iteration, objective) = (result.iterations, result.objective());
    progress(Progress { restart, iteration, objective, finished: true });
    Ok(Run { start, climb: result, model })
}
