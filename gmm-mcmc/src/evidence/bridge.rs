//! Bridge sampling of the evidence, with a proposal that knows no numbering of the components.

use gmm_core::{Data, Mixture, Streams, log_sum_exp};
use rayon::prelude::*;

use super::allocations::{Allocator, Half, spaced};
use super::conditional::{Conditional, Numberings, Point};
use super::{Evidence, MOST_EXCHANGING, NoEvidence, Permutations, error_of_mean, in_order, is_constant};
use crate::Draws;
use crate::diagnostics::ess_mean;

/// Bridge sampling (Meng & Wong 1996) with the proposal of Frühwirth-Schnatter (2004): the posteriors of the parameters given
/// allocations of some draws, averaged over the numberings of the components.
///
/// ```text
/// q(theta) = 1/M sum_m 1/K! sum_s p(s theta | z_m, y),   l(theta) = L(theta) p(theta) / q(theta)
/// r <- mean over q of l / (s1 l + s2 r)  /  mean over draws of 1 / (s1 l + s2 r),   m(y) = the limit of r
/// ```
///
/// with s1 and s2 the shares of N1, the effective number of draws, and N2, that of the proposals. The z_m come from the first
/// half of each chain and the draws of the mean from the second: a proposal that has seen the draws it is compared with is too
/// high there. The prior, too, is averaged over the numberings where concentrations differ, so that neither draws nor proposals
/// need be renumbered.
///
/// The standard error is the relative one of the ratio (Frühwirth-Schnatter 2004, eq. 17), with f1 = `l / (s1 l + s2 r)` and
/// f2 = `r / (s1 l + s2 r)`, and N1 the effective number of draws for the mean of f2:
///
/// ```text
/// var(f1) / (N2 mean(f1)^2) + var(f2) / (N1 mean(f2)^2)
/// ```
///
/// Costs a sweep for each component and proposal and M permanents ([`MOST_EXCHANGING`]) for each draw and proposal:
/// O((N1 + N2) M (K^2 d^3 + K 2^K)), where components that are far apart cost less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bridge {
    /// The number M of draws whose allocations make the proposal, at least 1; all of the first halves if there are no more.
    pub components: usize,
    /// The number N2 of draws from the proposal, at least 1.
    pub proposals: usize,
}

impl Default for Bridge {
    /// 100 components and 2000 proposals.
    fn default() -> Self {
        Self { components: 100, proposals: 2000 }
    }
}

/// The change of the log evidence at which the iteration has converged, and after how many it is given up.
const TOLERANCE: f64 = 1e-10;
const MOST_ITERATIONS: usize = 10_000;

impl Bridge {
    pub(crate) fn estimate(&self, data: &Data, draws: &Draws, streams: &Streams) -> Result<Evidence, NoEvidence> {
        for (name, value) in [("components", self.components), ("proposals", self.proposals)] {
            if value == 0 {
                return Err(NoEvidence::Zero { name });
            }
        }
        let places = spaced(&Half::First.places(draws).concat(), self.components);
        let labels = streams.named("labels");
        let components = in_order(
            places
                .par_iter()
                .map_init(|| Allocator::new(data, draws, &labels), |allocator, place| allocator.conditional(*place)),
        )?;
        let proposal = Proposal { draws, components: &components };

        let seconds = Half::Second.places(draws);
        let n_each = seconds[0].len();
        let of_draws = in_order(seconds.concat().par_iter().map_init(
            || (Allocator::new(data, draws, &labels), Numberings::new(draws.model())),
            |(allocator, numberings), place| {
                let ln_posterior = draws.draw(place.chain, place.draw).ln_posterior();
                let number = place.chain * draws.n_draws() + place.draw;
                proposal.ln_ratio(numberings, allocator.mixture(*place)?, ln_posterior, ("draw", number))
            },
        ))?;

        let own = streams.named("proposals");
        let of_proposals = in_order((0..self.proposals).into_par_iter().map_init(
            || (Allocator::new(data, draws, &labels), Numberings::new(draws.model()), draws.model().blank_mixture()),
            |(allocator, numberings, mixture), number| {
                // Each component has its turn.
                let posterior = allocator.posterior(places[number % places.len()])?;
                posterior
                    .draw(&mut own.rng(number as u64), mixture)
                    .map_err(|source| NoEvidence::Proposal { proposal: number, source })?;
                let ln_posterior = allocator.ln_posterior(mixture);
                proposal.ln_ratio(numberings, mixture.clone(), ln_posterior, ("proposal", number))
            },
        ))?;

        let chains: Vec<&[f64]> = of_draws.chunks_exact(n_each).collect();
        let (ln_evidence, standard_error) = bridge(&chains, &of_proposals)?;
        Ok(Evidence { ln_evidence, standard_error, permutations: Permutations::All })
    }
}

