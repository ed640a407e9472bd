//! A start from results that a run left.

use std::path::Path;

use serde::Deserialize;

use crate::config::{self, ConfigError, Matrix, Source, nearest};

/// What is read of a `summary.json`.
#[derive(Deserialize)]
struct Stored {
    fits: Vec<StoredFit>,
}

#[derive(Deserialize)]
struct StoredFit {
    name: String,
    mixture: StoredMixture,
}

#[derive(Deserialize)]
struct StoredMixture {
    weights: Vec<f64>,
    means: Vec<Vec<f64>>,
    covariances: Vec<Vec<Vec<f64>>>,
}

/// The mixture of a fit of results, a folder or its `summary.json`, relative to `folder`. Faults are shown at the fields
/// `results` and `fit` below `path`.
pub(super) fn mixture(
    source: &Source,
    path: &str,
    folder: &Path,
    results: &str,
    fit: &str,
) -> Result<config::Mixture, ConfigError> {
    let place = format!("{path}.results");
    let mut file = folder.join(results);
    if file.is_dir() {
        file.push("summary.json");
    }
    let shown = file.display();
    let text = std::fs::read_to_string(&file).map_err(|error| {
        let help = "the folder that a run left, relative to the folder of the config";
        source.error_at(&place, format!("cannot read the results `{shown}`: {error}"), Some(help))
    })?;
    let stored: Stored = serde_json::from_str(&text)
        .map_err(|error| source.error_at(&place, format!("`{shown}` is not a summary of results: {error}"), None))?;
    let names: Vec<&str> = stored.fits.iter().map(|fit| fit.name.as_str()).collect();
    let Some(found) = stored.fits.iter().find(|other| other.name == fit) else {
        let near = nearest(fit, &names).map(|near| format!("did you mean {near:?}?"));
        let message = format!("the results have no fit {fit:?}, only {names:?}");
        return Err(source.error_at(&format!("{path}.fit"), message, near.as_deref()));
    };
    let StoredMixture { weights, means, covariances } = &found.mixture;
    let covariances = covariances.iter().map(|rows| Matrix::Full(rows.clone())).collect();
    Ok(config::Mixture { weights: weights.clone(), means: means.clone(), covariances })
}
