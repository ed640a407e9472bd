//! The beginning of the report of a run, in sentences: what was recovered and how well, what the criteria prefer, and what to
//! distrust.

use gmm_core::Structure;
use gmm_em::{ModeKind, Objective};
use gmm_mcmc::QuantitySummary;

use crate::compare::Comparison;
use crate::components::{self, prior_words};
use crate::experiment::Experiment;
use crate::fitted::{FitResult, Outcome, PointMethod};
use crate::report::names::counted;
use crate::report::numbers::{ln, short};
use crate::report::page::Block;
use crate::report::terminal::model;
use crate::summary::Summary;
use crate::warnings::{EXTREME, Warning};

/// Fits, or doubts, that a sentence names.
const MOST: usize = 4;

/// Errors that differ by less than this share of the smaller are not ranked.
const ALIKE: f64 = 0.05;

/// What a reader should know first: three to eight sentences in two paragraphs.
pub(super) fn lead(experiment: &Experiment, outcome: &Outcome, summary: &Summary) -> Vec<Block> {
    let mut found = Vec::new();
    if !outcome.fits.is_empty() {
        found.push(ran(experiment, outcome));
    }
    found.extend(recovered(experiment, outcome, summary));
    found.extend(beside_the_posterior(summary));
    found.extend(number_of_components(experiment, outcome));
    found.extend(preferred(outcome));
    found.extend(predicted(outcome));
    let texts = [found.join(" "), distrust(outcome)];
    texts.into_iter().filter(|text| !text.is_empty()).map(Block::Text).collect()
}

fn ran(experiment: &Experiment, outcome: &Outcome) -> String {
    let (points, sampled): (Vec<&FitResult>, Vec<&FitResult>) =
        outcome.fits.iter().partition(|fit| fit.point.is_some());
    let mut what = Vec::new();
    if !points.is_empty() {
        what.push(counted(points.len(), "point estimate"));
    }
    if !sampled.is_empty() {
        what.push(counted(sampled.len(), "posterior"));
    }
    let k = outcome.fits.iter().map(|fit| fit.mixture.k());
    let (least, most) = (k.clone().min().unwrap_or(0), k.max().unwrap_or(0));
    let components = if least == most { counted(most, "component") } else { format!("{least} to {most} components") };
    let (n, d) = (experiment.data.data.n(), experiment.data.data.d());
    let were = if outcome.fits.len() == 1 { "was" } else { "were" };
    let data = format!("{} of {}", counted(n, "row"), counted(d, "column"));
    format!("{} of mixtures of {components} {were} computed from {data}.", and(&what))
}

/// How near the truth or the known classes, or else how far the fits agree.
fn recovered(experiment: &Experiment, outcome: &Outcome, summary: &Summary) -> Vec<String> {
    let rows = summary.comparison();
    let mut sentences = Vec::new();
    if let Some(truth) = &experiment.data.truth {
        sentences.extend(against_the_truth(rows, truth.k()));
    }
    if experiment.data.labels.is_some() {
        sentences.extend(against_the_classes(rows));
    }
    if experiment.data.truth.is_none() && experiment.data.labels.is_none() {
        sentences.extend(among_themselves(outcome, rows));
    }
    sentences
}

