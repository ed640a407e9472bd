//! Several chains in parallel: warm-up, a common pivot, draws.

use gmm_core::{
    Data, Degenerate, Label, Mixture, Model, Rule, Seeding, SeedingError, Streams, Workspace, seed_mixture, sweep,
};
use rayon::prelude::*;

use crate::draws::{ChainDraws, Draws, Layout};
use crate::relabel::ComponentMatcher;
use crate::{Gibbs, GibbsError, Scan, TemperedScan, Tempering};

/// Where a chain started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At a mixture handed over, by its index: an optimum found by EM.
    Optimum(usize),
    /// At rows chosen by k-means++.
    Dispersed,
}

/// A sign of life from a chain, after each scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The chain, from 0.
    pub chain: usize,
    /// Scans so far, warm-up included.
    pub scans: usize,
}

/// A chain, tempered or not.
pub(crate) enum Chain<'a> {
    Plain(Box<Scan<'a>>),
    Tempered(Box<TemperedScan<'a>>),
}

impl<'a> Chain<'a> {
    /// Whose draws are those of the posterior.
    pub(crate) fn cold(&self) -> &Scan<'a> {
        match self {
            Self::Plain(scan) => scan,
            Self::Tempered(scans) => scans.cold(),
        }
    }

    pub(crate) fn warm_up<E: From<Degenerate>>(
        &mut self,
        scans: usize,
        mut after: impl FnMut(&Scan<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Plain(scan) => (0..scans).try_for_each(|_| {
                scan.step()?;
                after(scan)
            }),
            Self::Tempered(tempered) => tempered.warm_up(scans, after),
        }
    }

    pub(crate) fn step(&mut self) -> Result<(), Degenerate> {
        match self {
            Self::Plain(scan) => scan.step(),
            Self::Tempered(scans) => scans.step(),
        }
    }
}

/// What can go wrong in a scan.
enum Failure {
    Degenerate(Degenerate),
    NotFinite(f64),
}

impl From<Degenerate> for Failure {
    fn from(source: Degenerate) -> Self {
        Self::Degenerate(source)
    }
}

impl Failure {
    fn of(self, chain: usize, scan: u64) -> GibbsError {
        match self {
            Self::Degenerate(source) => GibbsError::Degenerate { chain, scan, source },
            Self::NotFinite(value) => GibbsError::NotFinite { chain, scan, value },
        }
    }
}

/// A chain between warm-up and draws.
struct Warm<'a> {
    start: Start,
    scan: Chain<'a>,
    best: (f64, Mixture),
}

/// Samples the posterior of `model` given `data`, chain c with the streams `streams.split(c)`, in the current rayon
/// pool. The draws do not depend on the number of threads.
///
/// Of the chains, every other one (0, 2, ..; at least half) starts at one of `optima` in turn; the others, and all if
/// there are none, start at rows chosen by k-means++. So chains that disagree show a posterior with separate modes, and chains
/// that agree have at least tried to.
///
/// # Errors
/// [`GibbsError`]: a flat prior, nothing to draw, fewer rows than components, or numbers that leave the range of doubles.
pub fn sample(
    model: &Model,
    data: &Data,
    settings: &Gibbs,
    optima: &[Mixture],
    streams: &Streams,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Draws, GibbsError> {
    check(model, data, settings)?;
    // Errors are collected in the order of the chains, not of time.
    let warm: Vec<Result<Warm<'_>, GibbsError>> = (0..settings.chains)
        .into_par_iter()
        .map(|chain| warm_up(model, data, settings, optima, chain, &streams.split(chain as u64), progress))
        .collect();
    let warm = warm.into_iter().collect::<Result<Vec<_>, GibbsError>>()?;

    let mut pivot = vec![0; data.n()];
    let best = warm.iter().map(|chain| &chain.best).reduce(|a, b| if b.0 > a.0 { b } else { a });
    if let Some((_, mixture)) = best {
        let rule = Rule::Classify { labels: &mut pivot };
        sweep(data, mixture, rule, &mut model.blank_statistics(), &mut Workspace::new());
    }
    let chains: Vec<Result<ChainDraws, GibbsError>> = warm
        .into_par_iter()
        .enumerate()
        .map(|(chain, warm)| keep_draws(model, settings, chain, warm, &pivot, progress))
        .collect();
    let chains = chains.into_iter().collect::<Result<Vec<_>, GibbsError>>()?;
    Ok(Draws::new(model.clone(), chains, pivot))
}

/// Checks what [`sample`] takes for granted, without running it.
///
/// # Errors
/// [`GibbsError`]: a flat prior, nothing to draw, a ladder without two rungs, or fewer rows than components.
pub fn check(model: &Model, data: &Data, settings: &Gibbs) -> Result<(), GibbsError> {
    if !model.is_proper() {
        return Err(GibbsError::FlatPrior);
    }
    for (name, value) in [("chains", settings.chains), ("draws", settings.draws)] {
        if value == 0 {
            return Err(GibbsError::Zero { name });
        }
    }
    if let Some(Tempering { rungs: rungs @ ..2 }) = settings.tempering {
        return Err(GibbsError::Rungs { rungs });
    }
    match data.n() < model.k() {
        true => Err(SeedingError::TooFewRows { k: model.k(), n: data.n() }.into()),
        false => Ok(()),
    }
}

/// A chain before its first scan, with its own streams.
pub(crate) fn start<'a>(
    model: &'a Model,
    data: &'a Data,
    settings: &Gibbs,
    optima: &[Mixture],
    chain: usize,
    streams: &Streams,
) -> Result<(Start, Chain<'a>), GibbsError> {
    let (start, mixture) = if chain.is_multiple_of(2) && !optima.is_empty() {
        let index = (chain / 2) % optima.len();
        (Start::Optimum(index), optima[index].clone())
    } else {
        (Start::Dispersed, seed_mixture(model, data, Seeding::KMeansPlusPlus, &mut streams.named("start").rng(0))?)
    };
    let scan = match settings.tempering {
        None => Chain::Plain(Box::new(
            Scan::of_kind(settings.kind, model, data, mixture, streams.clone())
                .map_err(|source| GibbsError::Degenerate { chain, scan: 0, source })?,
        )),
        Some(tempering) => {
            let streams = streams.clone();
            Chain::Tempered(Box::new(TemperedScan::new(settings.kind, tempering, model, data, mixture, streams)?))
        }
    };
    Ok((start, scan))
}

