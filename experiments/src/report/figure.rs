//! The figures of the report: the fits over the data, and how each fit came to its result.

mod palette;

mod axis;
mod clip;
mod panel;

mod density;
mod heat;
pub(super) mod learned;
mod progress;
mod scatter;

pub(super) mod picture;
pub(super) mod player;

pub(super) mod verification;

use gmm_core::{Data, Mixture};
use rayon::prelude::*;

use crate::experiment::Experiment;
use crate::fitted::Outcome;
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

/// The fits over the data: one figure for all in one dimension, else one for each. None without fits.
pub(super) fn of_fits(experiment: &Experiment, outcome: &Outcome) -> Vec<Figure> {
    match (outcome.fits.is_empty(), experiment.data.data.d()) {
        (true, _) => Vec::new(),
        (false, 1) => vec![density::figure(&experiment.data, &outcome.fits)],
        (false, _) => outcome.fits.iter().map(|fit| scatter::figure(&experiment.data, fit)).collect(),
    }
}

/// How each fit came to its result.
pub(super) fn of_progress(outcome: &Outcome) -> Vec<Figure> {
    let mut figures = Vec::new();
    for fit in &outcome.fits {
        figures.extend(fit.point.as_ref().map(|em| progress::climb(&fit.name, em)));
        figures.extend(fit.gibbs.as_ref().map(|gibbs| progress::traces(&fit.name, gibbs)));
    }
    figures
}

/// How probable it is that rows belong together, for each fit that has it of all pairs.
pub(super) fn of_partitions(outcome: &Outcome) -> Vec<Figure> {
    let sampled = outcome.fits.iter().filter_map(|fit| Some((&fit.name, fit.gibbs.as_ref()?.partition()?)));
    sampled.filter_map(|(name, found)| heat::figure(name, found)).collect()
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

/// Every how-manieth of n things to take so that at most `most` remain.
fn stride(n: usize, most: usize) -> usize {
    n.div_ceil(most).max(1)
}
