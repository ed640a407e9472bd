//! Information criteria: AIC, BIC, ICL. Smaller is better for all three.

/// What a fit is judged by: its log-likelihood against its number of parameters.
///
/// ```text
/// AIC = -2 ln L + 2 p
/// BIC = -2 ln L + p ln n                               mclust prints the negative of this
/// ICL = BIC - 2 sum_i ln max_k r_ik                    (Biernacki, Celeux & Govaert 2000)
/// ```
///
/// ```
/// let fit = gmm_em::Criteria::new(-100.0, -2.0, 5, 50);
/// assert_eq!(fit.aic, 210.0);
/// assert_eq!(fit.icl, fit.bic + 4.0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Criteria {
    /// Akaike's criterion.
    pub aic: f64,
    /// The Bayesian information criterion.
    pub bic: f64,
    /// The integrated completed likelihood, by the hard classification.
    pub icl: f64,
}

impl Criteria {
    /// The criteria of a log-likelihood, a log classification `sum_i ln max_k r_ik`, p parameters and n rows.
    pub fn new(ln_likelihood: f64, ln_classification: f64, n_parameters: usize, n: usize) -> Self {
        let p = n_parameters as f64;
        let bic = -2.0 * ln_likelihood + p * (n as f64).ln();
        Self { aic: -2.0 * ln_likelihood + 2.0 * p, bic, icl: bic - 2.0 * ln_classification }
    }
}
