//! Simulation-based calibration: ranks of the truth among posterior draws.

use gmm_core::{Model, Streams};
use gmm_mcmc::{Gibbs, Kind, Scan};
use rand::{Rng, RngExt};
use rayon::prelude::*;

use crate::band::{Band, UniformRanks};
use crate::chain::Chain;
use crate::progress::Counter;
use crate::quantities::Quantities;
use crate::{Failure, Joint, Part, Progress, Simulator};

/// Settings of simulation-based calibration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sbc {
    /// What is calibrated: kind and tempering of the chains, and for tempered ones the warm-up. Its number of chains and
    /// draws are not used.
    pub gibbs: Gibbs,
    /// Rows of each simulated data set, at least 1.
    pub rows: usize,
    /// Number of simulated data sets.
    pub replications: usize,
    /// Draws L that the truth is ranked among, at least 1.
    pub draws: usize,
    /// Scans from one draw to the next, at least 1.
    pub thin: usize,
}

impl Default for Sbc {
    /// 4000 data sets of 50 rows, 99 draws of the default chains, 5 scans apart.
    fn default() -> Self {
        Self { gibbs: Gibbs::default(), rows: 50, replications: 4000, draws: 99, thin: 5 }
    }
}

/// How draws of a replication are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The truth has a random place in a stationary sequence: ranks are exactly uniform under a right kernel.
    Stationary,
    /// All rungs start at the truth and are warmed up: ranks are uniform as far as draws are independent of each other and of
    /// where they started.
    WarmedUp,
}

/// The ranks of one replication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranks {
    /// The replication.
    pub index: u64,
    /// Of each quantity how many of the draws are below the truth, 0..=L; ties are broken at random.
    pub ranks: Vec<usize>,
}

/// The calibration of one quantity.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantityCalibration {
    /// Its name.
    pub name: String,
    /// How many ranks are at most r, for r from 0 to L - 1.
    pub counts: Vec<usize>,
    /// `counts[r] / N - (r + 1) / (L + 1)`: the difference of distribution functions.
    pub difference: Vec<f64>,
    /// The r where counts leave the band.
    pub outside: Vec<usize>,
    /// The mean of (rank + 1/2) / (L + 1), which is 1/2: above where draws are too low.
    pub mean: f64,
    /// Its standard deviation over that of uniform ranks, which is 1: above where draws are too narrow.
    pub spread: f64,
    /// The probability of a difference as improbable, see [`UniformRanks::p_value`].
    pub p_value: f64,
}

/// The calibration of a sampler.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// How the draws were made.
    pub start: Start,
    /// Replications with ranks.
    pub replications: usize,
    /// The failures of others: replication and reason.
    pub failures: Vec<(u64, Failure)>,
    /// The band that each quantity alone leaves with probability `1 - level` at most.
    pub band: Band,
    /// All quantities.
    pub quantities: Vec<QuantityCalibration>,
}

/// The names of the quantities that are ranked, in order.
pub fn quantities(model: &Model) -> Vec<String> {
    Quantities::new(model).names().to_vec()
}

/// One replication (Talts, Betancourt, Simpson, Vehtari & Gelman 2018): parameters, allocations and rows from the prior, and
/// the rank of each quantity of the truth among L states of the sampler. Depends on model, settings, streams and index alone.
///
/// The truth is a draw of the posterior given the rows. It is put at a random place M of a stationary sequence of L + 1
/// states: `L - M` (times `thin`) scans go forward from it, and M scans of the chain in reversed time backward (Gandy &
/// Scott 2021, with [`Scan::step_back`]). All L + 1 places are then exchangeable for the truth, and its rank is uniform however
/// slowly the chain mixes. Tempered chains have no such start, see [`Start::WarmedUp`].
///
/// # Errors
/// [`Failure`]; settings of 0 count as 1.
pub fn replicate(model: &Model, settings: &Sbc, streams: &Streams, index: u64) -> Result<Ranks, Failure> {
    replicate_from(model, model, settings, streams, index)
}

/// [`replicate`], the data coming from another model of the same structure: what a wrong sampler is like.
pub(crate) fn replicate_from(
    source: &Model,
    model: &Model,
    settings: &Sbc,
    streams: &Streams,
    index: u64,
) -> Result<Ranks, Failure> {
    let streams = streams.split(index);
    let truth = Simulator::new(source)?.draw(settings.rows.max(1), &mut streams.named("truth").rng(0))?;
    let quantities = Quantities::new(model);
    let mut rng = streams.named("ranks").rng(0);
    let mut ranks = Comparison::default();
    let at = |streams: Streams| at_truth(settings.gibbs.kind, model, &truth, streams);
    ranks.truth = quantities.of(&at(streams.named("forward"))?, &truth.data)?;
    let (draws, thin) = (settings.draws.max(1), settings.thin.max(1));
    match settings.gibbs.tempering {
        None => {
            let place = rng.random_range(0..=draws);
            let (mut forward, mut backward) = (at(streams.named("forward"))?, at(streams.named("backward"))?);
            for _ in place..draws {
                (0..thin).try_for_each(|_| forward.step())?;
                ranks.compare(&quantities.of(&forward, &truth.data)?);
            }
            for _ in 0..place {
                (0..thin).try_for_each(|_| backward.step_back())?;
                ranks.compare(&quantities.of(&backward, &truth.data)?);
            }
        }
        Some(_) => {
            let (start, own) = (truth.mixture.clone(), streams.named("tempered"));
            let mut chain = Chain::new(&settings.gibbs, model, &truth.data, start, own)?;
            chain.warm_up(settings.gibbs.warmup)?;
            for _ in 0..draws {
                (0..thin).try_for_each(|_| chain.step())?;
                ranks.compare(&quantities.of(chain.cold(), &truth.data)?);
            }
        }
    }
    Ok(Ranks { index, ranks: ranks.ranks(&mut rng) })
}

