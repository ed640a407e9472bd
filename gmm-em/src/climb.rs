//! One ascent of EM from a given mixture: sweep, posterior mode, extrapolation if asked for, repeat.

use gmm_core::{Covariance, Data, Mixture, Model, SeedingError, Shape, Workspace};
use thiserror::Error;

use crate::collapse::{Collapse, CollapseReason, find};
use crate::ledger::Ledger;
use crate::map::{Height, Map};
use crate::squarem::Squarem;
use crate::{Acceleration, Action, Ascent, Em, Ending, Singularity, StartError, Step, Stop};

/// Why a fit cannot run, or has no result.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum EmError {
    /// There are no starting points.
    #[error(transparent)]
    Seeding(#[from] SeedingError),
    /// The given start does not fit the model.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A setting is out of range.
    #[error("{name} is {value}: it must be {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A concentration below 1 has no interior mode.
    #[error(
        "concentration {component} is {value}: below 1 the posterior of the weights has its mode on the boundary; \
         use at least 1, or sample the posterior"
    )]
    Concentration {
        /// The component, from 0.
        component: usize,
        /// The concentration.
        value: f64,
    },
    /// A column does not vary, so the likelihood has no maximum.
    #[error(
        "column {column} is constant, so the likelihood grows without bound: drop the column, \
         or maximise the posterior with a prior"
    )]
    ConstantColumn {
        /// The column, from 0.
        column: usize,
    },
    /// There are no more distinct rows than components: a component sits on each, and the likelihood has no maximum.
    #[error(
        "only {distinct} distinct rows for {k} components, so the likelihood grows without bound: use fewer \
         components, or maximise the posterior with a prior"
    )]
    FewDistinctRows {
        /// Number of distinct rows.
        distinct: usize,
        /// Number of components.
        k: usize,
    },
    /// No restart survived, and the objective of one fell by more than rounding explains: a fault of the program or of
    /// extreme data.
    #[error("iteration {iteration}: the objective fell from {from} to {to}, and no restart reached an optimum")]
    Decreased {
        /// The iteration, from 1.
        iteration: usize,
        /// The objective before.
        from: f64,
        /// The objective after.
        to: f64,
    },
    /// Every restart collapsed.
    #[error(
        "all {} restarts collapsed (the first: {}): the likelihood has no useful maximum here. Put a prior on the \
         components and maximise the posterior, tie the covariances, or use fewer components",
        collapses.len(),
        collapses.first().map(ToString::to_string).unwrap_or_default()
    )]
    AllCollapsed {
        /// The collapse of each restart, in order.
        collapses: Vec<Collapse>,
        /// The near-singular events of all restarts, in order.
        singularities: Vec<Singularity>,
    },
}

/// How a climb ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// At a mixture that is kept.
    Stopped(Stop),
    /// At a component that collapsed.
    Collapsed(Collapse),
    /// At an objective that fell by more than rounding explains.
    Decreased {
        /// The iteration, from 1.
        iteration: usize,
        /// The objective before.
        from: f64,
        /// The objective after.
        to: f64,
    },
}

/// One climb, by EM or along gradients, or several of which each went on from the last.
#[derive(Debug, Clone, PartialEq)]
pub struct Climb {
    /// The last mixture.
    pub mixture: Mixture,
    /// How it ended.
    pub outcome: Outcome,
    /// The objective at the start and after every `log_every` iterations; the last entry is that of `mixture`. Of several
    /// climbs one after the other, each with start and end.
    pub trace: Vec<f64>,
    /// Where in `trace` climbs begin: 0, and where others went on from another mixture.
    pub parts: Vec<usize>,
    /// Iterations taken: M-steps, or steps of the optimiser.
    pub iterations: usize,
    /// Iterations from one entry of the trace to the next, for EM 1; fewer before the last of a climb.
    pub log_every: usize,
    /// Passes over all rows.
    pub sweeps: usize,
    /// The log-likelihood at `mixture`.
    pub ln_likelihood: f64,
    /// `sum_i ln max_k r_ik` at `mixture`.
    pub ln_classification: f64,
    /// The limit of the objective: by Aitken's extrapolation of the last three values, a bound with
    /// [`Squarem`](Acceleration::Squarem), or what the optimiser expects (infinite with minibatches).
    pub aitken_limit: f64,
    /// The near-singular events in their order, a collapse last.
    pub singularities: Vec<Singularity>,
}