fn against_the_truth(rows: &[Comparison], k: usize) -> Vec<String> {
    let all: Vec<&Comparison> = rows.iter().filter(|row| row.against_kind == "truth").collect();
    let error = |row: &&Comparison| row.rms_mean_error.filter(|x| x.is_finite());
    let mut near: Vec<&Comparison> = all.iter().copied().filter(|row| error(row).is_some()).collect();
    near.sort_by(|a, b| error(a).unwrap_or(0.0).total_cmp(&error(b).unwrap_or(0.0)));
    let Some(best) = near.first() else {
        let none = format!("No fit has as many components as the truth, {k}, so their parameters are not compared.");
        return if all.is_empty() { Vec::new() } else { vec![none] };
    };
    let errors = |row: &Comparison| {
        let mean =
            row.rms_mean_error.map(|x| format!("means by {} column standard deviations (root mean square)", short(x)));
        let weight = row.max_weight_error.map(|x| format!("weights by at most {}", short(x)));
        let covariance = row.max_covariance_error.map(|x| format!("covariances by at most {} %", percent(x)));
        and(&[mean, weight, covariance].into_iter().flatten().collect::<Vec<_>>())
    };
    let only = near.len() == 1;
    let which = if only {
        format!("{} misses", best.fit)
    } else {
        format!("The means of {} come nearest; it misses", best.fit)
    };
    let farthest = near.last().filter(|_| !only).and_then(|row| Some((row, row.rms_mean_error?)));
    let mut sentence = format!("{which} the true {}.", errors(best));
    if let (Some(least), Some((_, most))) = (best.rms_mean_error, farthest)
        && most - least <= ALIKE * least
    {
        let range = |of: &dyn Fn(&Comparison) -> Option<f64>, show: fn(f64) -> String| {
            let all = || near.iter().filter_map(|row| of(row));
            let ends = [all().reduce(f64::min)?, all().reduce(f64::max)?].map(show);
            Some(if ends[0] == ends[1] { ends[0].clone() } else { ends.join(" to ") })
        };
        let mean = range(&|row| row.rms_mean_error, short)
            .map(|x| format!("means by {x} column standard deviations (root mean square)"));
        let weight = range(&|row| row.max_weight_error, short).map(|x| format!("weights by at most {x}"));
        let covariance =
            range(&|row| row.max_covariance_error, percent).map(|x| format!("covariances by at most {x} %"));
        sentence = format!(
            "The means of all {} that are compared with the truth come alike near to it; they miss the true {}.",
            counted(near.len(), "fit"),
            and(&[mean, weight, covariance].into_iter().flatten().collect::<Vec<_>>())
        );
    } else if let Some(worst) = farthest {
        sentence.push_str(&format!(" Farthest are those of {}, by {}.", worst.0.fit, short(worst.1)));
    }
    let mut sentences = vec![sentence];
    let covered: Vec<String> = all
        .iter()
        .filter_map(|row| row.coverage.filter(|coverage| coverage.of > 0).map(|coverage| (row, coverage)))
        .map(|(row, coverage)| format!("{} of {} by {}", coverage.inside, coverage.of, row.fit))
        .collect();
    if !covered.is_empty() {
        sentences.push(format!("Of the 90 % intervals these hold the true value: {}.", some(&covered)));
    }
    if near.len() < all.len() {
        let others = all.len() - near.len();
        sentences.push(format!(
            "{} with another number of components than the truth, {k}, {} not compared with it.",
            counted(others, "fit"),
            if others == 1 { "is" } else { "are" }
        ));
    }
    sentences
}

fn against_the_classes(rows: &[Comparison]) -> Option<String> {
    let mut indices: Vec<(&str, f64)> = rows
        .iter()
        .filter(|row| row.against_kind != "fit")
        .filter_map(|row| Some((row.fit.as_str(), row.adjusted_rand_index.filter(|x| x.is_finite())?)))
        .collect();
    indices.sort_by(|a, b| b.1.total_cmp(&a.1));
    let ((best, most), (worst, least)) = (indices.first()?, indices.last()?);
    let scale = "the adjusted Rand index, 1 for the same and 0 for what chance gives";
    Some(match indices.len() {
        2.. if short(*most) == short(*least) => {
            format!(
                "With the known classes, which no fit saw, the classification by each fit agrees to {} ({scale}).",
                short(*most)
            )
        }
        1 => format!(
            "With the known classes, which no fit saw, the classification by {best} agrees to {} ({scale}).",
            short(*most)
        ),
        _ => format!(
            "With the known classes, which no fit saw, the classification by {best} agrees best, to {}, and that by {worst} \
             least, to {} ({scale}).",
            short(*most),
            short(*least)
        ),
    })
}

