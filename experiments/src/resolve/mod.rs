//! The config as written to the experiment as used: the one place where a config is judged.
//!
//! After this nothing can be invalid: every value was checked against the data, every default is a number.

mod fit;
mod matrix;
mod model;
mod simulation;
mod table;

use std::path::Path;

use crate::config::{self, ConfigError, Source};
use crate::experiment::{DataSet, Experiment};
use crate::output;

/// Reads a config and everything that it names.
///
/// # Errors
/// [`ConfigError`] for the first thing in the config or its data that cannot be used; nothing was run or written.
pub fn load(path: &Path, seed: Option<u64>) -> Result<Experiment, ConfigError> {
    let (mut written, source) = config::load(path)?;
    if let Some(seed) = seed {
        written.seed = seed;
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    resolve(written, &source, folder)
}

/// Resolves a config with its data; paths are relative to `folder`.
///
/// # Errors
/// As [`load`].
pub fn resolve(written: config::Experiment, source: &Source, folder: &Path) -> Result<Experiment, ConfigError> {
    let name_fault = |error| source.error_at("name", error, Some("the name is also that of the folder of results"));
    output::check_name(&written.name).map_err(name_fault)?;
    if written.fits.is_empty() {
        return Err(source.error_at("fits", "there is nothing to run", Some("for example `fits: [Em(), Gibbs()]`")));
    }
    let (data, used_data) = data_set(&written, source, folder)?;
    let (fits, used_fits) = fit::resolve_all(&written, source, &data)?;
    let model = model::as_used(source, &written.model, &data.data);
    let config = config::Experiment { data: used_data, model, fits: used_fits, ..written };
    Ok(Experiment { name: config.name.clone(), seed: config.seed, data, fits, config })
}

fn data_set(
    written: &config::Experiment,
    source: &Source,
    folder: &Path,
) -> Result<(DataSet, config::Data), ConfigError> {
    match &written.data {
        config::Data::Csv { path, columns, labels, truth } => {
            table::read(source, folder, path, columns.as_deref(), labels.as_deref(), truth.as_ref())
        }
        config::Data::Simulate { n, mixture, sizes, seed } => {
            simulation::from_mixture(source, written.seed, *n, mixture, sizes.as_deref(), *seed)
        }
        config::Data::SimulateFromPrior { n, seed } => {
            simulation::from_prior(source, written.seed, *n, *seed, &written.model)
        }
    }
}
