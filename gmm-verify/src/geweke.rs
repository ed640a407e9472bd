//! The joint distribution test: two simulators of parameters and data, one of which is the sampler.

use gmm_core::{Data, Model, Streams};
use gmm_mcmc::{Gibbs, Kind, Scan};
use rayon::prelude::*;

use crate::multiplicity::{mean_and_squared_error, t_p_value};
use crate::progress::Counter;
use crate::quantities::Quantities;
use crate::{Failure, Joint, Part, Progress, Simulator};

/// Settings of the joint distribution test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Geweke {
    /// The scan that is tested.
    pub kind: Kind,
    /// Rows, at least 2. Few: a chain forgets its parameters the sooner the less its data say.
    pub rows: usize,
    /// Independent draws, at least 4.
    pub draws: usize,
    /// Independent chains, at least 2.
    pub chains: usize,
    /// Alternations of each chain, at least 1.
    pub alternations: usize,
}

impl Default for Geweke {
    /// 20,000 draws, and 300 chains of 2000 blocked scans of 8 rows.
    fn default() -> Self {
        Self { kind: Kind::Blocked, rows: 8, draws: 20_000, chains: 300, alternations: 2000 }
    }
}

impl Geweke {
    /// The default test of the scans of a sampler.
    ///
    /// # Errors
    /// [`Failure::Tempered`]: the test does not apply, since the hot rungs would have to start as draws of their tempered
    /// posteriors.
    pub fn of(gibbs: &Gibbs) -> Result<Self, Failure> {
        match gibbs.tempering {
            None => Ok(Self { kind: gibbs.kind, ..Self::default() }),
            Some(_) => Err(Failure::Tempered),
        }
    }
}

/// What of a function is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// The mean of u: whether the sampler's values are too high or too low.
    Location,
    /// The mean of `(u - 1/2)^2`: whether they are too wide or too narrow.
    Spread,
    /// The mean of `(u - 1/2)(v - 1/2)` with another function's v: whether they go together as they should.
    With(String),
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// The function.
    pub function: String,
    /// What of it.
    pub moment: Moment,
    /// The mean over independent draws.
    pub draws: f64,
    /// The mean over all states of all chains.
    pub chains: f64,
    /// Their difference, chains less draws, over its standard error.
    pub t: f64,
    /// The two-sided p-value of Student's t with Welch's degrees of freedom.
    pub p_value: f64,
    /// How many independent draws would have a mean as precise as the chains'.
    pub effective: f64,
}

/// The quantiles of one function by both simulators, for a quantile-quantile plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantiles {
    /// The function.
    pub function: String,
    /// Of independent draws, at 1 %, 2 %, .., 99 %.
    pub draws: Vec<f64>,
    /// Of states of the chains, at most 50 of each.
    pub chains: Vec<f64>,
}

