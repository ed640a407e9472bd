//! The way of a fit, repeated for those who want to see it: it costs one more climb, or some scans.

use gmm_core::{Data, Mixture, Model, Streams};
use gmm_em::{Ascent, PointEstimate};
use gmm_mcmc::{Draws, Gibbs};

use crate::fitted::Seen;

/// The most moments of a film.
const MOST: usize = 60;
/// Components of all moments together, in the plane and in one dimension, where each is a curve of many points.
const MOST_ELLIPSES: usize = 2000;
const MOST_CURVES: usize = 250;
/// Products of rows, components and entries of a covariance that are computed once more: one or two seconds.
const MOST_WORK: f64 = 1e10;

/// How many moments a film of K components in d columns has at most.
fn most(k: usize, d: usize) -> usize {
    let all = if d == 1 { MOST_CURVES } else { MOST_ELLIPSES };
    (all / (k + 1)).clamp(8, MOST)
}

/// An error in words, if so many passes over the rows are too much.
fn affordable(passes: usize, data: &Data, k: usize) -> Result<(), String> {
    let (n, d) = (data.n(), data.d());
    let work = passes as f64 * n as f64 * k as f64 * ((d + 1) * (d + 2) / 2) as f64;
    match work > MOST_WORK {
        true => Err(format!("{passes} more passes over {n} rows would take long")),
        false => Ok(()),
    }
}

/// The climb that led to an estimate, whose components are listed in `order`.
///
/// # Errors
/// Why there is none, in words.
pub(crate) fn of_point<A: Ascent>(
    model: &Model,
    data: &Data,
    settings: &A,
    streams: &Streams,
    estimate: &PointEstimate,
    order: &[usize],
) -> Result<Vec<Seen>, String> {
    affordable(estimate.restarts.get(estimate.best).map_or(0, |restart| restart.sweeps), data, model.k())?;
    let frames = gmm_em::trajectory(model, data, settings, streams, estimate, most(model.k(), model.d()));
    let seen = |frame: gmm_em::Frame| {
        // Components that were removed later come last.
        let order: Vec<usize> = order.iter().copied().chain(order.len()..frame.mixture.k()).collect();
        Seen { number: frame.iteration, objective: frame.objective, mixture: frame.mixture.permuted(&order) }
    };
    Ok(frames.map_err(|error| error.to_string())?.into_iter().map(seen).collect())
}

/// The first scans of a chain: the second, if there is one, which does not start at an optimum.
///
/// # Errors
/// Why there is none, in words.
pub(crate) fn of_posterior(
    draws: &Draws,
    data: &Data,
    settings: &Gibbs,
    optima: &[Mixture],
    streams: &Streams,
) -> Result<Vec<Seen>, String> {
    let (k, d) = (draws.model().k(), draws.model().d());
    let rungs = settings.tempering.map_or(1, |tempering| tempering.rungs);
    let most = most(k, d);
    affordable(most * rungs, data, k)?;
    let chain = 1.min(draws.chains().len() - 1);
    let frames = gmm_mcmc::trajectory(draws, data, settings, optima, streams, chain, most);
    let seen =
        |frame: gmm_mcmc::Frame| Seen { number: frame.scan, objective: frame.ln_posterior, mixture: frame.mixture };
    Ok(frames.map_err(|error| error.to_string())?.into_iter().map(seen).collect())
}

#[cfg(test)]
mod tests {
    use crate::config::parse;
    use crate::progress::Progress;
    use crate::resolve::resolve;
    use crate::run::{run, run_filmed};

    #[test]
    fn a_film_of_a_climb_ends_at_the_estimate_as_it_is_listed() {
        // Of twenty seeds some list components otherwise than the climb numbered them.
        for seed in 0..20 {
            let text = format!(
                "Experiment(name: \"e\", seed: {seed}, data: Simulate(n: 90, mixture: (weights: [0.5, 0.3, 0.2], \
                 means: [[0, 0], [6, 0], [0, 6]], covariances: [Isotropic(1), Isotropic(1), Isotropic(1)])), \
                 model: (components: 3, covariance: Free(Full)), \
                 fits: [Em(restarts: 3), Gibbs(chains: 2, warmup: 5, draws: 10)])"
            );
            let (written, source) = parse("test.ron", &text).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let experiment = resolve(written, &source, folder.path(), folder.path()).unwrap();
            let filmed = |fit: usize| run_filmed(&experiment, &experiment.fits[fit], &Progress::hidden()).unwrap();
            let (point, posterior) = (filmed(0), filmed(1));
            let film = point.film.as_ref().unwrap().as_ref().unwrap();
            let last = film.last().unwrap();
            assert_eq!((&last.mixture, last.objective), (&point.mixture, point.ln_likelihood), "seed {seed}");
            assert!(film.len() > 1 && film.windows(2).all(|two| two[0].number < two[1].number));
            // The start and fifteen scans, the last of which are the draws of the second chain.
            let (film, gibbs) = (posterior.film.unwrap().unwrap(), posterior.gibbs.unwrap());
            assert_eq!(film.len(), 16);
            for (seen, ln_posterior) in film[6..].iter().zip(&gibbs.draws.chains()[1].ln_posterior) {
                assert_eq!(seen.objective, *ln_posterior);
            }
            let plain = run(&experiment, &experiment.fits[0], &Progress::hidden()).unwrap();
            assert!(plain.film.is_none() && plain.mixture == point.mixture);
        }
    }
}