/// Whether the fits see the same groups, and how large these are.
fn among_themselves(outcome: &Outcome, rows: &[Comparison]) -> Vec<String> {
    let k = outcome.fits.first().map_or(0, |fit| fit.mixture.k());
    let same = outcome.fits.iter().all(|fit| fit.mixture.k() == k);
    let mut sentences = Vec::new();
    if same && k > 1 && k <= 2 * MOST {
        let of = |c: usize| outcome.fits.iter().map(move |fit| fit.mixture.weights()[c]);
        let range = |c: usize| {
            let (low, high) = (of(c).fold(f64::INFINITY, f64::min), of(c).fold(0.0, f64::max));
            match percent(low) == percent(high) {
                true => format!("{} %", percent(low)),
                false => format!("{} to {} %", percent(low), percent(high)),
            }
        };
        let shares: Vec<String> = (0..k).map(range).collect();
        sentences.push(format!("In the order of their means the components have the weights {}.", and(&shares)));
    }
    let agreement = rows.iter().filter(|row| row.against_kind == "fit").filter_map(|row| row.adjusted_rand_index);
    if let Some(least) = agreement.filter(|x| x.is_finite()).reduce(f64::min).filter(|_| k > 1) {
        sentences.push(format!(
            "Any two fits agree on the groups of the rows to an adjusted Rand index of {} or more (1 is the same).",
            short(least)
        ));
    }
    sentences
}

/// Posteriors beside which point estimates are put in words.
const MOST_POSTERIORS: usize = 2;

fn beside_the_posterior(summary: &Summary) -> Vec<String> {
    let all = summary.reconciliation();
    all.iter().take(MOST_POSTERIORS).map(|one| format!("Beside the draws of {}: {}.", one.fit, one.summary)).collect()
}

/// What the evidences say of K.
fn number_of_components(experiment: &Experiment, outcome: &Outcome) -> Option<String> {
    let groups = components::compare(&outcome.fits, experiment.prior_of_k);
    let rows = &groups.first()?.rows;
    let best = rows.iter().max_by(|a, b| a.found.probability.total_cmp(&b.found.probability))?;
    let ks: Vec<String> = rows.iter().map(|row| row.found.k.to_string()).collect();
    let error = Some(best.found.standard_error).filter(|x| x.is_finite());
    let error = error.map_or(String::new(), |error| format!(" \u{b1} {}", short(error)));
    Some(format!(
        "Among K = {} the evidences prefer {}, with a posterior probability of {}{error} (prior: {}).",
        some(&ks),
        counted(best.found.k, "component"),
        short(best.found.probability),
        prior_words(experiment.prior_of_k)
    ))
}

/// What BIC and ICL prefer among the maximum likelihood fits of different models.
fn preferred(outcome: &Outcome) -> Option<String> {
    let is_maximum = |fit: &&FitResult| {
        fit.point
            .as_ref()
            .is_some_and(|point| point.objective == Objective::Likelihood && !point.policy.acts_in_m_step())
    };
    let fits: Vec<&FitResult> =
        outcome.fits.iter().filter(is_maximum).filter(|fit| fit.criteria.bic.is_finite()).collect();
    let first = fits.first()?;
    let same = |fit: &FitResult, other: &FitResult| fit.mixture.k() == other.mixture.k() && kind(fit) == kind(other);
    if fits.iter().all(|fit| same(fit, first)) {
        return None;
    }
    let least = |of: fn(&FitResult) -> f64| fits.iter().copied().min_by(|a, b| of(a).total_cmp(&of(b)));
    let best = least(|fit| fit.criteria.bic)?;
    let icl = least(|fit| fit.criteria.icl)?;
    let others = fits.iter().filter(|fit| !same(fit, best));
    let next = others.copied().min_by(|a, b| a.criteria.bic.total_cmp(&b.criteria.bic))?;
    let and_icl = match same(icl, best) {
        true => "; so does ICL".to_owned(),
        false => format!("; ICL prefers {}", named(icl)),
    };
    Some(format!(
        "Of the maximum likelihood fits BIC prefers {}, by {} before {}{and_icl}.",
        named(best),
        short(next.criteria.bic - best.criteria.bic),
        named(next)
    ))
}

/// Structures that are compared; the values of known covariances are not.
fn kind(fit: &FitResult) -> (u8, gmm_core::Shape) {
    let tying = match fit.model.structure() {
        Structure::Free(_) => 0,
        Structure::Tied(_) => 1,
        Structure::Known(_) => 2,
    };
    (tying, fit.model.shape())
}

fn named(fit: &FitResult) -> String {
    format!("{} ({})", fit.name, model(fit))
}

