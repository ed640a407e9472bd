//! Against the sum over all partitions of a few rows.

use gmm_core::{Data, DataError, Model, Seeding, Streams, seed_mixture};
use gmm_mcmc::diagnostics::{ess_bulk, r_hat_rank};
use gmm_mcmc::evidence::{Enumeration, Estimate, LEAST_DRAWS, MOST_ROWS, enumerate, evidence};
use gmm_mcmc::{Gibbs, GibbsError, Scan, sample};
use rayon::prelude::*;

use crate::chain::Chain;
use crate::multiplicity::{mean_and_squared_error, t_p_value};
use crate::progress::Counter;
use crate::{Failure, Part, Progress};

/// Settings of the comparison with the enumeration.
#[derive(Debug, Clone, PartialEq)]
pub struct Exact {
    /// The chains that are tested, as they sample.
    pub gibbs: Gibbs,
    /// Rows, the first of the data: at least 2 and K, at most [`MOST_ROWS`].
    pub rows: usize,
    /// Independent runs from dispersed starts, at least 4.
    pub runs: usize,
    /// The effective draws that each run is to have, at least 20.
    pub effective: usize,
    /// The most scans of a run. Chains that would need more do not mix.
    pub most_scans: usize,
    /// Independent estimates of each evidence, at least 4; 0: none.
    pub evidences: usize,
}

impl Default for Exact {
    /// 8 rows, 16 runs of 3000 effective draws and at most 100,000 scans, 12 estimates of each evidence.
    fn default() -> Self {
        Self { gibbs: Gibbs::default(), rows: 8, runs: 16, effective: 3000, most_scans: 100_000, evidences: 12 }
    }
}

/// Scans of a run from which the length of the others is taken.
const PILOT: usize = 1000;

/// How many times longer a pilot is made while chains do not mix in it.
const LONGER: usize = 4;

/// Chains do not agree on a quantity with a larger R-hat.
pub(crate) const MOST_R_HAT: f64 = 1.1;

/// A t-test is made of an event that runs have seen, and not seen, so often at least.
const LEAST_EVENTS: f64 = 10.0;

/// How chains mixed on a quantity.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixing {
    /// The quantity.
    pub quantity: &'static str,
    /// R-hat of the pilot runs; NaN of a constant.
    pub r_hat: f64,
    /// Effective draws per scan; NaN of a constant.
    pub rate: f64,
}

/// How a comparison is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Student's t over the runs.
    Student,
    /// For rare events: a mean of indicators whose expectation is p is f or more with a probability of p / f at most
    /// (Markov).
    Markov,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What is compared.
    pub quantity: String,
    /// Its exact value.
    pub exact: f64,
    /// The mean of the runs.
    pub mean: f64,
    /// The standard error of the mean; of an event no less than that of so many independent draws as each run is to have.
    pub standard_error: f64,
    /// How they are compared.
    pub method: Method,
    /// The probability of a difference as large.
    pub p_value: f64,
}

/// The comparison with the enumeration.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Rows enumerated.
    pub rows: usize,
    /// How the chains mixed.
    pub mixing: Vec<Mixing>,
    /// The scans of each run; `None` if chains do not mix, or so slowly that runs would be too long, and then nothing is
    /// compared.
    pub scans: Option<usize>,
    /// All comparisons.
    pub comparisons: Vec<Comparison>,
    /// The failures of runs: what, number, reason.
    pub failures: Vec<(&'static str, u64, Failure)>,
}

/// What one run gives: the means of the indicators, `n_occupied` and then pairs of rows.
type Means = Vec<f64>;