/// The comparison of both simulators.
#[derive(Debug, Clone, PartialEq)]
pub struct JointTest {
    /// The failures of draws and chains: `draw` or `chain`, number, reason.
    pub failures: Vec<(&'static str, u64, Failure)>,
    /// All comparisons.
    pub tests: Vec<Test>,
    /// All functions.
    pub quantiles: Vec<Quantiles>,
}

/// The names of the functions of parameters and data that are compared, in order.
pub fn functions(model: &Model) -> Vec<String> {
    let mut names = Quantities::new(model).names().to_vec();
    names.extend((0..coordinates(model)).map(|i| format!("data_mean[{i}]")));
    names.extend((0..coordinates(model)).map(|i| format!("data_ln_sd[{i}]")));
    names
}

fn coordinates(model: &Model) -> usize {
    model.d().min(3)
}

/// The pairs of functions whose products are compared.
fn pairs(names: &[String]) -> Vec<(usize, usize)> {
    let place = |name: &str| names.iter().position(|other| other == name);
    let wanted = [
        ("mixture_mean[0]", "data_mean[0]"),
        ("mixture_mean[1]", "data_mean[1]"),
        ("mixture_mean[0]", "mixture_mean[1]"),
        ("ln_det_mixture", "data_ln_sd[0]"),
        ("sum_squared_weights", "n_occupied"),
        ("ln_prior", "ln_complete"),
    ];
    wanted.iter().filter_map(|(a, b)| Some((place(a)?, place(b)?))).collect()
}

fn of_state(model: &Model, quantities: &Quantities<'_>, scan: &Scan<'_>, data: &Data) -> Result<Vec<f64>, Failure> {
    let mut values = quantities.of(scan, data)?;
    values.extend(data.means().iter().take(coordinates(model)));
    values.extend(data.standard_deviations().iter().take(coordinates(model)).map(|sd| sd.ln()));
    Ok(values)
}

/// One independent draw of parameters, allocations and data: its functions. Depends on model, settings, streams and index
/// alone.
///
/// # Errors
/// [`Failure`] if the prior is flat or numbers leave the range of doubles.
pub fn draw(model: &Model, settings: &Geweke, streams: &Streams, index: u64) -> Result<Vec<f64>, Failure> {
    draw_from(model, model, settings, streams, index)
}

pub(crate) fn draw_from(
    source: &Model,
    model: &Model,
    settings: &Geweke,
    streams: &Streams,
    index: u64,
) -> Result<Vec<f64>, Failure> {
    let streams = streams.named("draws").split(index);
    let joint = Simulator::new(source)?.draw(settings.rows.max(2), &mut streams.rng(0))?;
    let start = (joint.mixture, joint.labels);
    let scan = Scan::at(Kind::Blocked, model, &joint.data, start, streams)?;
    of_state(model, &Quantities::new(model), &scan, &joint.data)
}

/// One chain (Geweke 2004): from an independent draw on, scans of the sampler and new data in turn, and the functions after each
/// scan (alternations x functions). Depends on model, settings, streams and index alone.
///
/// ```text
/// Blocked     z | w, mu, S, x;  w, mu, S | z, x;  z | w, mu, S, x    then  z, x | w, mu, S
/// Collapsed   z_i | all other z, x, for i = 1..n;  w, mu, S | z, x   then  z, x | w, mu, S
/// ```
///
/// Each line leaves the joint distribution of parameters, allocations and data as it is if the scan is right, and the chain
/// starts with a draw of it: every state is one. The blocked scan draws its own allocations first, the collapsed one starts
/// from those of the new data.
///
/// # Errors
/// [`Failure`] if the prior is flat or numbers leave the range of doubles.
pub fn chain(model: &Model, settings: &Geweke, streams: &Streams, index: u64) -> Result<Vec<Vec<f64>>, Failure> {
    chain_from(model, model, settings, streams, index)
}

pub(crate) fn chain_from(
    source: &Model,
    model: &Model,
    settings: &Geweke,
    streams: &Streams,
    index: u64,
) -> Result<Vec<Vec<f64>>, Failure> {
    let (streams, rows) = (streams.named("chains").split(index), settings.rows.max(2));
    let (simulator, quantities) = (Simulator::new(source)?, Quantities::new(model));
    let mut rng = streams.rng(0);
    let mut joint = simulator.draw(rows, &mut rng)?;
    let mut states = Vec::with_capacity(settings.alternations);
    for t in 0..settings.alternations.max(1) as u64 {
        let Joint { mixture, labels, data } = joint;
        let streams = streams.split(t);
        let mut scan = match settings.kind {
            Kind::Blocked => Scan::new(model, &data, mixture, streams),
            Kind::Collapsed => Scan::at(Kind::Collapsed, model, &data, (mixture, labels), streams)?,
        };
        scan.step()?;
        states.push(of_state(model, &quantities, &scan, &data)?);
        joint = simulator.draw_rows(scan.mixture().clone(), rows, &mut rng)?;
    }
    Ok(states)
}

/// What both simulators gave, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulations {
    /// Draws x functions.
    pub draws: Vec<Result<Vec<f64>, Failure>>,
    /// Chains x alternations x functions.
    pub chains: Vec<Result<Vec<Vec<f64>>, Failure>>,
}

