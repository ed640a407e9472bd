//! Chib's estimate of the evidence, averaged over the numberings of the components.

use std::ops::Range;

use gmm_core::planted::{Defect, sound};
use gmm_core::{Data, Streams, log_sum_exp};
use rayon::prelude::*;

use super::allocations::{Allocator, Half, Place, spaced};
use super::conditional::{Numberings, Point};
use super::permanent::ln_factorial;
use super::{Evidence, MOST_EXCHANGING, NoEvidence, Permutations, error_of_mean, in_order};
use crate::Draws;

/// Chib's estimate (Chib 1995), with the permutations without which it is wrong by up to ln K! (Neal 1999; Berkhof, van
/// Mechelen & Gelman 2003; Marin & Robert 2008), at several points.
///
/// ```text
/// m(y) = L(t*) p(t*) / p(t* | y),   p(t* | y) ~ 1/T sum_t 1/K! sum_s p(s t* | z_t, y)
/// ln m = ln sum_i v_i L(t_i) p(t_i)  -  ln 1/T sum_t sum_i v_i 1/K! sum_s p(s t_i | z_t, y)
/// ```
///
/// The first line holds at any point and so do weighted sums of it. One point of high density may not do: few allocations may
/// contribute to its density, where modes are narrow or a component without rows happens to lie close to another. The t_i are
/// `points` draws of one half of each chain, v_i the inverse of their density estimated from that half, so that all count
/// alike, and the z_t are drawn given the draws of the other half. Then the halves change places, and the two results, from
/// different draws, are averaged.
///
/// The standard error is that of the logarithm of the mean over t, autocorrelation included; the points are taken as given.
/// Where few allocations carry the densities the mean has a long upper tail: the evidence then errs upwards, and its error is too
/// small, more often than a normal distribution says. Compare with bridge sampling.
///
/// Costs a sweep and 2 `points` permanents ([`MOST_EXCHANGING`]) for each draw: O(n K d^2 + points (K^2 d^3 + K 2^K)). The sum
/// over s is over all permutations unless more than `most_exchanging` components exchange at once; then it is estimated,
/// without bias, from `sampled` permutations for each draw and point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chib {
    /// The number of points from each half, at least 1; all draws if there are no more.
    pub points: usize,
    /// The most components whose permutations are all summed, at most [`MOST_EXCHANGING`].
    pub most_exchanging: usize,
    /// Permutations for each draw where there are more, at least 1.
    pub sampled: usize,
}

impl Default for Chib {
    /// 20 points; all permutations up to [`MOST_EXCHANGING`], 100 beyond.
    fn default() -> Self {
        Self { points: 20, most_exchanging: MOST_EXCHANGING, sampled: 100 }
    }
}

/// A point and the log of its posterior density, not normalised.
struct Candidate {
    point: Point,
    ln_joint: f64,
}

impl Chib {
    pub(crate) fn estimate(&self, data: &Data, draws: &Draws, streams: &Streams) -> Result<Evidence, NoEvidence> {
        for (name, value) in [("points", self.points), ("sampled", self.sampled)] {
            if value == 0 {
                return Err(NoEvidence::Zero { name });
            }
        }
        let labels = streams.named("labels");
        let allocator = Allocator::new(data, draws, &labels);
        let mut candidates = Vec::new();
        for half in [Half::First, Half::Second] {
            for place in spaced(&half.places(draws).concat(), self.points) {
                candidates.push(candidate(draws, &allocator, place)?);
            }
        }
        let n = candidates.len() / 2;
        let [first, second] = [Half::First, Half::Second].map(|half| {
            let places = half.places(draws);
            let densities = self.densities(data, draws, &candidates, places.concat(), streams);
            (densities, places[0].len())
        });
        let (first, second) = ((first.0?, first.1), (second.0?, second.1));
        let (a, error_a) = combine(&candidates[..n], &first.0.columns(0..n), &second.0.columns(0..n), second.1)?;
        let (b, error_b) = combine(&candidates[n..], &second.0.columns(n..2 * n), &first.0.columns(n..2 * n), first.1)?;
        let missing = sound(0.0, Defect::ChibWithoutPermutations, ln_factorial(draws.model().k()));
        Ok(Evidence {
            ln_evidence: 0.5 * (a + b) - missing,
            standard_error: 0.5 * error_a.hypot(error_b),
            permutations: match first.0.exact && second.0.exact {
                true => Permutations::All,
                false => Permutations::Sampled { n: self.sampled },
            },
        })
    }

