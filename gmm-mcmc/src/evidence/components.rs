//! How probable each number of components is, given evidences and a prior.

use gmm_core::log_sum_exp;
use statrs::function::beta::ln_beta;
use statrs::function::gamma::ln_gamma;
use thiserror::Error;

use super::Evidence;

/// A prior of the number of components K = 1, 2, ..; its constant does not matter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PriorOfK {
    /// Every K that is compared is as probable.
    Uniform,
    /// `K - 1 ~ Poisson(rate)`.
    Poisson {
        /// The mean of K - 1, positive.
        rate: f64,
    },
    /// `K - 1 ~ BetaNegativeBinomial(shape, a, b)`: negative binomial with a number of successes `shape` whose probability is
    /// Beta(a, b). Frühwirth-Schnatter, Malsiner-Walli & Grün (2021) advise (1, 4, 3).
    BetaNegativeBinomial {
        /// The number of successes, positive.
        shape: f64,
        /// Positive.
        a: f64,
        /// Positive.
        b: f64,
    },
}

impl PriorOfK {
    /// The log probability of K, at least 1; of `Uniform` 0.
    ///
    /// ```
    /// use gmm_mcmc::evidence::PriorOfK;
    /// let prior = PriorOfK::BetaNegativeBinomial { shape: 1.0, a: 4.0, b: 3.0 };
    /// assert!((prior.ln_probability(1).exp() - 4.0 / 7.0).abs() < 1e-12);
    /// ```
    pub fn ln_probability(&self, k: usize) -> f64 {
        let x = k as f64 - 1.0;
        match *self {
            Self::Uniform => 0.0,
            Self::Poisson { rate } => x * rate.ln() - rate - ln_gamma(x + 1.0),
            Self::BetaNegativeBinomial { shape, a, b } => {
                ln_gamma(shape + x) - ln_gamma(shape) - ln_gamma(x + 1.0) + ln_beta(a + shape, b + x) - ln_beta(a, b)
            }
        }
    }
}

/// The posterior probability of a number of components.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProbabilityOfK {
    /// The number of components.
    pub k: usize,
    /// Its evidence.
    pub evidence: Evidence,
    /// The prior probability among the numbers that are compared.
    pub prior: f64,
    /// The posterior probability among the numbers that are compared.
    pub probability: f64,
    /// Its Monte Carlo standard error.
    pub standard_error: f64,
}

/// Why there are no probabilities.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NoProbabilities {
    /// There is nothing to compare.
    #[error("there are no evidences to compare")]
    None,
    /// K is 0 or appears twice.
    #[error("{k} components: each number must be at least 1 and appear once")]
    Components {
        /// The number of components.
        k: usize,
    },
    /// An evidence or its error is not a number.
    #[error("{k} components: the log evidence is {value}")]
    NotFinite {
        /// The number of components.
        k: usize,
        /// The log evidence.
        value: f64,
    },
    /// A parameter of the prior is not positive and finite.
    #[error("the prior of the number of components has no probabilities: its parameters must be positive and finite")]
    Prior,
}