impl Climb {
    /// The way to the end in at most `most` pairs of iterations and objectives, in order: the first and the last entry of
    /// the trace, and of the others as many from each power of two of iterations as from the next, all while they are few. Where
    /// several climbs with records of more than one iteration follow each other, iterations are those of the records.
    ///
    /// ```text
    /// entry t is kept if floor(c ln(1 + t)) < floor(c ln(2 + t)),   c = (most - 2) / ln(1 + entries)
    /// ```
    pub fn outline(&self, most: usize) -> Vec<(usize, f64)> {
        let n = self.trace.len();
        let scale = most.saturating_sub(2) as f64 / (1.0 + n as f64).ln();
        let step = |t: usize| (scale * (1.0 + t as f64).ln()).floor();
        let is_kept = |t: usize| t + 1 == n || n <= most || t == 0 || step(t) < step(t + 1);
        let mut kept = Vec::new();
        let (mut passed, mut parts) = (0, self.parts.iter().peekable());
        for (t, objective) in self.trace.iter().enumerate() {
            // Where a climb begins that follows another one, the iteration is the one that the other ended with.
            let begins = parts.next_if(|part| **part == t).is_some();
            passed += if begins || t == 0 { 0 } else { self.log_every };
            let iteration = if t + 1 == n { self.iterations } else { passed.min(self.iterations) };
            if is_kept(t) {
                kept.push((iteration, *objective));
            }
        }
        kept
    }

    /// The objective at `mixture`.
    pub fn objective(&self) -> f64 {
        self.trace.last().copied().unwrap_or(f64::NEG_INFINITY)
    }

    /// This climb and the next, which started where this one led, as one: both records, iterations counted on, and the
    /// end of the next.
    pub fn followed_by(self, next: Self) -> Self {
        let (passed, recorded) = (self.iterations, self.trace.len());
        let later = |event: Singularity| Singularity { iteration: event.iteration + passed, ..event };
        let mut joined = next;
        joined.trace.splice(0..0, self.trace);
        let parts = joined.parts.into_iter().map(|part| part + recorded);
        joined.parts = self.parts.into_iter().chain(parts).collect();
        joined.singularities =
            self.singularities.into_iter().chain(joined.singularities.into_iter().map(later)).collect();
        match &mut joined.outcome {
            Outcome::Collapsed(Collapse { iteration, .. }) | Outcome::Decreased { iteration, .. } => {
                *iteration += passed
            }
            Outcome::Stopped(_) => {}
        }
        joined.iterations += passed;
        joined.sweeps += self.sweeps;
        joined
    }
}

/// Climbs from `start` (of the model's structure), calling `progress(iteration, objective)` at each iteration.
///
/// The objective must not fall: by more than `(1e-12 + eps c) (n d + |objective|)`, where c is the largest condition
/// number of a covariance (estimated from its factor), the outcome is [`Outcome::Decreased`]; a fall within that bound
/// is rounding and ends the climb as converged. Under [`Singularities::Regularise`](crate::Singularities::Regularise)
/// falls are allowed up to the bound given there. A policy that acts in M-steps holds the start as well. Settings and
/// data are checked by [`check`].
pub fn climb(
    model: &Model,
    data: &Data,
    start: Mixture,
    settings: &Em,
    workspace: &mut Workspace,
    mut progress: impl FnMut(usize, f64),
) -> Climb {
    climb_in_steps(model, data, start, settings, workspace, &mut |step| progress(step.iteration, step.objective))
}

