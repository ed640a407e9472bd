//! The figures of the report: the fits over the data, and how each fit came to its result.

mod palette;

mod axis;
mod canvas;
mod clip;
mod panel;

mod plane;

mod chains;
mod checks;
mod climbs;
mod density;
mod evidence;
mod forest;
mod heat;
pub(super) mod learned;
mod pareto;
mod reconciled;
mod scatter;
mod tempering;

pub(super) mod picture;
pub(super) mod player;

pub(super) mod study;
pub(super) mod verification;

use gmm_core::{Data, Mixture};
use gmm_mcmc::Draws;
use rayon::prelude::*;

use crate::components;
use crate::experiment::Experiment;
use crate::fitted::Outcome;
use crate::posterior::GibbsDetail;
use crate::reconciled::Reconciliation;
use crate::report::page::{Figure, Key, KeyKind};
use palette::{Color, Marker};

impl Key {
    /// An entry without a sign.
    pub(super) fn new(kind: KeyKind, color: Color, text: impl Into<String>) -> Self {
        Self { kind, sign: "".into(), color: color.css(), text: text.into() }
    }
}

/// What stands for a component in figures and tables.
pub(super) fn key_of_component(component: usize) -> Key {
    let sign = Marker::of(component).sign();
    Key { sign: sign.into(), ..Key::new(KeyKind::Dot, Color::of(component), component.to_string()) }
}

/// All fits over the data in one figure: in one dimension; else one figure for each model with several fits or a posterior.
pub(super) fn of_fits_together(experiment: &Experiment, outcome: &Outcome) -> Vec<Figure> {
    match (outcome.fits.is_empty(), experiment.data.data.d()) {
        (true, _) => Vec::new(),
        (false, 1) => density::figures(&experiment.data, &outcome.fits),
        (false, _) => scatter::together(&experiment.data, &outcome.fits),
    }
}

/// Each fit over the data; in one dimension the figure of all says it.
pub(super) fn of_each_fit(experiment: &Experiment, outcome: &Outcome) -> Vec<Figure> {
    match experiment.data.data.d() {
        1 => Vec::new(),
        _ => outcome.fits.iter().map(|fit| scatter::figure(&experiment.data, fit)).collect(),
    }
}

/// The parameters of all fits beside each other and the truth: a figure for each number of components.
pub(super) fn of_parameters(experiment: &Experiment, outcome: &Outcome) -> Vec<Figure> {
    forest::figures(&experiment.data, &outcome.fits)
}

/// Where point estimates lie in the posterior.
pub(super) fn of_reconciliation(outcome: &Outcome, all: &[Reconciliation]) -> Vec<Figure> {
    all.iter().filter_map(|one| reconciled::figure(outcome, one)).collect()
}

/// How point estimates got to their results.
pub(super) fn of_climbs(outcome: &Outcome) -> Vec<Figure> {
    outcome.fits.iter().filter_map(|fit| Some(climbs::figure(&fit.name, fit.point.as_ref()?))).collect()
}

/// The chains of Gibbs sampling.
pub(super) fn of_chains(outcome: &Outcome) -> Vec<Figure> {
    sampled(outcome).map(|(name, gibbs)| chains::figure(name, gibbs)).collect()
}

/// How neighbouring rungs of ladders swap.
pub(super) fn of_ladders(outcome: &Outcome) -> Vec<Figure> {
    sampled(outcome).filter_map(|(name, gibbs)| tempering::figure(name, gibbs)).collect()
}

/// Evidences, and what they say of the number of components.
pub(super) fn of_numbers_of_components(experiment: &Experiment, outcome: &Outcome) -> Vec<Figure> {
    let compared = components::compare(&outcome.fits, experiment.prior_of_k);
    compared.iter().map(evidence::figure).collect()
}

/// Statistics of replicated data beside those observed.
pub(super) fn of_checks(experiment: &Experiment, outcome: &Outcome) -> Vec<Figure> {
    sampled(outcome).filter_map(|(name, gibbs)| checks::figure(name, gibbs, &experiment.data.columns)).collect()
}

/// How far leave-one-out can be trusted, row by row.
pub(super) fn of_accuracies(outcome: &Outcome) -> Vec<Figure> {
    let found = |(name, gibbs): (_, &GibbsDetail)| Some(pareto::figure(name, gibbs.accuracy.as_ref()?.as_ref().ok()?));
    sampled(outcome).filter_map(found).collect()
}

fn sampled(outcome: &Outcome) -> impl Iterator<Item = (&str, &GibbsDetail)> {
    outcome.fits.iter().filter_map(|fit| Some((fit.name.as_str(), fit.gibbs.as_ref()?)))
}

/// How probable it is that rows belong together, for each fit that has it of all pairs.
pub(super) fn of_partitions(outcome: &Outcome) -> Vec<Figure> {
    sampled(outcome).filter_map(|(name, gibbs)| heat::figure(name, gibbs.partition()?)).collect()
}

/// What the axis of a column must hold: its values, and the components where the values are all the same.
fn held<'a>(data: &Data, column: usize, mixtures: impl Iterator<Item = &'a Mixture>) -> Vec<f64> {
    let (low, high) = range(data, column);
    let mut values = vec![low, high];
    if low == high {
        for (mixture, k) in mixtures.flat_map(|mixture| (0..mixture.k()).map(move |k| (mixture, k))) {
            let (mean, variance) = (mixture.mean(k)[column], mixture.covariance(k).as_symmetric().get(column, column));
            values.extend([mean - 2.0 * variance.sqrt(), mean + 2.0 * variance.sqrt()]);
        }
    }
    values
}

/// The least and the largest value of a column.
fn range(data: &Data, column: usize) -> (f64, f64) {
    // Rows of one task.
    const CHUNK: usize = 1 << 16;
    let wider = |a: (f64, f64), b: (f64, f64)| (a.0.min(b.0), a.1.max(b.1));
    let chunks = data.values().par_chunks(CHUNK * data.d()).map(|rows| {
        let column = rows.iter().skip(column).step_by(data.d());
        column.fold((f64::INFINITY, f64::NEG_INFINITY), |range, x| wider(range, (*x, *x)))
    });
    chunks.reduce(|| (f64::INFINITY, f64::NEG_INFINITY), wider)
}

/// At most so many draws, evenly spaced over all chains: chain and draw.
fn chosen_draws(draws: &Draws, most: usize) -> Vec<(usize, usize)> {
    let (n_chains, n_draws) = (draws.chains().len(), draws.n_draws());
    let all = n_chains * n_draws;
    (0..all).step_by(stride(all, most)).map(|i| (i / n_draws, i % n_draws)).collect()
}

/// Every how-manieth of n things to take so that at most `most` remain.
fn stride(n: usize, most: usize) -> usize {
    n.div_ceil(most).max(1)
}