/// The posterior probabilities of the numbers of components that are compared, each with its evidence.
///
/// ```text
/// p(K | y) = m_K(y) p(K) / sum_J m_J(y) p(J)
/// se(p_K)^2 = p_K^2 [ (1 - p_K)^2 se_K^2 + sum_{J != K} p_J^2 se_J^2 ]
/// ```
///
/// The error is that of the delta method, for evidences from independent runs.
///
/// # Errors
/// [`NoProbabilities`] if there is nothing to compare, a K is 0 or appears twice, an evidence is not finite, or the prior has
/// no such parameters.
pub fn probabilities_of_k(
    evidences: &[(usize, Evidence)],
    prior: PriorOfK,
) -> Result<Vec<ProbabilityOfK>, NoProbabilities> {
    for (i, (k, evidence)) in evidences.iter().enumerate() {
        if *k == 0 || evidences[..i].iter().any(|(other, _)| other == k) {
            return Err(NoProbabilities::Components { k: *k });
        }
        if !(evidence.ln_evidence.is_finite() && evidence.standard_error.is_finite()) {
            return Err(NoProbabilities::NotFinite { k: *k, value: evidence.ln_evidence });
        }
    }
    let ln_prior: Vec<f64> = evidences.iter().map(|(k, _)| prior.ln_probability(*k)).collect();
    if ln_prior.iter().any(|ln| !ln.is_finite()) {
        return Err(NoProbabilities::Prior);
    }
    let ln_joint: Vec<f64> = evidences.iter().zip(&ln_prior).map(|((_, e), ln)| e.ln_evidence + ln).collect();
    let (total, total_prior) = (log_sum_exp(&ln_joint), log_sum_exp(&ln_prior));
    if !total.is_finite() {
        return Err(NoProbabilities::None);
    }
    let p: Vec<f64> = ln_joint.iter().map(|ln| (ln - total).exp()).collect();
    let of = |i: usize| {
        let (k, evidence) = evidences[i];
        let slope = |j: usize| if i == j { 1.0 - p[i] } else { p[j] };
        let variance: f64 = (0..p.len()).map(|j| (slope(j) * evidences[j].1.standard_error).powi(2)).sum();
        let prior = (ln_prior[i] - total_prior).exp();
        ProbabilityOfK { k, evidence, prior, probability: p[i], standard_error: p[i] * variance.sqrt() }
    };
    Ok((0..p.len()).map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Permutations;

    fn evidence(ln_evidence: f64, standard_error: f64) -> Evidence {
        Evidence { ln_evidence, standard_error, permutations: Permutations::All }
    }

    #[test]
    fn probabilities_weigh_evidence_by_prior_and_sum_to_one() {
        let evidences =
            [(1, evidence(-1000.0, 0.0)), (2, evidence(-1000.0 + 3f64.ln(), 0.1)), (4, evidence(-2000.0, 0.5))];
        let table = probabilities_of_k(&evidences, PriorOfK::Uniform).unwrap();
        assert!((table[0].probability - 0.25).abs() < 1e-13 && (table[1].probability - 0.75).abs() < 1e-13);
        assert_eq!(table[2].probability, 0.0);
        // dp/d(ln m_2) = p_1 p_2.
        assert!((table[0].standard_error - 0.1 * 0.25 * 0.75).abs() < 1e-13);
        assert!((table[1].standard_error - 0.1 * 0.25 * 0.75).abs() < 1e-13);
        // Poisson(2) of 0 and 1: 1 to 2.
        let table = probabilities_of_k(&evidences[..2], PriorOfK::Poisson { rate: 2.0 }).unwrap();
        assert!((table[0].probability - 1.0 / 7.0).abs() < 1e-13 && (table[0].prior - 1.0 / 3.0).abs() < 1e-13);
    }

    #[test]
    fn priors_of_the_number_of_components_sum_to_one_and_have_their_means() {
        let poisson = PriorOfK::Poisson { rate: 3.0 };
        let beta = PriorOfK::BetaNegativeBinomial { shape: 1.0, a: 4.0, b: 3.0 };
        // The mean of a beta negative binomial is shape b / (a - 1); its tail falls like k^-5.
        for (prior, mean) in [(poisson, 3.0), (beta, 1.0)] {
            let p = |k: usize| prior.ln_probability(k).exp();
            assert!(((1..20_000).map(p).sum::<f64>() - 1.0).abs() < 1e-9, "{prior:?}");
            let sum: f64 = (1..20_000).map(|k| (k as f64 - 1.0) * p(k)).sum();
            assert!((sum - mean).abs() < 1e-6, "{prior:?}: {sum}");
        }
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let one = evidence(-3.0, 0.1);
        assert_eq!(probabilities_of_k(&[], PriorOfK::Uniform), Err(NoProbabilities::None));
        let twice = [(2, one), (2, one)];
        assert_eq!(probabilities_of_k(&twice, PriorOfK::Uniform), Err(NoProbabilities::Components { k: 2 }));
        assert_eq!(probabilities_of_k(&[(0, one)], PriorOfK::Uniform), Err(NoProbabilities::Components { k: 0 }));
        let infinite = [(1, evidence(f64::INFINITY, 0.1))];
        assert!(matches!(
            probabilities_of_k(&infinite, PriorOfK::Uniform),
            Err(NoProbabilities::NotFinite { k: 1, .. })
        ));
        let bad = PriorOfK::Poisson { rate: 0.0 };
        assert_eq!(probabilities_of_k(&[(2, one)], bad), Err(NoProbabilities::Prior));
    }
}
