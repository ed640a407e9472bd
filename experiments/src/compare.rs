//! What the fits recovered: each against the truth where there is one, and against each other.

use gmm_core::{Data, Mixture, adjusted_rand_index};
use gmm_mcmc::predictive::LogScore;
use serde::Serialize;

use crate::experiment::DataSet;
use crate::fitted::FitResult;
use crate::run::classify;

/// One fit against the truth, the known labels, or another fit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The fit.
    pub fit: String,
    /// `truth`, `labels`, or `fit` for another fit.
    pub against_kind: &'static str,
    /// What it is compared with: `truth`, `labels`, or the name of the other fit.
    pub against: String,
    /// Log-likelihood of the fit minus that of the other.
    pub ln_likelihood_difference: Option<f64>,
    /// The largest absolute difference of weights; of components matched as listed, like all that follows.
    pub max_weight_error: Option<f64>,
    /// The root mean square over components and coordinates of differences of means, in column standard deviations.
    pub rms_mean_error: Option<f64>,
    /// The largest relative Frobenius distance of covariances, on columns of unit standard deviation.
    pub max_covariance_error: Option<f64>,
    /// How much better, on average, the rows held out are predicted: the difference of the log densities, a row.
    pub held_out_difference: Option<f64>,
    /// Its standard error, over the rows.
    pub held_out_se: Option<f64>,
    /// The adjusted Rand index of the classifications (of the known labels where there are any).
    pub adjusted_rand_index: Option<f64>,
    /// That of the partition with the least posterior expected loss and the known labels.
    pub partition_adjusted_rand_index: Option<f64>,
    /// Of the 90 % intervals of a posterior, or from standard errors: how many cover the true weights, means and covariances.
    pub coverage: Option<Coverage>,
}

/// How often intervals cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Intervals that hold the truth.
    pub inside: usize,
    /// All intervals.
    pub of: usize,
}

/// The log-likelihood of the truth.
pub(crate) fn ln_likelihood_of_truth(data: &DataSet) -> Option<f64> {
    data.truth.as_ref().map(|truth| classify(&data.data, truth).0.ln_likelihood)
}

/// All comparisons: each fit against the truth or the known labels, then each pair of fits.
pub fn compare(data: &DataSet, fits: &[FitResult]) -> Vec<Comparison> {
    let mut rows = Vec::new();
    let truth_ln_likelihood = ln_likelihood_of_truth(data);
    let truth_score = data.truth.as_ref().zip(data.held_out.as_ref());
    let truth_score = truth_score.and_then(|(truth, rows)| LogScore::of_mixture(truth, &rows.data).ok());
    for fit in fits {
        let labels = data.labels.as_ref();
        let ari = labels.map(|labels| adjusted_rand_index(&fit.classification, &labels.of_rows));
        let partition = fit.gibbs.as_ref().and_then(|gibbs| gibbs.partition());
        let of_partition =
            partition.zip(labels).map(|(found, labels)| adjusted_rand_index(&found.estimate.clusters, &labels.of_rows));
        if let Some(truth) = &data.truth {
            rows.push(Comparison {
                against_kind: "truth",
                ln_likelihood_difference: truth_ln_likelihood.map(|ln| fit.ln_likelihood - ln),
                adjusted_rand_index: ari,
                partition_adjusted_rand_index: of_partition,
                coverage: coverage(fit, truth),
                ..distances(&data.data, &fit.name, &fit.mixture, "truth", truth)
            });
            rows.last_mut().into_iter().for_each(|row| row.predict(score(fit), truth_score.as_ref()));
        } else if ari.is_some() {
            rows.push(Comparison {
                against_kind: "labels",
                adjusted_rand_index: ari,
                partition_adjusted_rand_index: of_partition,
                ..empty(&fit.name, "labels")
            });
        }
    }
    for (i, fit) in fits.iter().enumerate() {
        for other in &fits[i + 1..] {
            rows.push(Comparison {
                against_kind: "fit",
                ln_likelihood_difference: Some(fit.ln_likelihood - other.ln_likelihood),
                adjusted_rand_index: Some(adjusted_rand_index(&fit.classification, &other.classification)),
                ..distances(&data.data, &fit.name, &fit.mixture, &other.name, &other.mixture)
            });
            rows.last_mut().into_iter().for_each(|row| row.predict(score(fit), score(other)));
        }
    }
    rows
}