/// [`climb`] that shows the mixtures as well.
pub(crate) fn climb_in_steps(
    model: &Model,
    data: &Data,
    start: Mixture,
    settings: &Em,
    workspace: &mut Workspace,
    progress: &mut dyn FnMut(Step<'_>),
) -> Climb {
    let mut map = Map::new(model, data, settings.objective, settings.singularities, workspace);
    let mut ledger = Ledger::new(&settings.collapse, model, data);
    let sds = data.standard_deviations();
    let mut mixture = start;
    map.admit(&mut mixture);
    let mut trace = Vec::new();
    let mut spare = mixture.clone();
    let mut squarem = match settings.acceleration {
        Acceleration::None => None,
        Acceleration::Squarem => Some(Squarem::new(map.model(), data)),
    };
    let (outcome, totals) = loop {
        let Height { objective, totals } = map.expect(&mixture);
        if squarem.as_mut().is_some_and(|squarem| squarem.rejects(objective, &trace, &mut mixture)) {
            continue;
        }
        let iteration = trace.len();
        let collapsed = |component, reason| Outcome::Collapsed(Collapse { component, iteration, reason });
        let found = |map: &Map<'_>| match map.is_constrained() {
            // The constraint is the remedy.
            true => None,
            false => find(&settings.collapse, map.model(), &mixture, map.effective_rows(), sds),
        };
        if !objective.is_finite() {
            break (collapsed(thinnest(&mixture, sds), CollapseReason::NotFinite), totals);
        }
        if let Some(&before) = trace.last() {
            let size = (data.n() * data.d()) as f64 + objective.abs();
            let rounding = (1e-12 + f64::EPSILON * worst_condition(&mixture)) * size;
            if objective < before - rounding - map.most_fall() {
                // On the way into a singularity rounding has no bound: that is a collapse, not a fault.
                let outcome = match found(&map) {
                    Some((component, reason)) => collapsed(component, reason),
                    None => Outcome::Decreased { iteration, from: before, to: objective },
                };
                break (outcome, totals);
            }
        }
        trace.push(objective);
        progress(Step { iteration, objective, mixture: &mixture });
        if let Some(squarem) = &mut squarem {
            squarem.see(&trace);
        }
        let converged = match map.may_fall() {
            true => has_settled(&trace, settings.tolerance),
            false => has_converged(&trace, limit(&trace, &squarem), settings.tolerance),
        };
        if converged || iteration == settings.max_iterations {
            let stop = if converged { Stop::Converged } else { Stop::MaxIterations };
            let outcome = match found(&map) {
                Some((component, reason)) => collapsed(component, reason),
                None => Outcome::Stopped(stop),
            };
            break (outcome, totals);
        }
        let ended = map.maximise(&mut spare);
        map.show(&mut ledger, iteration + 1);
        if let Err(degenerate) = ended {
            break (collapsed(degenerate.component, CollapseReason::Singular), totals);
        }
        if let Some(squarem) = &mut squarem
            && squarem.propose(&mixture, &mut spare, map.posterior())
        {
            map.admit(&mut spare);
        }
        std::mem::swap(&mut mixture, &mut spare);
    };
    if let Outcome::Collapsed(Collapse { component, iteration, reason }) = &outcome {
        let ending = if map.is_constrained() { Ending::OutOfRange } else { Ending::Policy };
        let mode = (*reason == CollapseReason::Singular).then(|| map.unconstrained(*component));
        let covariance = mode.as_ref().unwrap_or(mixture.covariance(*component).as_symmetric());
        let action = Action::RestartEnded(ending);
        ledger.collapse(*iteration, *component, Some(map.effective_rows()), Some(covariance), action);
    }
    Climb {
        mixture,
        outcome,
        aitken_limit: match map.may_fall() {
            true => settled_limit(&trace),
            false => limit(&trace, &squarem),
        },
        iterations: trace.len().saturating_sub(1),
        trace,
        parts: vec![0],
        log_every: 1,
        sweeps: map.sweeps(),
        ln_likelihood: totals.ln_likelihood,
        ln_classification: totals.ln_classification,
        singularities: ledger.into_events(),
    }
}

/// Checks what [`fit`](crate::fit) takes for granted, without running it.
///
/// # Errors
/// [`EmError`]: settings out of range, a given start that does not fit, a concentration below 1, fewer rows than
/// components, or data whose likelihood has no maximum.
pub fn check<A: Ascent>(model: &Model, data: &Data, settings: &A) -> Result<(), EmError> {
    settings.check(model, data)
}

/// The last gain and all gains to come up to the limit are within the tolerance. Gains that rounding swallows count as
/// convergence.
fn has_converged(trace: &[f64], limit: f64, tolerance: f64) -> bool {
    let [.., before, last] = trace else { return false };
    let (gain, bound) = (last - before, tolerance * (1.0 + last.abs()));
    gain <= 0.0 || (gain <= bound && limit - last <= bound)
}

/// The limit of the objective.
fn limit(trace: &[f64], squarem: &Option<Squarem>) -> f64 {
    squarem.as_ref().map_or_else(|| aitken_limit(trace), |squarem| squarem.limit(trace))
}

/// Aitken's limit of a linearly converging sequence, from its last three values; infinite where gains do not shrink.
///
/// ```text
/// l_inf = l_t + (l_t - l_{t-1}) a / (1 - a),   a = (l_t - l_{t-1}) / (l_{t-1} - l_{t-2})
/// ```
fn aitken_limit(trace: &[f64]) -> f64 {
    match trace {
        [.., a, b, c] => {
            let (earlier, gain) = (b - a, c - b);
            match gain {
                gain if gain <= 0.0 => *c,
                gain if gain >= earlier => f64::INFINITY,
                gain => c + gain * gain / (earlier - gain),
            }
        }
        [.., last] if trace.len() == 1 => *last,
        _ => f64::INFINITY,
    }
}