/// All draws and chains, in parallel.
pub fn simulations(
    model: &Model,
    settings: &Geweke,
    streams: &Streams,
    progress: &(dyn Fn(Progress) + Sync),
) -> Simulations {
    simulations_from(model, model, settings, streams, progress)
}

pub(crate) fn simulations_from(
    source: &Model,
    model: &Model,
    settings: &Geweke,
    streams: &Streams,
    progress: &(dyn Fn(Progress) + Sync),
) -> Simulations {
    let counter = Counter::new(Part::Geweke, settings.chains, progress);
    let draws = (0..settings.draws.max(4) as u64).into_par_iter();
    let chains = (0..settings.chains.max(2) as u64).into_par_iter();
    Simulations {
        draws: draws.map(|index| draw_from(source, model, settings, streams, index)).collect(),
        chains: chains
            .map(|index| {
                let chain = chain_from(source, model, settings, streams, index);
                counter.tick();
                chain
            })
            .collect(),
    }
}

/// Compares both simulators.
///
/// Priors may have no moments, so a function g is compared as `u = F(g)`, with F the empirical distribution function of the first
/// half of the draws (ties count half). Given F, the other half of the draws and the chains are independent samples of the same
/// distribution: a two-sample t-test (Welch 1947) of the mean of `u`, `(u - 1/2)^2` and products, in which one chain counts as one
/// observation, its mean. So autocorrelation is accounted for, whatever it is.
pub fn compare(model: &Model, simulations: &Simulations) -> JointTest {
    let reference = Reference::new(model, &simulations.draws);
    let reduced =
        |chain: &Result<Vec<Vec<f64>>, Failure>| chain.as_ref().map(|c| reference.reduce(c)).map_err(Clone::clone);
    reference.compare(&simulations.chains.iter().map(reduced).collect::<Vec<_>>())
}

/// The most states of a chain that quantiles are taken of.
const MOST_STATES: usize = 50;

/// What the comparison needs of a chain, which is far less than its states.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduced {
    /// The mean over the states of what each test compares.
    pub means: Vec<f64>,
    /// The functions (states x functions) of at most 50 states, evenly spaced.
    pub states: Vec<Vec<f64>>,
}

/// The independent draws, that chains are compared with: once they are made a chain can be reduced as soon as it ends.
#[derive(Debug, Clone)]
pub struct Reference<'a> {
    names: Vec<String>,
    tests: Vec<Tested>,
    draws: Vec<&'a Vec<f64>>,
    /// Each function at the first half of the draws, in order.
    sorted: Vec<Vec<f64>>,
    failures: Vec<(&'static str, u64, Failure)>,
}

/// One test: its functions, of which the second is used by products alone.
#[derive(Debug, Clone)]
struct Tested {
    moment: Moment,
    first: usize,
    second: usize,
}

impl Tested {
    fn of(&self, u: f64, v: f64) -> f64 {
        match self.moment {
            Moment::Location => u,
            Moment::Spread => (u - 0.5).powi(2),
            Moment::With(_) => (u - 0.5) * (v - 0.5),
        }
    }
}

