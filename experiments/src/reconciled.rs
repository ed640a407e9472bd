//! Point estimates beside the posterior of the same model: what maximum likelihood, MAP and the draws say of each parameter,
//! and why they differ.

use gmm_core::{Mixture, Structure, match_mixture};
use gmm_em::Objective;
use gmm_mcmc::Quantity;
use gmm_mcmc::reconcile::{Placed, Point, Points, Reason, Reconciled, Situation, Standing, reconcile};
use rayon::prelude::*;
use serde::Serialize;

use crate::experiment::DataSet;
use crate::fitted::{FitResult, indices};
use crate::posterior::GibbsDetail;

/// Parameters of a fit beyond these are left out: weights and means come first.
const MOST_PARAMETERS: usize = 2000;

/// Objectives this close, relative to 1 + their size, are the same optimum.
const SAME: f64 = 1e-6;

/// The parameters of a posterior beside point estimates of the same model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Reconciliation {
    /// The fit that drew from the posterior.
    pub(crate) fit: String,
    /// The fits that maximised the likelihood and the posterior; at least one.
    pub(crate) ml: Option<String>,
    pub(crate) map: Option<String>,
    pub(crate) parameters: Vec<ReconciledParameter>,
    /// In a sentence.
    pub(crate) summary: String,
}

/// One parameter; what is not known is null.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ReconciledParameter {
    pub(crate) name: String,
    pub(crate) truth: Option<f64>,
    pub(crate) ml: Option<f64>,
    pub(crate) map: Option<f64>,
    pub(crate) mean: f64,
    pub(crate) median: f64,
    pub(crate) q5: f64,
    pub(crate) q95: f64,
    /// The posterior probabilities below the estimates, with their Monte Carlo standard errors.
    pub(crate) ml_below: Option<f64>,
    pub(crate) ml_below_mcse: Option<f64>,
    pub(crate) map_below: Option<f64>,
    pub(crate) map_below_mcse: Option<f64>,
    /// Their standard errors by the observed information over the posterior standard deviation.
    pub(crate) ml_ratio: Option<f64>,
    pub(crate) map_ratio: Option<f64>,
    /// The first reason in a word, and all of them in words.
    pub(crate) reason: &'static str,
    pub(crate) words: String,
}

/// Every posterior with a point estimate of the same model, as the fits are listed.
pub(crate) fn reconcile_all(data: &DataSet, fits: &[FitResult]) -> Vec<Reconciliation> {
    fits.iter().filter_map(|fit| of_fit(data, fit, fit.gibbs.as_ref()?, fits)).collect()
}

/// A point estimate whose components are those of the posterior means.
struct Matched<'a> {
    fit: &'a FitResult,
    /// The component of the estimate in each place.
    order: Vec<usize>,
    /// In that order.
    mixture: Mixture,
    /// What it maximised, there.
    objective: f64,
}

