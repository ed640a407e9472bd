//! What is reported of the draws, by name: label-invariant quantities first, then those of each component.

use gmm_core::{Shape, Structure};

use crate::Draws;

/// One number per draw, by chain: those that [`Draws::quantities`] lists, or any other to be summarised.
///
/// ```
/// use gmm_mcmc::{Quantity, summarise};
/// let chain = |start: u32| (0..500).map(|i| f64::from((i + start) * 7919 % 1009)).collect::<Vec<f64>>();
/// let quantity = Quantity { name: "mine".to_owned(), values: vec![chain(0), chain(250)] };
/// let summary = &summarise(&[quantity])[0];
/// assert!(summary.q5 < summary.q50 && summary.q50 < summary.q95);
/// assert!(!summary.has_high_r_hat() && !summary.has_low_ess());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// Its name, such as `means[0,1]`; indices count from 0.
    pub name: String,
    /// Chains x draws.
    pub values: Vec<Vec<f64>>,
}

impl Draws {
    /// The reported quantities in order.
    ///
    /// ```text
    /// ln_likelihood, ln_posterior        of the parameters, with all constants
    /// n_occupied                         components with at least one row
    /// sum_squared_weights                sum_k w_k^2
    /// mixture_mean[i]                    sum_k w_k mu_k
    /// mixture_covariance[i,j], i <= j    covariance of the mixture distribution
    /// weights[k]                         from here on by component, after relabelling
    /// means[k,i]
    /// covariances[k,i,j], i <= j         Full; Diagonal: i = j; Isotropic: [k,0,0]; Tied: k = 0; Known: none
    /// ```
    pub fn quantities(&self) -> Vec<Quantity> {
        let (k, d) = (self.model().k(), self.model().d());
        let pairs = || (0..d).flat_map(|i| (i..d).map(move |j| (i, j)));
        let chains = self.chains();
        let mut all = Vec::new();
        let mut list = |name: String, values: Vec<Vec<f64>>| all.push(Quantity { name, values });

        list("ln_likelihood".into(), chains.iter().map(|c| c.ln_likelihood.clone()).collect());
        list("ln_posterior".into(), chains.iter().map(|c| c.ln_posterior.clone()).collect());
        let occupied = chains.iter().map(|c| c.n_occupied.iter().map(|n| *n as f64).collect()).collect();
        list("n_occupied".into(), occupied);
        list("sum_squared_weights".into(), self.map(|row| row.weights().iter().map(|w| w * w).sum()));
        for i in 0..d {
            list(format!("mixture_mean[{i}]"), self.map(|row| row.mixture_mean(i)));
        }
        for (i, j) in pairs() {
            list(format!("mixture_covariance[{i},{j}]"), self.map(|row| row.mixture_covariance(i, j)));
        }

        for c in 0..k {
            list(format!("weights[{c}]"), self.map(|row| row.weight(c)));
        }
        for c in 0..k {
            for i in 0..d {
                list(format!("means[{c},{i}]"), self.map(|row| row.mean(c, i)));
            }
        }
        let learned = match self.model().structure() {
            Structure::Free(_) => k,
            Structure::Tied(_) => 1,
            Structure::Known(_) => 0,
        };
        for c in 0..learned {
            for (i, j) in pairs() {
                let reported = match self.model().shape() {
                    Shape::Full => true,
                    Shape::Diagonal => i == j,
                    Shape::Isotropic => (i, j) == (0, 0),
                };
                if reported {
                    list(format!("covariances[{c},{i},{j}]"), self.map(|row| row.covariance(c, i, j)));
                }
            }
        }
        all
    }
}
