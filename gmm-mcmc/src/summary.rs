//! Summaries of quantities with their diagnostics, and whether chains disagree in level.

use rayon::prelude::*;

use crate::diagnostics::{NormalScores, Ranked, mcse_mean, quantile};
use crate::{Draws, Quantity};

/// The posterior of one quantity. Diagnostics that have no value (a constant quantity) are NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantitySummary {
    /// The name.
    pub name: String,
    /// The posterior mean.
    pub mean: f64,
    /// The posterior standard deviation.
    pub sd: f64,
    /// The 5 % quantile.
    pub q5: f64,
    /// The lower quartile.
    pub q25: f64,
    /// The median.
    pub q50: f64,
    /// The upper quartile.
    pub q75: f64,
    /// The 95 % quantile.
    pub q95: f64,
    /// The Monte Carlo standard error of the mean.
    pub mcse_mean: f64,
    /// The effective sample size of the bulk.
    pub ess_bulk: f64,
    /// The effective sample size of the tails.
    pub ess_tail: f64,
    /// The rank-normalised split R-hat.
    pub r_hat: f64,
}

impl QuantitySummary {
    /// R-hat above which chains have not mixed.
    pub const R_HAT_LIMIT: f64 = 1.01;
    /// Effective sample size below which figures are rough.
    pub const ESS_LIMIT: f64 = 400.0;

    /// Whether R-hat says that the chains have not mixed, or has no value though the quantity varies.
    pub fn has_high_r_hat(&self) -> bool {
        self.varies() && (self.r_hat.is_nan() || self.r_hat > Self::R_HAT_LIMIT)
    }

    /// Whether an effective sample size says that figures are rough, or has no value though the quantity varies.
    pub fn has_low_ess(&self) -> bool {
        self.varies() && [self.ess_bulk, self.ess_tail].iter().any(|ess| ess.is_nan() || *ess < Self::ESS_LIMIT)
    }

    /// Whether the quantity is more than one number; true of a single draw and of values that are not finite.
    fn varies(&self) -> bool {
        self.sd != 0.0
    }
}

impl Draws {
    /// The summaries of all reported quantities ([`Draws::quantities`]), in the current rayon pool. Of the quantities there
    /// are no more at once than threads.
    pub fn summaries(&self) -> Vec<QuantitySummary> {
        let scores = NormalScores::new(self.chains().len() * halves(self.n_draws()));
        let reported = self.reported().into_par_iter();
        reported.map(|reported| summarise_one(&self.quantity(reported), &scores)).collect()
    }
}

/// Summarises quantities, in the current rayon pool.
pub fn summarise(quantities: &[Quantity]) -> Vec<QuantitySummary> {
    let chains = quantities.first().map_or(&[][..], |quantity| &quantity.values);
    let scores = NormalScores::new(chains.iter().map(|chain| halves(chain.len())).sum());
    quantities.par_iter().map(|quantity| summarise_one(quantity, &scores)).collect()
}

/// The number of draws in the two halves of a chain.
fn halves(n_draws: usize) -> usize {
    n_draws / 2 * 2
}

/// Summarises a quantity, with the normal scores of as many ranks as its chains have draws.
fn summarise_one(quantity: &Quantity, scores: &NormalScores) -> QuantitySummary {
    let chains = &quantity.values;
    let all: Vec<f64> = chains.concat();
    let n = all.len() as f64;
    let mean = mean(&all);
    let sum_of_squares: f64 = all.iter().map(|x| (x - mean).powi(2)).sum();
    let ranked = Ranked::new(chains, scores);
    let diagnostic = |f: fn(&Ranked) -> f64| ranked.as_ref().map_or(f64::NAN, f);
    // Quantiles exist where diagnostics do not: of values that are not finite.
    let quantile = |p: f64| ranked.as_ref().map_or_else(|| quantile(&all, p), |ranked| ranked.quantile(p));
    QuantitySummary {
        name: quantity.name.clone(),
        mean,
        sd: (sum_of_squares / (n - 1.0)).sqrt(),
        q5: quantile(0.05),
        q25: quantile(0.25),
        q50: quantile(0.5),
        q75: quantile(0.75),
        q95: quantile(0.95),
        mcse_mean: diagnostic(|ranked| ranked.mcse_mean()),
        ess_bulk: diagnostic(|ranked| ranked.ess_bulk()),
        ess_tail: diagnostic(|ranked| ranked.ess_tail()),
        r_hat: diagnostic(|ranked| ranked.r_hat()),
    }
}

/// The mean about the first value, so that a common offset costs no digits.
fn mean(values: &[f64]) -> f64 {
    let Some(first) = values.first() else { return f64::NAN };
    first + values.iter().map(|x| x - first).sum::<f64>() / values.len() as f64
}

/// The level of each chain: its mean log-likelihood with its Monte Carlo standard error. (The posterior density is
/// unbounded where a weight may vanish.)
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    /// Mean of `ln_likelihood` of each chain.
    pub means: Vec<f64>,
    /// Its Monte Carlo standard error; NaN for a chain that did not move.
    pub mcses: Vec<f64>,
    /// Whether two chains differ by more than 1 and by more than 4 combined standard errors: they sit in
    /// different modes, and no diagnostic of either alone would show it.
    pub disagree: bool,
}

/// Compares the levels of the chains.
///
/// ```
/// use gmm_core::{Data, Model, Shape, Streams, Structure};
/// use gmm_mcmc::{Gibbs, levels, sample};
/// let data = Data::from_rows(&[[0.0], [0.5], [1.0], [8.0], [8.5], [9.0]])?;
/// let model = Model::with_default_prior(2, Structure::Tied(Shape::Full), &data)?;
/// let draws = sample(&model, &data, &Gibbs::default(), &[], &Streams::new(3), &|_| {})?;
/// assert!(!levels(&draws).disagree);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn levels(draws: &Draws) -> Levels {
    let chains: Vec<&[f64]> = draws.chains().iter().map(|c| c.ln_likelihood.as_slice()).collect();
    let means: Vec<f64> = chains.iter().map(|c| mean(c)).collect();
    let mcses: Vec<f64> = chains.iter().map(|c| mcse_mean(&[c])).collect();
    let pairs = (0..chains.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
    let disagree = pairs.into_iter().any(|(a, b)| {
        let or_zero = |x: f64| if x.is_finite() { x } else { 0.0 };
        let error = or_zero(mcses[a]).hypot(or_zero(mcses[b]));
        (means[a] - means[b]).abs() > (4.0 * error).max(1.0)
    });
    Levels { means, mcses, disagree }
}