fn of_fit(data: &DataSet, fit: &FitResult, gibbs: &GibbsDetail, fits: &[FitResult]) -> Option<Reconciliation> {
    let ml = best(fits.iter().filter_map(|point| matched(fit, point, Objective::Likelihood)).collect());
    let map = best(fits.iter().filter_map(|point| matched(fit, point, Objective::Posterior)).collect());
    if ml.is_none() && map.is_none() {
        return None;
    }
    let names: Vec<&str> = gibbs
        .quantities
        .iter()
        .map(|quantity| quantity.name.as_str())
        .filter(|name| ["weights[", "means[", "covariances["].iter().any(|head| name.starts_with(head)))
        .collect();
    let shown = &names[..names.len().min(MOST_PARAMETERS)];
    let of_draws = |name: &str, of: fn(&gmm_mcmc::ChainDraws) -> &Vec<f64>| Quantity {
        name: name.to_owned(),
        values: gibbs.draws.chains().iter().map(|chain| of(chain).clone()).collect(),
    };
    let situation = Situation {
        chains_disagree: gibbs.levels.disagree,
        ml: ml
            .as_ref()
            .and_then(|ml| Standing::of_ml(ml.objective, &of_draws("ln_likelihood", |chain| &chain.ln_likelihood))),
        map: map.as_ref().and_then(|map| {
            let draws = of_draws("ln_posterior", |chain| &chain.ln_posterior);
            Standing::of_map(map.objective, &draws, fit.model.n_parameters())
        }),
        identifiability: None,
    };
    let truth = data.truth.as_ref();
    let parameters = shown.par_iter().filter_map(|name| {
        let (head, at) = indices(name)?;
        let points = Points {
            truth: truth.and_then(|truth| fit.true_value(name, truth)),
            ml: ml.as_ref().and_then(|point| point.of(head, &at)),
            map: map.as_ref().and_then(|point| point.of(head, &at)),
        };
        let situation = Situation { identifiability: identifiability(fit, head, &at), ..situation };
        Some(reconcile(&quantity(gibbs, name, head, &at)?, &points, &situation))
    });
    let parameters: Vec<Reconciled> = parameters.collect();
    let name = |point: &Option<Matched<'_>>| point.as_ref().map(|point| point.fit.name.clone());
    let (ml, map) = (name(&ml), name(&map));
    let summary = sentence(&parameters, names.len(), (ml.as_deref(), map.as_deref()));
    let parameters = parameters.iter().map(ReconciledParameter::new).collect();
    Some(Reconciliation { fit: fit.name.clone(), ml, map, parameters, summary })
}

/// A point estimate of the same model as that of a posterior, if it is one: as many components, the same structure, and,
/// where the posterior was maximised, the same prior. What a policy at singularities holds is no maximum.
fn matched<'a>(fit: &FitResult, point: &'a FitResult, objective: Objective) -> Option<Matched<'a>> {
    let detail = point.point.as_ref()?;
    let is_maximum = detail.objective == objective && !detail.policy.acts_in_m_step();
    if !is_maximum || point.model.structure() != fit.model.structure() {
        return None;
    }
    let order = match_mixture(&point.mixture, &fit.mixture)?;
    let value = match objective {
        Objective::Likelihood => Some(point.ln_likelihood),
        Objective::Posterior => {
            let (prior, other) = (fit.model.prior(), point.model.prior());
            let concentration = other.weights.concentration();
            let listed: Vec<f64> = order.iter().map(|k| concentration[*k]).collect();
            let same = prior.components == other.components && prior.weights.concentration() == listed;
            point.ln_posterior.filter(|_| same)
        }
    };
    Some(Matched { fit: point, mixture: point.mixture.permuted(&order), order, objective: value? })
}

/// The highest of several; of those at the same height the first with standard errors by the observed information.
fn best(points: Vec<Matched<'_>>) -> Option<Matched<'_>> {
    let highest = points.iter().map(|point| point.objective).fold(f64::NEG_INFINITY, f64::max);
    let mut same: Vec<Matched<'_>> =
        points.into_iter().filter(|point| point.objective >= highest - SAME * (1.0 + highest.abs())).collect();
    let first = same.iter().position(|point| point.fit.observed().is_some()).unwrap_or(0);
    (!same.is_empty()).then(|| same.swap_remove(first))
}

impl Matched<'_> {
    /// A parameter in the place of the posterior's, with its standard error.
    fn of(&self, head: &str, at: &[usize]) -> Option<Point> {
        let (k, rest) = at.split_first()?;
        let value = match (head, rest) {
            ("weights", []) => self.mixture.weights()[*k],
            ("means", [i]) => self.mixture.mean(*k)[*i],
            ("covariances", [i, j]) => self.mixture.covariance(*k).as_symmetric().get(*i, *j),
            _ => return None,
        };
        let own: Vec<String> = std::iter::once(&self.order[*k]).chain(rest).map(usize::to_string).collect();
        let name = self.fit.stored_name(&format!("{head}[{}]", own.join(",")));
        let mut intervals = self.fit.observed().into_iter().flat_map(|found| &found.intervals);
        let standard_error = intervals.find(|interval| interval.name == name).map(|interval| interval.standard_error);
        Some(Point { value, standard_error })
    }
}