    /// The densities at all points given the allocations of all places.
    fn densities(
        &self,
        data: &Data,
        draws: &Draws,
        candidates: &[Candidate],
        places: Vec<Place>,
        streams: &Streams,
    ) -> Result<Densities, NoEvidence> {
        let (labels, permutations) = (streams.named("labels"), streams.named("permutations"));
        let most = self.most_exchanging.min(MOST_EXCHANGING);
        let rows = in_order(places.into_par_iter().map_init(
            || (Allocator::new(data, draws, &labels), Numberings::new(draws.model())),
            |(allocator, numberings), place| {
                let conditional = allocator.conditional(place)?;
                let mut rng = permutations.split(place.chain as u64).rng(place.draw as u64);
                let mut row = Vec::with_capacity(candidates.len());
                for candidate in candidates {
                    let sampling = (self.sampled, &mut rng as &mut dyn rand::Rng);
                    let mean = numberings.ln_mean_sampled(&conditional, &candidate.point, most, sampling);
                    // An estimate may be 0.
                    if mean.value.is_nan() || mean.value == f64::INFINITY {
                        let number = place.chain * draws.n_draws() + place.draw;
                        return Err(NoEvidence::NotFinite { what: "draw", number, value: mean.value });
                    }
                    row.push(mean);
                }
                Ok(row)
            },
        ))?;
        Ok(Densities {
            exact: rows.iter().flatten().all(|mean| mean.exact),
            rows: rows.into_iter().map(|row| row.into_iter().map(|mean| mean.value).collect()).collect(),
        })
    }
}

/// Log densities of points given allocations: a row for each allocation.
struct Densities {
    rows: Vec<Vec<f64>>,
    exact: bool,
}

impl Densities {
    /// For each of some points the densities given all allocations.
    fn columns(&self, points: Range<usize>) -> Vec<Vec<f64>> {
        points.map(|point| self.rows.iter().map(|row| row[point]).collect()).collect()
    }
}

/// The estimate at some points from their own half, given the allocations of the other half, `n_each` of each chain; and its
/// standard error.
fn combine(
    candidates: &[Candidate],
    own: &[Vec<f64>],
    other: &[Vec<f64>],
    n_each: usize,
) -> Result<(f64, f64), NoEvidence> {
    let ln_mean = |ln: &[f64]| log_sum_exp(ln) - (ln.len() as f64).ln();
    let ln_weights: Vec<f64> = own.iter().map(|ln| -ln_mean(ln)).collect();
    let weighted = |ln: &mut dyn Iterator<Item = f64>| {
        log_sum_exp(&ln.zip(&ln_weights).map(|(ln, weight)| ln + weight).collect::<Vec<_>>())
    };
    let numerator = weighted(&mut candidates.iter().map(|candidate| candidate.ln_joint));
    // The denominator of each allocation.
    let terms: Vec<f64> = (0..other[0].len()).map(|t| weighted(&mut other.iter().map(|ln| ln[t]))).collect();
    let denominator = ln_mean(&terms);
    if !(numerator.is_finite() && denominator.is_finite()) {
        return Err(NoEvidence::NoOrdinate { value: denominator });
    }
    let relative: Vec<f64> = terms.iter().map(|ln| (ln - denominator).exp()).collect();
    let chains: Vec<&[f64]> = relative.chunks_exact(n_each).collect();
    Ok((numerator - denominator, error_of_mean(&chains)))
}

/// A stored draw as a point.
fn candidate(draws: &Draws, allocator: &Allocator<'_>, place: Place) -> Result<Candidate, NoEvidence> {
    let model = draws.model();
    let point = Point::new(allocator.mixture(place)?);
    let too_many = NoEvidence::TooManyComponents { k: model.k(), most: MOST_EXCHANGING };
    let prior = Numberings::new(model).ln_prior_mean(&point, MOST_EXCHANGING).ok_or(too_many)?;
    Ok(Candidate { point, ln_joint: draws.draw(place.chain, place.draw).ln_posterior() + prior })
}