fn warm_up<'a>(
    model: &'a Model,
    data: &'a Data,
    settings: &Gibbs,
    optima: &[Mixture],
    chain: usize,
    streams: &Streams,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Warm<'a>, GibbsError> {
    let (start, mut scan) = start(model, data, settings, optima, chain, streams)?;
    let failed = |failure: Failure, scan: &Chain<'_>| failure.of(chain, scan.cold().number());
    let mut best = (scan.cold().ln_likelihood(), scan.cold().mixture().clone());
    let mut scans = 0;
    scan.warm_up(settings.warmup, |scan| {
        check_likelihood(scan)?;
        // The density of weights is unbounded for concentrations below 1, the likelihood of a draw is not.
        let ln_likelihood = scan.ln_likelihood();
        if ln_likelihood > best.0 {
            best.0 = ln_likelihood;
            best.1.clone_from(scan.mixture());
        }
        scans += 1;
        progress(Progress { chain, scans });
        Ok(())
    })
    .map_err(|failure| failed(failure, &scan))?;
    Ok(Warm { start, scan, best })
}

fn keep_draws(
    model: &Model,
    settings: &Gibbs,
    chain: usize,
    warm: Warm<'_>,
    pivot: &[Label],
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<ChainDraws, GibbsError> {
    let layout = Layout::of(model);
    let n = settings.draws;
    let mut kept = ChainDraws {
        start: warm.start,
        swaps: None,
        parameters: Vec::with_capacity(n * layout.width()),
        ln_likelihood: Vec::with_capacity(n),
        ln_posterior: Vec::with_capacity(n),
        n_occupied: Vec::with_capacity(n),
        permutations: Vec::with_capacity(n * layout.k),
    };
    let mut state = warm.scan;
    let mut matcher = ComponentMatcher::new(pivot, &model.prior().weights);
    for draw in 1..=n {
        state
            .step()
            .map_err(Failure::from)
            .and_then(|()| check_likelihood(state.cold()))
            .map_err(|failure| failure.of(chain, state.cold().number()))?;
        let scan = state.cold();
        layout.push(scan.mixture(), &mut kept.parameters);
        kept.ln_likelihood.push(scan.ln_likelihood());
        kept.ln_posterior.push(scan.ln_posterior());
        kept.n_occupied.push(scan.n_occupied());
        let places = matcher.match_components(scan.labels());
        kept.permutations.extend(places.iter().map(|component| *component as Label));
        progress(Progress { chain, scans: settings.warmup + draw });
    }
    if let Chain::Tempered(scans) = &state {
        kept.swaps = Some(scans.swaps());
    }
    Ok(kept)
}

fn check_likelihood(scan: &Scan<'_>) -> Result<(), Failure> {
    let value = scan.ln_likelihood();
    match value.is_finite() {
        true => Ok(()),
        false => Err(Failure::NotFinite(value)),
    }
}
