//! Parallel tempering: chains from the posterior to the prior that exchange their allocations.

mod ladder;
mod trips;

use gmm_core::planted::{Defect, sound};
use gmm_core::{Data, Degenerate, Mixture, Model, Streams};
use rand::RngExt;
use rayon::prelude::*;

use self::ladder::Ladder;
use self::trips::Trips;
use crate::{GibbsError, Kind, Scan, Tempering};

/// Several chains of [`Scan`]s side by side, the rungs of a ladder of powers b from 1 (the posterior: the cold rung) to 0 (the prior).
///
/// ```text
/// rung b    p(w, mu, S) p(z | w) prod_i Normal(x_i | mu_{z_i}, S_{z_i})^b
/// as of z   q_b(z) = p(z) * integral of p(mu, S) prod_i Normal(x_i | ..)^b
/// ```
///
/// The densities of rows alone are raised to the power, not the probabilities of allocations: a row then counts as b rows for
/// means and covariances, which stay conjugate in every structure, and power 0 is the prior, where a blocked scan draws a
/// state that owes nothing to the one before. So a chain cannot stay in the mode where it started.
///
/// Before each scan neighbours exchange their allocations with probability
/// `min(1, q_b(z') q_b'(z) / (q_b(z) q_b'(z')))`. Parameters are integrated out of that ratio and drawn anew by the scan, so
/// swaps are more frequent than those of whole states. Pairs take turns, the even ones and then the odd ones: the schedule is
/// not reversible, and states travel along the ladder rather than diffuse (Syed, Bouchard-Cote, Deligiannidis & Doucet
/// 2022).
///
/// ```
/// use gmm_core::{Data, Model, Shape, Streams, Structure};
/// use gmm_mcmc::{Kind, TemperedScan, Tempering};
/// let data = Data::from_rows(&[[0.0], [0.5], [1.0], [8.0], [8.5], [9.0]])?;
/// let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
/// let (start, ladder) = (model.blank_mixture(), Tempering { rungs: 5 });
/// let mut tempered = TemperedScan::new(Kind::Blocked, ladder, &model, &data, start, Streams::new(3))?;
/// tempered.warm_up(200, |_| Ok::<(), gmm_core::Degenerate>(()))?;
/// for _ in 0..200 {
///     tempered.step()?;
/// }
/// assert!(tempered.cold().ln_likelihood().is_finite());
/// assert!(tempered.swaps().round_trips > 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TemperedScan<'a> {
    rungs: Vec<Scan<'a>>,
    ladder: Ladder,
    trips: Trips,
    swap_streams: Streams,
    number: u64,
    /// Scans since powers and counts were set.
    counted: u64,
    /// Rungs of one parallel task: small problems are not worth several.
    rungs_per_task: usize,
}

/// How well the rungs of a ladder were connected while draws were kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Swaps {
    /// The powers, from 1 down to 0.
    pub powers: Vec<f64>,
    /// The mean probability of a swap of each pair of neighbours; NaN where none was tried.
    pub rates: Vec<f64>,
    /// How many times a state went from the cold end to the hot one and back.
    pub round_trips: usize,
    /// In how many scans.
    pub scans: u64,
}

impl Swaps {
    /// The estimate of the global communication barrier, the sum of the rates of refusal (Syed et al. 2022): a property of the
    /// model and data that more rungs change little. Where neighbours hardly swap it is a lower bound: no ladder shows more than
    /// its rungs less one.
    pub fn barrier(&self) -> f64 {
        self.rates.iter().map(|rate| 1.0 - rate).sum()
    }

    /// The round trips per scan of a ladder with very many rungs and the same barrier, `1 / (2 + 2 barrier)`: the
    /// most there can be.
    pub fn best_round_trip_rate(&self) -> f64 {
        1.0 / (2.0 + 2.0 * self.barrier())
    }

    /// The round trips per scan.
    pub fn round_trip_rate(&self) -> f64 {
        self.round_trips as f64 / self.scans as f64
    }
}

/// The first round of the warm-up is about this long; the others are twice as long each.
const FIRST_ROUND: usize = 16;

/// Rows of one parallel task, times components.
const WORK_PER_TASK: usize = 1 << 14;