impl<'a> Reference<'a> {
    /// Of all draws.
    pub fn new(model: &Model, draws: &'a [Result<Vec<f64>, Failure>]) -> Self {
        let mut failures = Vec::new();
        let draws = successes("draw", draws, &mut failures);
        let names = functions(model);
        let mut tests = Vec::new();
        for f in 0..names.len() {
            tests.extend([Moment::Location, Moment::Spread].map(|moment| Tested { moment, first: f, second: f }));
        }
        let product = |(a, b): (usize, usize)| Tested { moment: Moment::With(names[b].clone()), first: a, second: b };
        tests.extend(pairs(&names).into_iter().map(product));
        let sorted = |f: usize| {
            let mut values: Vec<f64> = draws[..draws.len() / 2].iter().map(|draw| draw[f]).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        Self { sorted: (0..names.len()).map(sorted).collect(), names, tests, draws, failures }
    }

    /// What the comparison needs of the states of a chain.
    pub fn reduce(&self, chain: &[Vec<f64>]) -> Reduced {
        let step = chain.len().div_ceil(MOST_STATES).max(1);
        let mapped = self.mapped(chain.iter());
        Reduced {
            means: self.values(&mapped).map(|values| values.iter().sum::<f64>() / chain.len() as f64).collect(),
            states: chain.iter().skip(step - 1).step_by(step).cloned().collect(),
        }
    }

    /// The comparison of [`compare`] with chains that were reduced, in order.
    pub fn compare(&self, chains: &[Result<Reduced, Failure>]) -> JointTest {
        let mut failures = self.failures.clone();
        let chains = successes("chain", chains, &mut failures);
        let second = self.mapped(self.draws[self.draws.len() / 2..].iter().copied());
        let tests = self.tests.iter().zip(self.values(&second)).enumerate().map(|(i, (tested, draws))| {
            let means: Vec<f64> = chains.iter().map(|chain| chain.means[i]).collect();
            test(&self.names[tested.first], tested.moment.clone(), &draws, &means)
        });
        let tests = tests.collect();
        let quantiles = self.names.iter().enumerate().map(|(f, function)| Quantiles {
            function: function.clone(),
            draws: percentiles(self.draws.iter().map(|draw| draw[f]).collect()),
            chains: percentiles(chains.iter().flat_map(|chain| chain.states.iter().map(|state| state[f])).collect()),
        });
        JointTest { failures, tests, quantiles: quantiles.collect() }
    }

    /// States mapped to (0, 1): functions x states.
    fn mapped<'b>(&self, states: impl Iterator<Item = &'b Vec<f64>> + Clone) -> Vec<Vec<f64>> {
        let map = |(f, reference): (usize, &Vec<f64>)| {
            let map = |state: &Vec<f64>| {
                let below = reference.partition_point(|x| *x < state[f]);
                let up_to = reference.partition_point(|x| *x <= state[f]);
                (0.5 * (below + up_to) as f64 + 0.5) / (reference.len() + 1) as f64
            };
            states.clone().map(map).collect()
        };
        self.sorted.iter().enumerate().map(map).collect()
    }

    /// What each test compares, at mapped states.
    fn values(&self, mapped: &[Vec<f64>]) -> impl Iterator<Item = Vec<f64>> {
        self.tests.iter().map(move |tested| {
            mapped[tested.first].iter().zip(&mapped[tested.second]).map(|(u, v)| tested.of(*u, *v)).collect()
        })
    }
}

fn successes<'a, T>(
    what: &'static str,
    all: &'a [Result<T, Failure>],
    failures: &mut Vec<(&'static str, u64, Failure)>,
) -> Vec<&'a T> {
    let mut successes = Vec::new();
    for (index, one) in all.iter().enumerate() {
        match one {
            Ok(one) => successes.push(one),
            Err(failure) => failures.push((what, index as u64, failure.clone())),
        }
    }
    successes
}

fn test(name: &str, moment: Moment, draws: &[f64], means: &[f64]) -> Test {
    let (mean, error) = mean_and_squared_error(draws);
    let (chain_mean, chain_error) = mean_and_squared_error(means);
    let (n, r) = (draws.len() as f64, means.len() as f64);
    let (total, difference) = (error + chain_error, chain_mean - mean);
    let dof = total * total / (error * error / (n - 1.0) + chain_error * chain_error / (r - 1.0));
    // A function that is constant in both is equal or not.
    let (t, p_value) = match total == 0.0 {
        true if difference == 0.0 => (0.0, 1.0),
        true => (difference.signum() * f64::INFINITY, 0.0),
        false => (difference / total.sqrt(), t_p_value(difference / total.sqrt(), dof)),
    };
    Test {
        function: name.to_owned(),
        moment,
        draws: mean,
        chains: chain_mean,
        t,
        p_value,
        effective: n * error / chain_error,
    }
}

/// The order statistics at 1 %, .., 99 %.
fn percentiles(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    (1..100).filter_map(|p| values.get((values.len() * p / 100).min(values.len().saturating_sub(1))).copied()).collect()
}