fn score(fit: &FitResult) -> Option<&LogScore> {
    fit.held_out.as_ref()?.as_ref().ok()
}

impl Comparison {
    /// Fills in how much better the first predicts the rows held out.
    fn predict(&mut self, fit: Option<&LogScore>, other: Option<&LogScore>) {
        let difference = fit.zip(other).and_then(|(fit, other)| fit.minus(other));
        self.held_out_difference = difference.as_ref().map(LogScore::mean);
        self.held_out_se = difference.as_ref().map(LogScore::standard_error).filter(|se| se.is_finite());
    }
}

fn empty(fit: &str, against: &str) -> Comparison {
    Comparison {
        fit: fit.to_owned(),
        against_kind: "fit",
        against: against.to_owned(),
        ln_likelihood_difference: None,
        max_weight_error: None,
        rms_mean_error: None,
        max_covariance_error: None,
        held_out_difference: None,
        held_out_se: None,
        adjusted_rand_index: None,
        partition_adjusted_rand_index: None,
        coverage: None,
    }
}

/// Distances of parameters; none between mixtures of different numbers of components.
fn distances(data: &Data, name: &str, fit: &Mixture, against: &str, other: &Mixture) -> Comparison {
    let blank = empty(name, against);
    let Some(order) = gmm_core::match_mixture(fit, other) else { return blank };
    let (fit, k, d) = (fit.permuted(&order), other.k(), other.d());
    let sds: Vec<f64> = data.standard_deviations().iter().map(|sd| if *sd > 0.0 { *sd } else { 1.0 }).collect();
    let weights = fit.weights().iter().zip(other.weights()).map(|(a, b)| (a - b).abs());
    let squares: f64 = (0..k)
        .flat_map(|c| (0..d).map(move |j| (c, j)))
        .map(|(c, j)| ((fit.mean(c)[j] - other.mean(c)[j]) / sds[j]).powi(2))
        .sum();
    // On columns of unit sd, so that no unit of measurement outweighs the others.
    let frobenius = |c: usize| {
        let (a, b) = (fit.covariance(c).as_symmetric(), other.covariance(c).as_symmetric());
        let entries = || (0..d).flat_map(|i| (0..d).map(move |j| (i, j)));
        let norm = |f: &dyn Fn(usize, usize) -> f64| {
            entries().map(|(i, j)| (f(i, j) / sds[i] / sds[j]).powi(2)).sum::<f64>().sqrt()
        };
        norm(&|i, j| a.get(i, j) - b.get(i, j)) / norm(&|i, j| b.get(i, j))
    };
    Comparison {
        max_weight_error: Some(weights.fold(0.0, f64::max)),
        rms_mean_error: Some((squares / (k * d) as f64).sqrt()),
        max_covariance_error: Some((0..k).map(frobenius).fold(0.0, f64::max)),
        ..blank
    }
}

fn coverage(fit: &FitResult, truth: &Mixture) -> Option<Coverage> {
    let names = fit.quantities_with_intervals();
    if fit.mixture.k() != truth.k() || names.is_empty() {
        return None;
    }
    let covers = |name: &str| {
        let ((low, high), value) = (fit.interval(name)?, fit.true_value(name, truth)?);
        Some((low..=high).contains(&value))
    };
    let covered: Vec<bool> = names.into_iter().filter_map(covers).collect();
    Some(Coverage { inside: covered.iter().filter(|inside| **inside).count(), of: covered.len() })
}