fn at_truth<'a>(kind: Kind, model: &'a Model, truth: &'a Joint, streams: Streams) -> Result<Scan<'a>, Failure> {
    Ok(Scan::at(kind, model, &truth.data, (truth.mixture.clone(), truth.labels.clone()), streams)?)
}

/// Counts draws below the truth and equal to it.
#[derive(Default)]
struct Comparison {
    truth: Vec<f64>,
    below: Vec<usize>,
    equal: Vec<usize>,
}

impl Comparison {
    fn compare(&mut self, draw: &[f64]) {
        self.below.resize(draw.len(), 0);
        self.equal.resize(draw.len(), 0);
        for (i, (draw, truth)) in draw.iter().zip(&self.truth).enumerate() {
            self.below[i] += usize::from(draw < truth);
            self.equal[i] += usize::from(draw == truth);
        }
    }

    fn ranks(self, rng: &mut impl Rng) -> Vec<usize> {
        self.below.iter().zip(&self.equal).map(|(below, equal)| below + rng.random_range(0..=*equal)).collect()
    }
}

/// All replications in parallel, in their order.
pub fn replications(
    model: &Model,
    settings: &Sbc,
    streams: &Streams,
    progress: &(dyn Fn(Progress) + Sync),
) -> Vec<Result<Ranks, Failure>> {
    replications_from(model, model, settings, streams, progress)
}

pub(crate) fn replications_from(
    source: &Model,
    model: &Model,
    settings: &Sbc,
    streams: &Streams,
    progress: &(dyn Fn(Progress) + Sync),
) -> Vec<Result<Ranks, Failure>> {
    let counter = Counter::new(Part::Sbc, settings.replications, progress);
    (0..settings.replications as u64)
        .into_par_iter()
        .map(|index| {
            let ranks = replicate_from(source, model, settings, streams, index);
            counter.tick();
            ranks
        })
        .collect()
}

/// What replications say, with bands of a `level` such as 0.95 for each quantity. Replications are taken to be numbered by
/// their place where they failed.
pub fn calibration(model: &Model, settings: &Sbc, replications: &[Result<Ranks, Failure>], level: f64) -> Calibration {
    let (mut ranks, mut failures) = (Vec::new(), Vec::new());
    for (index, replication) in replications.iter().enumerate() {
        match replication {
            Ok(replication) => ranks.push(replication),
            Err(failure) => failures.push((index as u64, failure.clone())),
        }
    }
    let (n, last) = (ranks.len(), settings.draws.max(1));
    let uniform = UniformRanks::new(n, last);
    let band = uniform.band(level);
    let of_quantity = |(q, name): (usize, String)| {
        let mut counts = vec![0; last + 1];
        let mut fractions = Vec::with_capacity(n);
        for rank in ranks.iter().filter_map(|ranks| ranks.ranks.get(q)) {
            let rank = (*rank).min(last);
            counts[rank] += 1;
            fractions.push((rank as f64 + 0.5) / (last + 1) as f64);
        }
        counts.pop();
        for r in 1..last {
            counts[r] += counts[r - 1];
        }
        let expected = |r: usize| (r + 1) as f64 / (last + 1) as f64;
        let mean = fractions.iter().sum::<f64>() / n as f64;
        let square = fractions.iter().map(|u| (u - mean).powi(2)).sum::<f64>() / n as f64;
        let uniform_square = (1.0 - ((last + 1) as f64).powi(-2)) / 12.0;
        QuantityCalibration {
            name,
            difference: counts.iter().enumerate().map(|(r, c)| *c as f64 / n as f64 - expected(r)).collect(),
            outside: (0..last).filter(|&r| !band.counts[r].contains(&counts[r])).collect(),
            mean,
            spread: (square / uniform_square).sqrt(),
            p_value: if n == 0 { f64::NAN } else { uniform.p_value(&counts) },
            counts,
        }
    };
    Calibration {
        start: if settings.gibbs.tempering.is_some() { Start::WarmedUp } else { Start::Stationary },
        replications: n,
        failures,
        quantities: quantities(model).into_iter().enumerate().map(of_quantity).collect(),
        band,
    }
}
