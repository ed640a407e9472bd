//! Rows drawn from a given mixture, from one made at random, or from one drawn from the prior.

use std::io::{self, BufWriter};

use gmm_core::{Mixture, Streams};
use gmm_sim::{BallError, Simulation, SimulationError, Sizes, mixture_from_prior, mixture_in_ball, simulate};

use crate::config::{self, ConfigError, Source};
use crate::digest::Digested;
use crate::experiment::{DataSet, Labels};
use crate::resolve::{matrix, model};

/// The most numbers that simulated data may hold (32 GiB).
const MOST_NUMBERS: u128 = 1 << 32;

/// Rows of the mixture in `data.mixture`.
pub(super) fn from_mixture(
    source: &Source,
    experiment_seed: u64,
    n: Option<usize>,
    mixture: &config::Mixture,
    sizes: Option<&[usize]>,
    seed: Option<u64>,
) -> Result<(DataSet, config::Data), ConfigError> {
    let truth = matrix::mixture(source, "data.mixture", mixture)?;
    let used_sizes = match (n, sizes) {
        (n, Some(sizes)) => {
            let total = sizes.iter().try_fold(0usize, |sum, size| sum.checked_add(*size)).unwrap_or(usize::MAX);
            if n.is_some_and(|n| n != total) {
                let message = format!("the sizes add up to {total}");
                return Err(source.error_at("data.n", message, Some("leave out `n` or `sizes`")));
            }
            Sizes::Exact(sizes.to_vec())
        }
        (Some(n), None) => Sizes::Total(n),
        (None, None) => {
            return Err(source.error_at("data.n", "the number of rows is missing", Some("for example `n: 1000`")));
        }
    };
    let place = if sizes.is_some() { "data.sizes" } else { "data.n" };
    let set = draw(source, place, experiment_seed, seed, truth, &used_sizes)?;
    let (mixture, sizes) = (mixture.clone(), sizes.map(<[usize]>::to_vec));
    Ok((set, config::Data::Simulate { n: n.filter(|_| sizes.is_none()), mixture, sizes, seed }))
}

/// Rows of a mixture with means at random in a ball: rows, components, columns and radius.
pub(super) fn in_ball(
    source: &Source,
    experiment_seed: u64,
    (n, k, d, radius): (usize, usize, usize, f64),
    seed: Option<u64>,
) -> Result<(DataSet, config::Data), ConfigError> {
    if k.saturating_mul(d.saturating_mul(d.saturating_add(1)) / 2) > model::MOST_ENTRIES {
        let message = format!("{k} components in {d} dimensions have more than {} covariances", model::MOST_ENTRIES);
        return Err(source.error_at("data.dims", message, None));
    }
    let rng = &mut streams(experiment_seed, seed).named("mixture").rng(0);
    let truth = mixture_in_ball(k, d, radius, rng).map_err(|error| {
        let field = match error {
            BallError::Components { .. } => "components",
            BallError::Dimensions => "dims",
            BallError::Radius { .. } => "radius",
        };
        source.error_at(&format!("data.{field}"), error, None)
    })?;
    let set = draw(source, "data.n", experiment_seed, seed, truth, &Sizes::Total(n))?;
    Ok((set, config::Data::SimulateInBall { n, components: Some(k), dims: d, radius, seed }))
}

/// Rows of a mixture drawn from the prior of the experiment's model, which must be given in full.
pub(super) fn from_prior(
    source: &Source,
    experiment_seed: u64,
    n: usize,
    seed: Option<u64>,
    written: &config::Model,
) -> Result<(DataSet, config::Data), ConfigError> {
    let model = model::without_data(source, written)?;
    let streams = streams(experiment_seed, seed);
    let truth = mixture_from_prior(&model, &mut streams.named("mixture").rng(0))
        .map_err(|error| source.error_at("model.prior", error, None))?;
    let set = draw(source, "data.n", experiment_seed, seed, truth, &Sizes::Total(n))?;
    Ok((set, config::Data::SimulateFromPrior { n, seed }))
}

/// Refuses more numbers than data may hold.
pub(super) fn check_size(source: &Source, place: &str, rows: u128, d: usize) -> Result<(), ConfigError> {
    let numbers = rows * d as u128;
    match numbers > MOST_NUMBERS {
        true => {
            let message = format!("the data would hold {numbers} numbers, beyond the limit of {MOST_NUMBERS}");
            Err(source.error_at(place, message, None))
        }
        false => Ok(()),
    }
}

/// The data have streams of their own: another fit does not change them.
pub(super) fn streams(experiment_seed: u64, seed: Option<u64>) -> Streams {
    Streams::new(seed.unwrap_or(experiment_seed)).named("data")
}

fn draw(
    source: &Source,
    place: &str,
    experiment_seed: u64,
    seed: Option<u64>,
    truth: Mixture,
    sizes: &Sizes,
) -> Result<DataSet, ConfigError> {
    let rows = match sizes {
        Sizes::Total(n) => *n as u128,
        Sizes::Exact(sizes) => sizes.iter().map(|size| *size as u128).sum(),
    };
    check_size(source, place, rows, truth.d())?;
    let simulation = simulate(&truth, sizes, &mut streams(experiment_seed, seed).named("rows").rng(0))
        .map_err(|error: SimulationError| source.error_at(place, error, None))?;
    let classes = (0..truth.k()).map(|k| k.to_string()).collect();
    data_set(source, place, truth, simulation, classes)
}

/// Simulated rows with their classes, and the digest of the file that they leave.
pub(super) fn data_set(
    source: &Source,
    place: &str,
    truth: Mixture,
    simulation: Simulation,
    classes: Vec<String>,
) -> Result<DataSet, ConfigError> {
    let columns: Vec<String> = (1..=truth.d()).map(|j| format!("x{j}")).collect();
    let mut set = DataSet {
        source: "simulated".to_owned(),
        sha256: String::new(),
        labels: Some(Labels { classes, of_rows: simulation.labels }),
        data: simulation.data,
        held_out: None,
        columns,
        truth: Some(truth),
        is_simulated: true,
    };
    let mut digested = BufWriter::new(Digested::new(io::sink()));
    let written = set.write_csv(&mut digested).and_then(|()| digested.into_inner().map_err(io::Error::from));
    set.sha256 = written.map_err(|error| source.error_at(place, error, None))?.finish().0;
    Ok(set)
}
