//! Times EM iterations and Gibbs draws of a simulated problem, in interleaved rounds.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use gmm_core::{
    ComponentPrior, Covariance, Data, InverseWishart, Mixture, Model, NormalInverseWishart, Prior, Streams, Structure,
    Symmetric, Workspace,
};
use gmm_em::{Em, Objective, climb};
use gmm_mcmc::{Gibbs, sample};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::{BenchError, Case};

/// Iterations, or draws, that one round times; each starts at the same mixture.
const STEPS: usize = 4;
/// The fewest and the most rounds.
const ROUNDS: std::ops::RangeInclusive<usize> = 3..=1000;

/// The seconds of one EM iteration and of one Gibbs draw in each round.
pub(super) struct Timing {
    pub(super) threads: usize,
    pub(super) em: Vec<f64>,
    pub(super) gibbs: Vec<f64>,
}

/// Measures a problem on each number of threads, in turn in every round, within about `budget`.
pub(super) fn measure(case: &Case, threads: &[usize], budget: Duration) -> Result<Vec<Timing>, BenchError> {
    let problem = Problem::new(case).map_err(running)?;
    let pools: Vec<ThreadPool> = threads
        .iter()
        .map(|n| ThreadPoolBuilder::new().num_threads(*n).build().map_err(running))
        .collect::<Result<_, _>>()?;
    let blank = |&threads: &usize| Timing { threads, em: Vec::new(), gibbs: Vec::new() };
    let mut timings: Vec<Timing> = threads.iter().map(blank).collect();
    let mut workspace = Workspace::new();
    // The first round only warms up.
    let mut started = Instant::now();
    for round in 0..=*ROUNDS.end() {
        for (pool, timing) in pools.iter().zip(&mut timings) {
            timing.em.push(pool.install(|| problem.em(&mut workspace))?);
            timing.gibbs.push(pool.install(|| problem.gibbs(round as u64))?);
        }
        if round == 0 {
            timings = threads.iter().map(blank).collect();
            started = Instant::now();
        } else if round >= *ROUNDS.start() && started.elapsed() >= budget {
            break;
        }
    }
    Ok(timings)
}

fn running(error: impl std::fmt::Display) -> BenchError {
    BenchError::Running(error.to_string())
}

/// Rows, a model with a proper prior, and where every round starts.
struct Problem {
    data: Data,
    model: Model,
    start: Mixture,
}

impl Problem {
    /// Rows of overlapping unit normals on a line through all dimensions; the start has every mean a bit off.
    fn new(case: &Case) -> Result<Self, Box<dyn std::error::Error>> {
        let Case { n, d, k, shape } = *case;
        let means = |shift: f64| -> Vec<Vec<f64>> {
            let coordinate =
                |c: usize| (2.0 * c as f64 + if c.is_multiple_of(2) { shift } else { -shift }) / (d as f64).sqrt();
            (0..k).map(|c| vec![coordinate(c); d]).collect()
        };
        let truth = Mixture::new(vec![1.0; k], means(0.0), vec![Covariance::isotropic(d, 1.0)?])?;
        let mut rng = Streams::new(1).rng(0);
        let mut values = vec![0.0; n * d];
        for row in values.chunks_exact_mut(d) {
            truth.sample(&mut rng, row);
        }
        let unit = Symmetric::isotropic(d, 1.0)?.to_full().project(shape);
        let start = Mixture::new(vec![1.0; k], means(0.5), vec![Covariance::new(unit.clone())?; k])?;
        let covariance = InverseWishart::new(NormalInverseWishart::default_dof(shape, d), unit)?;
        let components =
            NormalInverseWishart::new(vec![0.0; d], NormalInverseWishart::DEFAULT_KAPPA, Some(covariance))?;
        let prior =
            Prior { weights: Model::dirichlet(vec![1.0; k])?, components: ComponentPrior::Conjugate(components) };
        Ok(Self { data: Data::new(values, d)?, model: Model::new(d, Structure::Free(shape), prior)?, start })
    }

    /// Seconds of an EM iteration: M-step and sweep.
    fn em(&self, workspace: &mut Workspace) -> Result<f64, BenchError> {
        let settings = Em { objective: Objective::Posterior, tolerance: 0.0, max_iterations: STEPS, ..Em::default() };
        let mut clock = Clock::default();
        climb(&self.model, &self.data, self.start.clone(), &settings, workspace, |_, _| clock.tick());
        clock.seconds()
    }

    /// Seconds of a Gibbs draw: parameters, sweep, storing and relabelling.
    fn gibbs(&self, seed: u64) -> Result<f64, BenchError> {
        let settings = Gibbs { chains: 1, warmup: 0, draws: STEPS + 1, ..Gibbs::default() };
        let clock = Mutex::new(Clock::default());
        let tick = |_| clock.lock().unwrap_or_else(std::sync::PoisonError::into_inner).tick();
        let streams = Streams::new(seed);
        sample(&self.model, &self.data, &settings, std::slice::from_ref(&self.start), &streams, &tick)
            .map_err(running)?;
        clock.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).seconds()
    }
}

/// The first and the last of regular ticks.
#[derive(Default)]
struct Clock {
    ticks: u32,
    span: Option<(Instant, Instant)>,
}

impl Clock {
    fn tick(&mut self) {
        let now = Instant::now();
        self.ticks += 1;
        self.span = Some((self.span.map_or(now, |(first, _)| first), now));
    }

    /// The mean time between two ticks.
    fn seconds(&self) -> Result<f64, BenchError> {
        match self.span {
            Some((first, last)) if last > first => Ok((last - first).as_secs_f64() / f64::from(self.ticks - 1)),
            _ => Err(BenchError::Running("the problem is too small to be timed".to_owned())),
        }
    }
}
