//! What is reported of the draws, by name: label-invariant quantities first, then those of each component.

use gmm_core::{Shape, Structure};

use crate::Draws;
use crate::draws::DrawRow;

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

/// A quantity to be: its name, and what it is of a draw.
pub(crate) struct Reported {
    name: String,
    of: Box<dyn Fn(&DrawRow<'_>) -> f64 + Send + Sync>,
}

impl Draws {
    /// The reported quantities in order, each with its draws; for their summaries alone see [`Draws::summaries`].
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
        self.reported().into_iter().map(|reported| self.quantity(reported)).collect()
    }

    /// The reported quantity of a name, with its draws; `None` if there is none of that name.
    pub fn named(&self, name: &str) -> Option<Quantity> {
        let found = self.reported().into_iter().find(|reported| reported.name == name)?;
        Some(self.quantity(found))
    }

    /// The draws of a quantity.
    pub(crate) fn quantity(&self, reported: Reported) -> Quantity {
        Quantity { name: reported.name, values: self.map(reported.of) }
    }

    /// What [`Draws::quantities`] lists.
    pub(crate) fn reported(&self) -> Vec<Reported> {
        let (k, d) = (self.model().k(), self.model().d());
        let pairs = || (0..d).flat_map(|i| (i..d).map(move |j| (i, j)));
        let mut all = Vec::new();
        let mut list =
            |name: String, of: Box<dyn Fn(&DrawRow<'_>) -> f64 + Send + Sync>| all.push(Reported { name, of });

        list("ln_likelihood".into(), Box::new(|row| row.ln_likelihood()));
        list("ln_posterior".into(), Box::new(|row| row.ln_posterior()));
        list("n_occupied".into(), Box::new(|row| row.n_occupied() as f64));
        list("sum_squared_weights".into(), Box::new(|row| row.weights().iter().map(|w| w * w).sum()));
        for i in 0..d {
            list(format!("mixture_mean[{i}]"), Box::new(move |row| row.mixture_mean(i)));
        }
        for (i, j) in pairs() {
            list(format!("mixture_covariance[{i},{j}]"), Box::new(move |row| row.mixture_covariance(i, j)));
        }

        for c in 0..k {
            list(format!("weights[{c}]"), Box::new(move |row| row.weight(c)));
        }
        for c in 0..k {
            for i in 0..d {
                list(format!("means[{c},{i}]"), Box::new(move |row| row.mean(c, i)));
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
                    list(format!("covariances[{c},{i},{j}]"), Box::new(move |row| row.covariance(c, i, j)));
                }
            }
        }
        all
    }
}