/// The density q.
struct Proposal<'a> {
    draws: &'a Draws,
    components: &'a [Conditional],
}

impl Proposal<'_> {
    /// `ln L + ln p - ln q`.
    fn ln_ratio(
        &self,
        numberings: &mut Numberings,
        mixture: Mixture,
        ln_posterior: f64,
        (what, number): (&'static str, usize),
    ) -> Result<f64, NoEvidence> {
        let point = Point::new(mixture);
        let densities: Option<Vec<f64>> =
            self.components.iter().map(|component| numberings.ln_mean(component, &point, MOST_EXCHANGING)).collect();
        let prior = numberings.ln_prior_mean(&point, MOST_EXCHANGING);
        let (Some(densities), Some(prior)) = (densities, prior) else {
            return Err(NoEvidence::TooManyComponents { k: self.draws.model().k(), most: MOST_EXCHANGING });
        };
        let ln_density = log_sum_exp(&densities) - (self.components.len() as f64).ln();
        let value = ln_posterior + prior - ln_density;
        if value.is_finite() { Ok(value) } else { Err(NoEvidence::NotFinite { what, number, value }) }
    }
}

/// The limit of the iteration and its standard error, from the log ratios of the draws, by chain, and of the proposals.
fn bridge(of_draws: &[&[f64]], of_proposals: &[f64]) -> Result<(f64, f64), NoEvidence> {
    let all: Vec<f64> = of_draws.concat();
    let n_proposals = of_proposals.len() as f64;
    let effective = ess_mean(of_draws);
    let n_draws = if effective.is_nan() { all.len() as f64 } else { effective.min(all.len() as f64) };
    let (ln_s1, ln_s2) = ((n_draws / (n_draws + n_proposals)).ln(), (n_proposals / (n_draws + n_proposals)).ln());
    // ln (s1 l + s2 r)
    let ln_bridge = |ln_l: f64, ln_r: f64| log_sum_exp(&[ln_s1 + ln_l, ln_s2 + ln_r]);
    let ln_mean = |terms: &[f64]| log_sum_exp(terms) - (terms.len() as f64).ln();

    let mut ln_r = median(of_proposals);
    let mut change = f64::INFINITY;
    let mut iterations = 0;
    while change > TOLERANCE {
        if iterations == MOST_ITERATIONS {
            return Err(NoEvidence::NotConverged { iterations, change });
        }
        let above: Vec<f64> = of_proposals.iter().map(|ln_l| ln_l - ln_bridge(*ln_l, ln_r)).collect();
        let below: Vec<f64> = all.iter().map(|ln_l| -ln_bridge(*ln_l, ln_r)).collect();
        let next = ln_mean(&above) - ln_mean(&below);
        change = (next - ln_r).abs();
        ln_r = next;
        iterations += 1;
    }

    let f1: Vec<f64> = of_proposals.iter().map(|ln_l| (ln_l - ln_bridge(*ln_l, ln_r)).exp()).collect();
    let f2: Vec<Vec<f64>> =
        of_draws.iter().map(|chain| chain.iter().map(|ln_l| (ln_r - ln_bridge(*ln_l, ln_r)).exp()).collect()).collect();
    let f2: Vec<&[f64]> = f2.iter().map(Vec::as_slice).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let mean_1 = mean(&f1);
    let variance_1 = f1.iter().map(|f| (f - mean_1).powi(2)).sum::<f64>() / n_proposals;
    let error_1 = if is_constant(&f1) { 0.0 } else { (variance_1 / n_proposals).sqrt() / mean_1 };
    let error_2 = error_of_mean(&f2) / mean(&f2.concat());
    Ok((ln_r, error_1.hypot(error_2)))
}

/// The middle of some values, at least one; of an even number the upper of the two.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
