//! The config as written to the experiment as used: the one place where a config is judged.
//!
//! After this nothing can be invalid: every value was checked against the data, every default is a number.

mod matrix;

mod csv;
mod file;
mod npy;
mod parquet;
mod separated;
mod simulation;

mod checks;
mod fit;
mod holdout;
mod model;
mod point;
mod sampling;
mod stored;

use std::path::Path;

use miette::Diagnostic;
use thiserror::Error;

use crate::config::{self, ConfigError, Source};
use crate::experiment::{DataSet, Experiment};
use crate::output::{self, OutputError};
pub(crate) use fit::names as fit_names;
pub(crate) use separated::overlap_operations;

/// Why there is no experiment to run.
#[derive(Debug, Error, Diagnostic)]
pub enum LoadError {
    /// The config or its data are wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Input(#[from] ConfigError),
    /// The data are to be decoded into a temporary file, which cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// Reads a config and everything that it names. Data files that cannot be mapped as they are, are decoded into a
/// temporary file on the disk of `scratch`.
///
/// # Errors
/// [`LoadError::Input`] for the first thing in the config or its data that cannot be used, [`LoadError::Output`] if the
/// temporary file cannot be written. Nothing was run, and nothing is left on disk.
pub fn load(path: &Path, seed: Option<u64>, scratch: &Path) -> Result<Experiment, LoadError> {
    let (mut written, source) = config::load(path)?;
    if let Some(seed) = seed {
        written.seed = seed;
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    resolve(written, &source, folder, scratch)
}

/// Resolves a config with its data; paths are relative to `folder`.
///
/// # Errors
/// As [`load`].
pub fn resolve(
    written: config::Experiment,
    source: &Source,
    folder: &Path,
    scratch: &Path,
) -> Result<Experiment, LoadError> {
    resolve_some(written, source, folder, scratch, &mut |_, error| Err(error))
}

/// As [`resolve`], but `refused` decides what becomes of a fit that cannot be run: an error ends it, else the fit is left
/// out. It is told the number of the fit, from 0, and why.
pub(crate) fn resolve_some(
    written: config::Experiment,
    source: &Source,
    folder: &Path,
    scratch: &Path,
    refused: &mut dyn FnMut(usize, ConfigError) -> Result<(), ConfigError>,
) -> Result<Experiment, LoadError> {
    let name_fault = |error| source.error_at("name", error, Some("the name is also that of the folder of results"));
    output::check_name(&written.name).map_err(name_fault)?;
    if written.fits.is_empty() {
        let example = Some("for example `fits: [Em(), Gibbs()]`");
        return Err(source.error_at("fits", "there is nothing to run", example).into());
    }
    let prior_of_k = sampling::prior_of_k(source, written.prior_of_k)?;
    let (data, used_data) = data_set(&written, source, folder, scratch)?;
    let data = holdout::split(source, written.seed, written.holdout, data)?;
    let defaults = model::Defaults::new(&data.data);
    let (fits, used_fits) = fit::resolve_all(&written, source, folder, &data, &defaults, refused)?;
    let model = model::as_used(source, &written.model, &defaults);
    let config = config::Experiment { data: used_data, model, fits: used_fits, ..written };
    Ok(Experiment { name: config.name.clone(), seed: config.seed, data, fits, prior_of_k, config })
}

fn data_set(
    written: &config::Experiment,
    source: &Source,
    folder: &Path,
    scratch: &Path,
) -> Result<(DataSet, config::Data), LoadError> {
    match &written.data {
        config::Data::Csv { path, columns, labels, truth } => {
            csv::read(source, folder, (path, columns.as_deref(), labels.as_deref()), truth.as_ref())
        }
        config::Data::Npy { path, columns, labels, truth } => {
            npy::read(source, folder, scratch, (path, columns.as_deref(), *labels), truth.as_ref())
        }
        config::Data::Parquet { path, columns, labels, truth } => {
            let columns = (path.as_str(), columns.as_deref(), labels.as_deref());
            parquet::read(source, folder, scratch, columns, truth.as_ref())
        }
        config::Data::Simulate { n, mixture, sizes, seed } => {
            Ok(simulation::from_mixture(source, written.seed, *n, mixture, sizes.as_deref(), *seed)?)
        }
        config::Data::SimulateInBall { n, components, dims, radius, seed } => {
            let components = components.unwrap_or(written.model.components);
            Ok(simulation::in_ball(source, written.seed, (*n, components, *dims, *radius), *seed)?)
        }
        config::Data::SimulateSeparated { .. } => {
            Ok(separated::separated(source, written.seed, &written.data, written.model.components)?)
        }
        config::Data::SimulateFromPrior { n, seed } => {
            Ok(simulation::from_prior(source, written.seed, *n, *seed, &written.model)?)
        }
    }
}