impl<'a> TemperedScan<'a> {
    /// All rungs start at one mixture (of the model's structure), with powers in a geometric progression. The streams must be
    /// the chain's own.
    ///
    /// # Errors
    /// [`GibbsError`]: a flat prior or fewer than two rungs.
    pub fn new(
        kind: Kind,
        tempering: Tempering,
        model: &'a Model,
        data: &'a Data,
        start: Mixture,
        streams: Streams,
    ) -> Result<Self, GibbsError> {
        if !model.is_proper() {
            return Err(GibbsError::FlatPrior);
        }
        if tempering.rungs < 2 {
            return Err(GibbsError::Rungs { rungs: tempering.rungs });
        }
        let ladder = Ladder::new(tempering.rungs, data.n());
        let rung_streams = streams.named("rungs");
        let of_rung = |(r, power): (usize, &f64)| {
            let mut scan = Scan::of_kind(kind, model, data, start.clone(), rung_streams.split(r as u64))?;
            scan.set_power(*power)?;
            Ok(scan)
        };
        let rungs: Result<Vec<Scan<'a>>, Degenerate> = ladder.powers().iter().enumerate().map(of_rung).collect();
        Ok(Self {
            rungs: rungs.map_err(|source| GibbsError::Degenerate { chain: 0, scan: 0, source })?,
            trips: Trips::new(tempering.rungs),
            ladder,
            swap_streams: streams.named("swaps"),
            number: 0,
            counted: 0,
            rungs_per_task: WORK_PER_TASK.div_ceil(data.n() * model.k()),
        })
    }

    /// Scans in rounds, each about twice as long as the one before; after each the powers are placed so that all pairs would have
    /// refused equally often. Calls `after` with the cold rung after each scan.
    ///
    /// # Errors
    /// [`Degenerate`] as in [`step`](Self::step), or what `after` returns.
    pub fn warm_up<E: From<Degenerate>>(
        &mut self,
        scans: usize,
        mut after: impl FnMut(&Scan<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut rounds = 1;
        while scans >> rounds >= FIRST_ROUND {
            rounds += 1;
        }
        let ends: Vec<usize> = (0..rounds).rev().map(|halvings| scans >> halvings).collect();
        for scan in 1..=scans {
            self.step()?;
            after(self.cold())?;
            if ends.contains(&scan) {
                self.ladder.equalise();
                for (rung, power) in self.rungs.iter_mut().zip(self.ladder.powers()) {
                    rung.set_power(*power)?;
                }
            }
        }
        self.ladder.forget();
        self.trips.restart();
        self.counted = 0;
        Ok(())
    }

    /// Swaps, then one scan of each rung, in the current rayon pool.
    ///
    /// # Errors
    /// [`Degenerate`] if a scale matrix is not positive definite; the state is then of no use.
    pub fn step(&mut self) -> Result<(), Degenerate> {
        self.number += 1;
        self.counted += 1;
        self.swap();
        let tasks = self.rungs.par_iter_mut().with_min_len(self.rungs_per_task);
        let done: Vec<Result<(), Degenerate>> = tasks.map(Scan::step).collect();
        // The error of the coldest rung, whichever came first.
        done.into_iter().collect()
    }

    fn swap(&mut self) {
        let mut rng = self.swap_streams.rng(self.number);
        let first = usize::from(self.number.is_multiple_of(2));
        let powers = self.ladder.powers();
        // For each rung its allocations under its own power and under that of its neighbour.
        let pairs: Vec<(usize, f64)> = self.rungs[first..]
            .par_chunks_exact_mut(2)
            .with_min_len(self.rungs_per_task)
            .enumerate()
            .map(|(i, rungs)| {
                let pair = first + 2 * i;
                let (cold, hot) = (powers[pair], powers[pair + 1]);
                let crossed = rungs[1].ln_allocations(cold) + rungs[0].ln_allocations(hot);
                (pair, crossed - rungs[0].ln_allocations(cold) - rungs[1].ln_allocations(hot))
            })
            .collect();
        for (pair, ln_ratio) in pairs {
            let ln_ratio = sound(ln_ratio, Defect::SwapRatioInverted, -ln_ratio);
            let acceptance = sound(ln_ratio.exp().min(1.0), Defect::SwapsAlways, 1.0);
            self.ladder.record(pair, acceptance);
            if rng.random::<f64>() < acceptance {
                let (cold, hot) = self.rungs.split_at_mut(pair + 1);
                if let (Some(cold), Some(hot)) = (cold.last_mut(), hot.first_mut()) {
                    cold.swap_allocations(hot);
                }
                self.trips.swap(pair);
            }
        }
        self.trips.arrive();
    }

    /// The rung of power 1: a chain of the posterior.
    pub fn cold(&self) -> &Scan<'a> {
        &self.rungs[0]
    }

    /// All rungs, by falling power. Log-likelihoods are those of the cold one alone.
    pub fn rungs(&self) -> &[Scan<'a>] {
        &self.rungs
    }

    /// What the swaps since the warm-up have shown.
    pub fn swaps(&self) -> Swaps {
        Swaps {
            powers: self.ladder.powers().to_vec(),
            rates: self.ladder.rates(),
            round_trips: self.trips.round_trips(),
            scans: self.counted,
        }
    }
}