/// The last two changes, of either sign, and, extrapolated as a geometric series, all to come are within the tolerance.
/// Below a rounding or two of the objective there is nothing to extrapolate.
fn has_settled(trace: &[f64], tolerance: f64) -> bool {
    let [.., a, b, c] = trace else { return false };
    let (earlier, change) = ((b - a).abs(), (c - b).abs());
    let (bound, rounding) = (tolerance * (1.0 + c.abs()), 4.0 * f64::EPSILON * c.abs());
    let within = |change: f64| change <= bound.max(rounding);
    within(earlier) && within(change) && (change <= rounding || within((settled_limit(trace) - c).abs()))
}

/// [`aitken_limit`] of a sequence that may fall.
fn settled_limit(trace: &[f64]) -> f64 {
    match trace {
        [.., a, b, c] if c < b => -aitken_limit(&[-a, -b, -c]),
        _ => aitken_limit(trace),
    }
}

/// The largest condition number of a covariance, estimated from its factor: the ratio of the entries on the diagonal, or
/// the largest `S_jj inverse(S)_jj`, by which rounding of the columns is inflated whatever their units.
fn worst_condition(mixture: &Mixture) -> f64 {
    let condition = |covariance: &Covariance| {
        let (d, shape, whitener) = (covariance.d(), covariance.shape(), covariance.whitener());
        let entry = |i: usize, j: usize| shape.index(i, j).map_or(1.0, |index| whitener[index]);
        let range = |(a, b): (f64, f64), t: f64| (t.min(a), t.max(b));
        let (least, most) = (0..d).map(|i| entry(i, i)).fold((f64::INFINITY, 0.0), range);
        let inflation = |j: usize| match shape {
            Shape::Full => {
                let precision = (j..d).map(|i| entry(i, j).powi(2)).sum::<f64>();
                covariance.as_symmetric().get(j, j) * precision
            }
            Shape::Diagonal | Shape::Isotropic => 1.0,
        };
        (0..d).map(inflation).fold((most / least).powi(2), f64::max)
    };
    mixture.covariances().iter().map(condition).fold(1.0, f64::max)
}

/// The component whose covariance has the smallest eigenvalue on scaled data.
pub(crate) fn thinnest(mixture: &Mixture, sds: &[f64]) -> usize {
    let eigenvalues: Vec<f64> = mixture.covariances().iter().map(|c| c.smallest_scaled_eigenvalue(sds)).collect();
    (0..eigenvalues.len()).min_by(|&a, &b| eigenvalues[a].total_cmp(&eigenvalues[b])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_aitken_limit_of_a_geometric_series_is_its_limit() {
        let trace: Vec<f64> = (0..10).map(|t| 5.0 - 0.5f64.powi(t)).collect();
        assert!((aitken_limit(&trace) - 5.0).abs() < 1e-12);
        assert!(!has_converged(&trace, aitken_limit(&trace), 1e-4));
        assert!(has_converged(&trace, aitken_limit(&trace), 1e-3));
    }

    #[test]
    fn a_sequence_that_may_fall_settles_at_its_limit_from_either_side() {
        let falling: Vec<f64> = (0..10).map(|t| 5.0 + 0.5f64.powi(t)).collect();
        assert!((settled_limit(&falling) - 5.0).abs() < 1e-12);
        assert!(!has_settled(&falling, 1e-4) && has_settled(&falling, 1e-3));
        let rising: Vec<f64> = falling.iter().map(|x| -x).collect();
        assert_eq!(settled_limit(&rising), -settled_limit(&falling));
        assert!(!has_settled(&rising, 1e-4) && has_settled(&rising, 1e-3));
        // Turning from rise to fall is no rest.
        assert!(!has_settled(&[0.0, 1.0, 1.0, 0.9], 1e-3));
        assert!(has_settled(&[1.0, 1.0, 1.0], 0.0));
    }

    #[test]
    fn slow_progress_is_not_mistaken_for_convergence() {
        // Gains of 1e-8 that shrink by 1e-5 each: a hundred thousand times more is to come.
        let trace: Vec<f64> = (0..5).map(|t| -1e-3 * 0.99999f64.powi(t)).collect();
        assert!(trace[4] - trace[3] < 1.1e-8);
        assert!(!has_converged(&trace, aitken_limit(&trace), 1e-7));
    }
}