/// The draws of a parameter.
fn quantity(gibbs: &GibbsDetail, name: &str, head: &str, at: &[usize]) -> Option<Quantity> {
    let values = match (head, at) {
        ("weights", &[k]) => gibbs.draws.map(|row| row.weight(k)),
        ("means", &[k, i]) => gibbs.draws.map(|row| row.mean(k, i)),
        ("covariances", &[k, i, j]) => gibbs.draws.map(|row| row.covariance(k, i, j)),
        _ => return None,
    };
    Some(Quantity { name: name.to_owned(), values })
}

/// How well the component of a parameter keeps its label, of a shared covariance the least of all.
fn identifiability(fit: &FitResult, head: &str, at: &[usize]) -> Option<f64> {
    let shared = head == "covariances" && !matches!(fit.model.structure(), Structure::Free(_));
    match shared {
        true => (0..fit.mixture.k()).filter_map(|k| fit.identifiability(k)).reduce(f64::min),
        false => fit.identifiability(*at.first()?),
    }
}

/// A reason in a word, and in few words.
fn short(reason: &Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::NoPoint => ("no_point", "no point estimate"),
        Reason::NoSpread => ("no_spread", "draws without spread"),
        Reason::Agree => ("agree", "agreement"),
        Reason::AnotherMode(_) => ("another_mode", "another mode"),
        Reason::Overlap { .. } => ("overlap", "overlapping components"),
        Reason::PriorPull { .. } => ("prior_pull", "an optimum moved by the prior"),
        Reason::PriorWidth { .. } => ("prior_width", "a width changed by the prior"),
        Reason::Skewness { .. } => ("skewness", "a skewed posterior"),
        Reason::Unexplained { .. } => ("unexplained", "no known reason"),
    }
}

/// How many parameters agree, and the first reasons of the others.
fn sentence(parameters: &[Reconciled], n_all: usize, (ml, map): (Option<&str>, Option<&str>)) -> String {
    let points: Vec<String> = [("ML", ml), ("MAP", map)]
        .into_iter()
        .filter_map(|(what, name)| name.map(|name| format!("{what} ({name})")))
        .collect();
    let (verb, points) = (if points.len() == 1 { "agrees" } else { "agree" }, points.join(" and "));
    let n = parameters.len();
    let of = if n < n_all { format!("the first {n} of {n_all}") } else { n.to_string() };
    let agree = parameters.iter().filter(|parameter| parameter.reason == Reason::Agree).count();
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for words in parameters.iter().filter(|p| p.reason != Reason::Agree).map(|p| short(&p.reason).1) {
        match counts.iter_mut().find(|(other, _)| *other == words) {
            Some((_, count)) => *count += 1,
            None => counts.push((words, 1)),
        }
    }
    // The most frequent first; of equals as they came.
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let counts: Vec<String> = counts.iter().map(|(words, count)| format!("{words} ({count})")).collect();
    match counts.is_empty() {
        true => format!("{points} {verb} with the posterior in all of {of} parameters"),
        false => {
            format!("{points} {verb} with the posterior in {agree} of {of} parameters; else: {}", counts.join(", "))
        }
    }
}

impl ReconciledParameter {
    fn new(found: &Reconciled) -> Self {
        let value = |point: Option<Placed>| point.map(|point| point.value);
        let ratio = |point: Option<Placed>| point.and_then(|point| point.ratio).map(|ratio| ratio.value);
        let words: Vec<String> = found.reasons().map(ToString::to_string).collect();
        Self {
            name: found.posterior.name.clone(),
            truth: value(found.truth),
            ml: value(found.ml),
            map: value(found.map),
            mean: found.posterior.mean,
            median: found.posterior.q50,
            q5: found.posterior.q5,
            q95: found.posterior.q95,
            ml_below: found.ml.map(|point| point.below.value),
            ml_below_mcse: found.ml.map(|point| point.below.mcse),
            map_below: found.map.map(|point| point.below.value),
            map_below_mcse: found.map.map(|point| point.below.mcse),
            ml_ratio: ratio(found.ml),
            map_ratio: ratio(found.map),
            reason: short(&found.reason).0,
            words: words.join("; "),
        }
    }

    /// Whether points and posterior agree.
    pub(crate) fn agrees(&self) -> bool {
        self.reason == short(&Reason::Agree).0
    }
}
