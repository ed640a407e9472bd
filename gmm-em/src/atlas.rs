//! The mode atlas: the distinct optima that the restarts reached, and how often each.

use gmm_core::{Mixture, Model, optimal_assignment};

use crate::divergence::{divergence, divergence_of_means};
use crate::{CollapseReason, Objective, Outcome, Plan, Restart, Stop};

/// Two components whose divergence is no more than this are the same: for one covariance, means within 0.1 standard
/// deviations.
const SAME: f64 = 0.01;

/// The objectives of two climbs to one optimum agree within this many times what the tolerance leaves to each.
const SLACK: f64 = 10.0;

/// What rounding may leave to a climb, relative to 1 + |objective|, whatever the tolerance.
const ROUNDING: f64 = 1e-9;

/// A restart is compared with no more than this many modes of nearly its objective.
const NEIGHBOURS: usize = 64;

/// Where restarts ended together.
#[derive(Debug, Clone, PartialEq)]
pub struct Mode {
    /// What it is.
    pub kind: ModeKind,
    /// The highest objective of its restarts; of a collapse it says nothing.
    pub objective: f64,
    /// Where that restart ended.
    pub mixture: Mixture,
    /// The restarts that ended here, from 0, ascending; at least one.
    pub restarts: Vec<usize>,
}

/// What restarts ended in.
#[derive(Debug, Clone, PartialEq)]
pub enum ModeKind {
    /// A local optimum: at least one of its restarts converged.
    Optimum,
    /// A place where all its restarts ran out of iterations.
    Unfinished,
    /// Components that collapsed for the same reason, with the numbers of the first restart.
    Collapsed(CollapseReason),
    /// Objectives that fell.
    Decreased,
}

impl Mode {
    /// Whether a component collapsed.
    pub fn is_collapsed(&self) -> bool {
        matches!(self.kind, ModeKind::Collapsed(_))
    }
}

/// The modes that `restarts` reached by a plan on `n` rows, best objective first; then the collapses, one entry for each
/// reason; then the climbs whose objective fell, one entry. Each restart is in one of them.
///
/// Restarts that converged or ran out of iterations ended together if
///
/// - their objectives agree within `10 max(tolerance, 1e-9) (1 + |objective|)` = b, and
/// - their components agree in pairs, in an order of which only components of equal concentration are exchanged (any, for
///   the likelihood): with J the symmetrised Kullback-Leibler divergence of two components, weights v and w, and their
///   mean u,
///
/// ```text
/// J + 4 (sqrt(v) - sqrt(w))^2 / u  <=  0.01 + (1 + b) / (n u)
/// ```
///
/// which units and offsets of the columns do not change. The second term on the left is the square of a small relative
/// difference of weights. That on the right lets components differ by what all their rows could hardly tell apart, one
/// unit of log-likelihood, and leaves a component of no rows free. Objectives alone do not do: where data are symmetric
/// there are optima of equal objective. Components that became equal can share their weight in any way, so climbs that
/// ended so, at the symmetric saddle, may be entries of their own.
///
/// Mixtures of different numbers of components, where some were removed, are not the same.
///
/// Collapses are not told apart by where they are: a likelihood that grows without bound has no optimum there.
///
/// Of modes of nearly the same objective a restart is compared with the latest 64, so the time grows no faster than in
/// proportion to the restarts, but for their sorting.
pub fn modes(restarts: &[Restart], model: &Model, n: usize, plan: &Plan) -> Vec<Mode> {
    let concentration = match plan.objective {
        Objective::Likelihood => vec![1.0; model.k()],
        Objective::Posterior => model.prior().weights.concentration().to_vec(),
    };
    let mut order: Vec<usize> = (0..restarts.len()).filter(|&r| stop(&restarts[r]).is_some()).collect();
    order.sort_by(|&a, &b| restarts[b].objective.total_cmp(&restarts[a].objective).then(a.cmp(&b)));

    let mut modes: Vec<Mode> = Vec::new();
    for r in order {
        let restart = &restarts[r];
        let bound = SLACK * plan.tolerance.max(ROUNDING) * (1.0 + restart.objective.abs());
        let near = modes.iter_mut().rev().take(NEIGHBOURS).take_while(|m| m.objective - restart.objective <= bound);
        let kind = match stop(restart) {
            Some(Stop::Converged) => ModeKind::Optimum,
            _ => ModeKind::Unfinished,
        };
        let mut near = near.filter(|mode| agree(&mode.mixture, &restart.mixture, &concentration, (n, bound)));
        match near.next() {
            Some(mode) => {
                mode.restarts.push(r);
                if kind == ModeKind::Optimum {
                    mode.kind = kind;
                }
            }
            None => modes.push(mode_of(kind, r, restart)),
        }
    }
    modes.iter_mut().for_each(|mode| mode.restarts.sort_unstable());

    let ends = modes.len();
    for (r, restart) in restarts.iter().enumerate() {
        let kind = match &restart.outcome {
            Outcome::Stopped(_) => continue,
            Outcome::Collapsed(collapse) => ModeKind::Collapsed(collapse.reason.clone()),
            Outcome::Decreased { .. } => ModeKind::Decreased,
        };
        match modes[ends..].iter_mut().find(|mode| rank(&mode.kind) == rank(&kind)) {
            Some(mode) => {
                mode.restarts.push(r);
                if restart.objective > mode.objective {
                    mode.objective = restart.objective;
                    mode.mixture.clone_from(&restart.mixture);
                }
            }
            None => modes.push(mode_of(kind, r, restart)),
        }
    }
    modes[ends..].sort_by_key(|mode| rank(&mode.kind));
    modes
}

