//! Bootstraps: the estimate refitted on simulated rows, or on rows with random weights.

use gmm_core::{Data, Mixture, Model, Rule, Streams, Workspace, match_mixture, sweep};
use rand_distr::{Distribution, Exp1};
use rayon::prelude::*;

use crate::collapse::find;
use crate::{CollapseRule, Coordinates, Objective};

/// What replicates differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resampling {
    /// As many rows drawn from the estimate (Efron & Tibshirani 1993, section 6.5).
    Parametric,
    /// The same rows, with weights n Dirichlet(1, ..., 1) (Rubin 1981, Newton & Raftery 1994).
    Weighted,
}

/// Iterations of EM after which a replicate is given up.
const MOST_ITERATIONS: usize = 10_000;

/// The steps to come that a refit may leave out, in columns of unit standard deviation times the root of n: a small
/// part of any standard error.
const TOLERANCE: f64 = 1e-5;

/// Refits the estimate `mixture` on as many replicates as `n`, replicate r with the random numbers of
/// `streams.split(r)`; `None` where a refit collapsed or did not converge. Labels are those of the estimate. In the
/// current rayon pool; the results do not depend on the number of threads.
pub(crate) fn replicates(
    (model, objective, collapse): (&Model, Objective, &CollapseRule),
    data: &Data,
    mixture: &Mixture,
    (resampling, n): (Resampling, usize),
    streams: &Streams,
) -> Vec<Option<Mixture>> {
    let fitted = if objective == Objective::Likelihood { model.without_prior() } else { model.clone() };
    let exchangeable = fitted.prior().weights.is_symmetric();
    (0..n as u64)
        .into_par_iter()
        .map_init(Workspace::new, |workspace, r| {
            let mut rng = streams.split(r).rng(0);
            let refitted = match resampling {
                Resampling::Parametric => {
                    let mut values = vec![0.0; data.values().len()];
                    for row in values.chunks_exact_mut(data.d()) {
                        mixture.sample(&mut rng, row);
                    }
                    let rows = Data::new(values, data.d()).ok()?;
                    refit((&fitted, collapse), &rows, None, mixture, workspace)?
                }
                Resampling::Weighted => {
                    let mut weights: Vec<f64> = (0..data.n()).map(|_| Exp1.sample(&mut rng)).collect();
                    let mean = weights.iter().sum::<f64>() / data.n() as f64;
                    weights.iter_mut().for_each(|w| *w /= mean);
                    refit((&fitted, collapse), data, Some(&weights), mixture, workspace)?
                }
            };
            match match_mixture(&refitted, mixture).filter(|_| exchangeable) {
                Some(order) => Some(refitted.permuted(&order)),
                None => Some(refitted),
            }
        })
        .collect()
}

/// Where EM from `start` converges: when the step of an iteration *and* the steps to come, were they to shrink as the
/// last two did, are small in every coordinate. `None` if it collapses on the way or does not converge.
fn refit(
    (model, collapse): (&Model, &CollapseRule),
    data: &Data,
    weights: Option<&[f64]>,
    start: &Mixture,
    workspace: &mut Workspace,
) -> Option<Mixture> {
    let mut coordinates = Coordinates::new(model, data);
    let (mut x, mut before) = (vec![0.0; coordinates.n()], vec![0.0; coordinates.n()]);
    let mut statistics = model.blank_statistics();
    let mut posterior = model.posterior(&statistics);
    let mut mixture = start.clone();
    coordinates.write(&mixture, &mut x);
    let bound = TOLERANCE / (data.n() as f64).sqrt();
    // Of the first step it is not known how the next will shrink.
    let mut last = 0.0;
    for _ in 0..MOST_ITERATIONS {
        let rule = weights.map_or(Rule::Responsibilities, |weights| Rule::Weighted { weights });
        sweep(data, &mixture, rule, &mut statistics, workspace);
        posterior.update(&statistics);
        posterior.mode(&mut mixture).ok()?;
        std::mem::swap(&mut x, &mut before);
        coordinates.write(&mixture, &mut x);
        let step = x.iter().zip(&before).map(|(x, before)| (x - before).abs()).fold(0.0, f64::max);
        // Written so that NaN is found.
        if !x.iter().all(|x| x.is_finite()) {
            return None;
        }
        let to_come = if step < last { step * step / (last - step) } else { f64::INFINITY };
        if step == 0.0 || (step <= bound && to_come <= bound) {
            let sds = data.standard_deviations();
            let found = find(collapse, model, &mixture, statistics.weights(), sds);
            return found.is_none().then_some(mixture);
        }
        last = step;
    }
    None
}