/// Compares runs of the sampler, and estimates of the evidence, with the enumeration of the first rows.
///
/// Runs start at random rows and by k-means++ in turn. A pilot of each says how long the others must be for the effective draws
/// asked for; these have random numbers of their own. The means of independent runs are compared by Student's t with the
/// exact probabilities of 1..K occupied components, and of each pair of rows to be in one component; where an event or its
/// opposite is too rare for that, by Markov's inequality, which holds for any chain. The logarithm of an unbiased estimate with
/// standard deviation s is biased by s^2 / 2, and partitions of a probability below 10 effective draws may be missing: as much is
/// allowed to the evidences before their differences count.
///
/// # Errors
/// [`Failure`] if there is no enumeration: a flat prior, too many or too few rows.
pub fn compare(
    model: &Model,
    data: &Data,
    settings: &Exact,
    streams: &Streams,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, Failure> {
    compare_with(model, model, data, settings, streams, progress)
}

/// [`compare`], the enumeration being that of another model.
pub(crate) fn compare_with(
    enumerated: &Model,
    model: &Model,
    data: &Data,
    settings: &Exact,
    streams: &Streams,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Report, Failure> {
    let data = first_rows(data, settings.rows.clamp(2, MOST_ROWS))?;
    gmm_mcmc::check(model, &data, &settings.gibbs)?;
    let exact = enumerate(enumerated, &data)?;
    let runs = settings.runs.max(4);
    let evidences = if settings.evidences == 0 { 0 } else { settings.evidences.max(4) };
    let counter = Counter::new(Part::Exact, 2 * runs + evidences, progress);
    let mut failures = Vec::new();

    // Pilots as long as it takes to see that chains mix, and how fast.
    let mut length = PILOT;
    let (mixing, slowest, scans) = loop {
        let pilot: Vec<Result<[Vec<f64>; 3], Failure>> = (0..runs as u64)
            .into_par_iter()
            .map(|run| {
                let done = pilot_run(model, &data, settings, &streams.named("pilots"), (run, length));
                if length == PILOT {
                    counter.tick();
                }
                done
            })
            .collect();
        let pilot = successes("pilot run", pilot, &mut failures);
        let of_quantity = |(q, quantity): (usize, &'static str)| {
            let values: Vec<&[f64]> = pilot.iter().map(|run| run[q].as_slice()).collect();
            let rate = ess_bulk(&values) / (length * pilot.len()) as f64;
            Mixing { quantity, r_hat: r_hat_rank(&values), rate }
        };
        let quantities = ["n_occupied", "sum_squared_counts", "ln_likelihood"];
        let mixing: Vec<Mixing> = quantities.into_iter().enumerate().map(of_quantity).collect();
        // What is constant needs no draws.
        let slowest = mixing.iter().map(|m| m.rate).fold(1.0, f64::min);
        let needed = settings.effective.max(20) as f64 / slowest;
        let apart = mixing.iter().any(|m| m.r_hat > MOST_R_HAT) || needed > settings.most_scans as f64;
        let longer = length.saturating_mul(LONGER);
        if !apart || !failures.is_empty() || longer > settings.most_scans {
            let scans = (!apart && !pilot.is_empty()).then_some((needed.ceil() as usize).max(PILOT));
            break (mixing, slowest, scans);
        }
        length = longer;
    };
    let mut comparisons = Vec::new();
    if let Some(scans) = scans {
        let means: Vec<Result<Means, Failure>> = (0..runs as u64)
            .into_par_iter()
            .map(|run| {
                let means = run_of(model, &data, settings, &streams.named("runs"), run, scans);
                counter.tick();
                means
            })
            .collect();
        let means = successes("run", means, &mut failures);
        comparisons = compare_events(&exact, &means, slowest * scans as f64);
        if evidences > 0 {
            let found = (&exact, slowest);
            compare_evidences(model, &data, settings, found, streams, (&counter, &mut failures, &mut comparisons));
        }
    }
    Ok(Report { rows: data.n(), mixing, scans, comparisons, failures })
}

fn first_rows(data: &Data, n: usize) -> Result<Data, DataError> {
    let n = n.min(data.n());
    Data::new(data.values()[..n * data.d()].to_vec(), data.d())
}

fn successes<T>(
    what: &'static str,
    all: Vec<Result<T, Failure>>,
    failures: &mut Vec<(&'static str, u64, Failure)>,
) -> Vec<T> {
    let mut successes = Vec::with_capacity(all.len());
    for (index, one) in all.into_iter().enumerate() {
        match one {
            Ok(one) => successes.push(one),
            Err(failure) => failures.push((what, index as u64, failure)),
        }
    }
    successes
}

/// A chain from a dispersed start, warmed up.
fn warmed_up<'a>(
    model: &'a Model,
    data: &'a Data,
    settings: &Exact,
    streams: &Streams,
    run: u64,
) -> Result<Chain<'a>, Failure> {
    let streams = streams.split(run);
    let seeding = if run.is_multiple_of(2) { Seeding::RandomRows } else { Seeding::KMeansPlusPlus };
    let start = seed_mixture(model, data, seeding, &mut streams.named("start").rng(0)).map_err(GibbsError::from)?;
    let mut chain = Chain::new(&settings.gibbs, model, data, start, streams.named("chain"))?;
    chain.warm_up(settings.gibbs.warmup)?;
    Ok(chain)
}

/// The draws of the quantities by which mixing is judged.
fn pilot_run(
    model: &Model,
    data: &Data,
    settings: &Exact,
    streams: &Streams,
    (run, length): (u64, usize),
) -> Result<[Vec<f64>; 3], Failure> {
    let mut chain = warmed_up(model, data, settings, streams, run)?;
    let mut values = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..length {
        chain.step()?;
        let scan = chain.cold();
        values[0].push(scan.n_occupied() as f64);
        values[1].push(scan.statistics().weights().iter().map(|n| n * n).sum());
        values[2].push(scan.ln_likelihood());
    }
    Ok(values)
}

fn run_of(
    model: &Model,
    data: &Data,
    settings: &Exact,
    streams: &Streams,
    run: u64,
    scans: usize,
) -> Result<Means, Failure> {
    let mut chain = warmed_up(model, data, settings, streams, run)?;
    let (n, k) = (data.n(), model.k());
    let mut means = vec![0.0; k + n * (n - 1) / 2];
    for _ in 0..scans {
        chain.step()?;
        count(chain.cold(), &mut means);
    }
    means.iter_mut().for_each(|mean| *mean /= scans as f64);
    Ok(means)
}

/// Adds the indicators of a state.
fn count(scan: &Scan<'_>, counts: &mut [f64]) {
    let labels = scan.labels();
    let (occupied, pairs) = counts.split_at_mut(scan.mixture().k());
    // From the labels themselves, not from the statistics that the scan keeps of them.
    let n_occupied = (0..occupied.len()).filter(|k| labels.iter().any(|label| usize::from(*label) == *k)).count();
    occupied[n_occupied - 1] += 1.0;
    let together = (0..labels.len()).flat_map(|j| (0..j).map(move |i| labels[i] == labels[j]));
    pairs.iter_mut().zip(together).filter(|(_, together)| *together).for_each(|(count, _)| *count += 1.0);
}

fn compare_events(exact: &Enumeration, runs: &[Means], effective: f64) -> Vec<Comparison> {
    let n = exact.together.len();
    let occupied = exact.p_occupied.iter().enumerate().map(|(k, p)| (format!("{} occupied", k + 1), *p));
    let pairs = (0..n)
        .flat_map(|j| (0..j).map(move |i| (format!("rows {} and {} together", i + 1, j + 1), exact.together[i][j])));
    let of_event = |(place, (quantity, p)): (usize, (String, f64))| {
        let values: Vec<f64> = runs.iter().map(|run| run[place]).collect();
        let p = p.clamp(0.0, 1.0);
        let (mean, squared_error) = mean_and_squared_error(&values);
        let often = effective * p.min(1.0 - p) >= LEAST_EVENTS;
        // Runs that happen to see few events have a small mean and a small spread: never less than that of independent draws.
        let least = p * (1.0 - p) / (effective * values.len() as f64);
        let squared_error = squared_error.max(least);
        let p_value = match often {
            true => t_p_value((mean - p) / squared_error.sqrt(), values.len() as f64 - 1.0),
            false => markov(mean, p).min(markov(1.0 - mean, 1.0 - p)),
        };
        let method = if often { Method::Student } else { Method::Markov };
        Comparison { quantity, exact: p, mean, standard_error: squared_error.sqrt(), method, p_value }
    };
    occupied.chain(pairs).enumerate().map(of_event).collect()
}

/// Twice the bound, since there are two sides.
fn markov(mean: f64, p: f64) -> f64 {
    // Rounding of a sum over partitions.
    if mean <= p + 1e-12 { 1.0 } else { (2.0 * (p + 1e-12) / mean).min(1.0) }
}

/// What is written to beside the comparisons.
type Records<'a, 'b> = (&'a Counter<'b>, &'a mut Vec<(&'static str, u64, Failure)>, &'a mut Vec<Comparison>);

fn compare_evidences(
    model: &Model,
    data: &Data,
    settings: &Exact,
    (exact, rate): (&Enumeration, f64),
    streams: &Streams,
    (counter, failures, comparisons): Records<'_, '_>,
) {
    let gibbs = Gibbs { draws: settings.gibbs.draws.clamp(LEAST_DRAWS, 1000), ..settings.gibbs.clone() };
    let methods = [
        ("ln evidence by bridge sampling", Estimate::Bridge(Default::default())),
        ("ln evidence by Chib's estimate", Estimate::Chib(Default::default())),
    ];
    let estimate = |index: u64| -> [Result<f64, Failure>; 2] {
        let streams = streams.named("evidences").split(index);
        let draws = sample(model, data, &gibbs, &[], &streams.named("chains"), &|_| {});
        let both = match &draws {
            Ok(draws) => methods.each_ref().map(|(_, how)| {
                let estimate = evidence(data, draws, how, &streams.named("estimate"));
                estimate.map(|evidence| evidence.ln_evidence).map_err(Failure::from)
            }),
            Err(error) => [Err(error.clone().into()), Err(error.clone().into())],
        };
        counter.tick();
        both
    };
    let all: Vec<[Result<f64, Failure>; 2]> =
        (0..settings.evidences.max(4) as u64).into_par_iter().map(estimate).collect();
    let (bridge, chib): (Vec<_>, Vec<_>) = all.into_iter().map(|[bridge, chib]| (bridge, chib)).unzip();
    // Partitions so rare that the draws of an estimate may hold none of them are missing from it, whatever its error.
    let effective = rate * (gibbs.chains * gibbs.draws) as f64;
    let unseen = -(-(LEAST_EVENTS / effective).min(0.5)).ln_1p();
    for ((quantity, _), estimates) in methods.iter().zip([bridge, chib]) {
        let values = successes(quantity, estimates, failures);
        let n = values.len() as f64;
        if values.len() < 2 {
            continue;
        }
        let (mean, squared_error) = mean_and_squared_error(&values);
        let allowed = 0.5 * n * squared_error + unseen + 1e-9 * (1.0 + exact.ln_evidence.abs());
        let excess = ((mean - exact.ln_evidence).abs() - allowed).max(0.0);
        let p_value = match excess > 0.0 {
            true => t_p_value(excess / squared_error.sqrt(), n - 1.0),
            false => 1.0,
        };
        comparisons.push(Comparison {
            quantity: (*quantity).to_owned(),
            exact: exact.ln_evidence,
            mean,
            standard_error: squared_error.sqrt(),
            method: Method::Student,
            p_value,
        });
    }
}