fn mode_of(kind: ModeKind, r: usize, restart: &Restart) -> Mode {
    Mode { kind, objective: restart.objective, mixture: restart.mixture.clone(), restarts: vec![r] }
}

fn stop(restart: &Restart) -> Option<Stop> {
    match restart.outcome {
        Outcome::Stopped(stop) => Some(stop),
        Outcome::Collapsed(_) | Outcome::Decreased { .. } => None,
    }
}

/// The order of the kinds; collapses of one reason have the same.
fn rank(kind: &ModeKind) -> usize {
    match kind {
        ModeKind::Optimum | ModeKind::Unfinished => 0,
        ModeKind::Collapsed(CollapseReason::Eigenvalue { .. }) => 1,
        ModeKind::Collapsed(CollapseReason::EffectiveRows { .. }) => 2,
        ModeKind::Collapsed(CollapseReason::Singular) => 3,
        ModeKind::Collapsed(CollapseReason::NotFinite) => 4,
        ModeKind::Decreased => 5,
    }
}

/// Whether the components of two mixtures agree in pairs of equal concentration, see [`modes`].
fn agree(left: &Mixture, right: &Mixture, concentration: &[f64], (n, bound): (usize, f64)) -> bool {
    if left == right {
        return true;
    }
    let k = left.k();
    // Of mixtures that lost components to a policy it is not kept which concentrations were left.
    let lost = k != concentration.len();
    if k != right.k() || (lost && concentration.iter().any(|a| *a != concentration[0])) {
        return false;
    }
    // Of the largest difference that is allowed: at most 1 where two components agree.
    let fraction = |a: usize, b: usize| -> f64 {
        let (v, w) = (left.weights()[a], right.weights()[b]);
        let u = 0.5 * (v + w);
        if u == 0.0 {
            return 0.0;
        }
        let most = SAME + (1.0 + bound) / (n as f64 * u);
        let weights = 4.0 * (v.sqrt() - w.sqrt()).powi(2) / u;
        // What costs least first.
        if (!lost && concentration[a] != concentration[b])
            || weights > most
            || weights + divergence_of_means((left, a), (right, b)) > most
        {
            return f64::INFINITY;
        }
        (weights + divergence((left, a), (right, b))) / most
    };
    // With a cost that no K pairs which agree add up to, the cheapest assignment avoids all others if one can.
    let apart = 2.0 * k as f64;
    let mut costs = Vec::with_capacity(k * k);
    for a in 0..k {
        let start = costs.len();
        costs.extend((0..k).map(|b| fraction(a, b)).map(|cost| if cost <= 1.0 { cost } else { apart }));
        if costs[start..].iter().all(|cost| *cost == apart) {
            return false;
        }
    }
    optimal_assignment(&costs, k).iter().enumerate().all(|(a, b)| costs[a * k + b] <= 1.0)
}