/// Which fit predicts the rows best that were held out.
fn predicted(outcome: &Outcome) -> Option<String> {
    let score = |fit: &FitResult| {
        let score = fit.held_out.as_ref()?.as_ref().ok()?;
        Some((score.mean(), score.standard_error())).filter(|score| score.0.is_finite())
    };
    let mut scores: Vec<(&str, f64, f64)> = outcome
        .fits
        .iter()
        .filter_map(|fit| score(fit).map(|(mean, error)| (fit.name.as_str(), mean, error)))
        .collect();
    scores.sort_by(|a, b| b.1.total_cmp(&a.1));
    let (best, worst) = (scores.first()?, scores.last().filter(|_| scores.len() > 1)?);
    Some(format!(
        "Of the rows held out {} gives the highest mean log density, {} \u{b1} {}, and {} the lowest, {}.",
        best.0,
        ln(best.1),
        short(best.2),
        worst.0,
        ln(worst.1)
    ))
}

/// What speaks against the results, the worst first; or that nothing does, and what was looked at.
fn distrust(outcome: &Outcome) -> String {
    let mut doubts: Vec<(u8, String)> = Vec::new();
    if !outcome.failures.is_empty() {
        let names: Vec<String> = outcome.failures.iter().map(|failed| failed.name.clone()).collect();
        doubts.push((0, format!("{} failed", some(&names))));
    }
    let mut kinds: Vec<(u8, &'static str, Vec<String>)> = Vec::new();
    for fit in &outcome.fits {
        for warning in fit.warnings() {
            let (rank, what, detail) = condensed(fit, &warning);
            let of = if detail.is_empty() { fit.name.clone() } else { format!("{} ({detail})", fit.name) };
            match kinds.iter_mut().find(|(_, other, _)| *other == what) {
                Some((_, _, all)) => all.push(of),
                None => kinds.push((rank, what, vec![of])),
            }
        }
        if let Some(alone) = alone(fit) {
            doubts.push((4, alone));
        }
    }
    doubts.extend(kinds.into_iter().map(|(rank, what, fits)| (rank, format!("{what}: {}", some(&fits)))));
    doubts.sort_by_key(|(rank, _)| *rank);
    if doubts.is_empty() {
        return nothing(outcome);
    }
    let all: Vec<String> = doubts.into_iter().map(|(_, doubt)| doubt).collect();
    let shown = all[..all.len().min(2 * MOST)].join("; ");
    let more = all.len().saturating_sub(2 * MOST);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("What to distrust: {shown}{more}. The warnings below say what to do.")
}

/// How grave a warning is (least first), what it says of any fit, and the numbers of this one.
fn condensed(fit: &FitResult, warning: &Warning) -> (u8, &'static str, String) {
    let of_gibbs = |of: fn(&crate::posterior::GibbsDetail) -> f64| fit.gibbs.as_ref().map_or(f64::NAN, of);
    match warning {
        Warning::Levels { .. } => (1, "chains sit in different modes", String::new()),
        Warning::RHat { quantities } => {
            let worst = short(of_gibbs(|gibbs| gibbs.worst_r_hat()));
            (
                1,
                "chains have not mixed",
                format!("R-hat up to {worst}, too high in {}", counted(quantities.len(), "quantity")),
            )
        }
        Warning::NotConverged { iterations, .. } => (1, "not converged", format!("{iterations} iterations")),
        Warning::Evidences { discrepancy } => {
            (2, "two estimates of the evidence differ", format!("by {discrepancy:.1} combined standard errors"))
        }
        Warning::Labels { overall, components, .. } => {
            let detail = match overall {
                Some(overall) => format!("identifiability {overall:.2}"),
                None => counted(components.len(), "component"),
            };
            (2, "components do not keep their labels, so that their summaries mean little", detail)
        }
        Warning::Relabelling { .. } => (2, "relabelling did not converge", String::new()),
        Warning::Checks { statistics } => {
            let shown = some(statistics);
            (2, "the model does not reproduce some sides of the data", shown)
        }
        Warning::Ess { quantities } => {
            let least = of_gibbs(|gibbs| gibbs.least_ess());
            let detail = format!("{least:.0} at least, too few in {}", counted(quantities.len(), "quantity"));
            (3, "few effective draws", if least.is_finite() { detail } else { String::new() })
        }
        Warning::RoundTrips { .. } => (3, "few round trips of tempered states", String::new()),
        Warning::ParetoK { unreliable, rows, .. } => {
            (3, "leave-one-out cannot be trusted for some rows", format!("{unreliable} of {rows}"))
        }
        Warning::Removed { from, to } => (3, "components were removed", format!("{} of {from}", from - to)),
        Warning::Collapsed { collapsed, restarts } => {
            (4, "restarts that collapsed onto few rows", format!("{collapsed} of {restarts}"))
        }
        Warning::NoStandardErrors { .. } => (5, "no standard errors", String::new()),
        Warning::NoIdentifiability { .. } => (5, "not known how well labels are kept", String::new()),
        Warning::NoPartition { .. } => (5, "no partition", String::new()),
        Warning::NoChecks { .. } => (5, "no predictive checks", String::new()),
        Warning::NoEvidence { method, .. } => (5, "no evidence by one method", (*method).to_owned()),
        Warning::NoAccuracy { .. } => (5, "no WAIC and leave-one-out", String::new()),
        Warning::NoHeldOut { .. } => (5, "no density of the rows held out", String::new()),
    }
}

/// An optimum that a single one of several restarts found may not be the highest.
fn alone(fit: &FitResult) -> Option<String> {
    let point = fit.point.as_ref()?;
    let best = point.modes.first().filter(|mode| mode.kind == ModeKind::Optimum)?;
    let optima = point.modes.iter().filter(|mode| mode.kind == ModeKind::Optimum).count();
    let all = point.restarts.len();
    (all > 2 && best.restarts.len() == 1).then(|| {
        let of = if optima > 1 { format!("; there are {optima} optima in all") } else { String::new() };
        format!("only 1 of {all} restarts of {} found its best optimum, so that a higher one may exist{of}", fit.name)
    })
}

/// That nothing was found, and by what.
fn nothing(outcome: &Outcome) -> String {
    let mut looked = Vec::new();
    let is_batch = |fit: &&FitResult| {
        matches!(fit.point.as_ref().map(|point| point.method), Some(PointMethod::Adam { batch: Some(_) }))
    };
    let points = || outcome.fits.iter().filter(|fit| fit.point.is_some());
    if points().any(|fit| !is_batch(&fit)) {
        // Minibatches never tell that they have converged.
        let all = if points().any(|fit| is_batch(&fit)) {
            "every point estimate without minibatches"
        } else {
            "every point estimate"
        };
        looked.push(format!("{all} converged and no restart collapsed"));
    }
    let sampled = || outcome.fits.iter().filter_map(|fit| fit.gibbs.as_ref());
    let worst = sampled().map(|gibbs| gibbs.worst_r_hat()).fold(f64::NAN, f64::max);
    let least = sampled().map(|gibbs| gibbs.least_ess()).fold(f64::NAN, f64::min);
    if worst.is_finite() && least.is_finite() {
        looked.push(format!(
            "R-hat is at most {} (limit {}) and there are at least {least:.0} effective draws (limit {}) of every quantity",
            short(worst),
            QuantitySummary::R_HAT_LIMIT,
            QuantitySummary::ESS_LIMIT
        ));
    }
    let checks = sampled().map(|gibbs| gibbs.checks().len()).sum::<usize>();
    if checks > 0 {
        looked.push(format!("none of {} has a probability below {EXTREME}", counted(checks, "predictive check")));
    }
    match looked.is_empty() {
        true => String::new(),
        false => format!("Nothing that was checked speaks against these results: {}.", looked.join("; ")),
    }
}

fn percent(x: f64) -> String {
    let x = 100.0 * x;
    if x.abs() < 10.0 { format!("{x:.1}") } else { format!("{x:.0}") }
}

/// `a`, `a and b`, `a, b and c`.
fn and(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The first, and how many more there are.
fn some(words: &[String]) -> String {
    match words.len().saturating_sub(MOST) {
        0 => and(words),
        more => format!("{} and {more} more", words[..MOST].join(", ")),
    }
}
