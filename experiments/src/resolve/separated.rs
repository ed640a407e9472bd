//! Rows of a mixture made at random whose components are a given way apart, and rows that come from none.

use gmm_core::{Label, MAX_COMPONENTS, Shape};
use gmm_sim::{Design, DesignError, Sizes, add_outliers, separated_mixture, simulate};

use super::{model, simulation};
use crate::config::{self, ConfigError, MixtureWeights, Separation, Source};
use crate::experiment::DataSet;

/// About how many multiplications one overlap of all pairs may take; some hundred are computed to reach a given one.
const MOST_OPERATIONS: f64 = 1e8;

/// The class of rows that come from no component.
pub(crate) const OUTLIER: &str = "outlier";

/// Resolves `data: SimulateSeparated(..)` for a model of so many components.
///
/// Outliers, rounded to whole rows, follow the others and are a class of their own. The truth is the mixture of the others.
pub(super) fn separated(
    source: &Source,
    experiment_seed: u64,
    written: &config::Data,
    of_model: usize,
) -> Result<(DataSet, config::Data), ConfigError> {
    let config::Data::SimulateSeparated {
        n,
        components,
        dims,
        separation,
        weights,
        shape,
        tied,
        condition,
        outliers,
        widening,
        seed,
        mixture_seed,
    } = written
    else {
        return Err(source.error_at("data", "these are not data of a given separation", None));
    };
    let k = components.unwrap_or(of_model);
    let (n, d) = (*n, *dims);
    check_design(source, k, d, *separation)?;
    let weights = match weights {
        MixtureWeights::Equal => vec![1.0; k],
        MixtureWeights::Given(weights) if weights.len() == k => weights.clone(),
        MixtureWeights::Given(weights) => {
            let message = format!("{} weights where there are {k} components", weights.len());
            return Err(source.error_at("data.weights", message, Some("one for each component of the truth")));
        }
    };
    let n_outliers = outlier_rows(source, n, *outliers, *widening)?;
    simulation::check_size(source, "data.n", n as u128, d)?;
    let design = Design {
        weights,
        d,
        shape: match shape {
            config::Shape::Full => Shape::Full,
            config::Shape::Diagonal => Shape::Diagonal,
            config::Shape::Isotropic => Shape::Isotropic,
        },
        tied: *tied,
        condition: *condition,
        separation: match *separation {
            Separation::AverageOverlap(value) => gmm_sim::Separation::AverageOverlap(value),
            Separation::MaximumOverlap(value) => gmm_sim::Separation::MaximumOverlap(value),
            Separation::C(value) => gmm_sim::Separation::C(value),
        },
    };
    let streams = simulation::streams(experiment_seed, *seed);
    let of_mixture = simulation::streams(experiment_seed, mixture_seed.or(*seed));
    let truth = separated_mixture(&design, &mut of_mixture.named("mixture").rng(0)).map_err(|error| {
        let field = match error {
            DesignError::Components { .. } => "components",
            DesignError::Dimensions => "dims",
            DesignError::Weight { .. } => "weights",
            DesignError::Condition { .. } => "condition",
            DesignError::Separation { .. } => "separation",
            // Another mixture of the same design may have it: no field is wrong by itself.
            DesignError::Unreachable { .. } => return source.error_at("data", error, None),
        };
        source.error_at(&format!("data.{field}"), error, None)
    })?;
    let fault = |error: &dyn std::fmt::Display| source.error_at("data.n", error, None);
    let mut rows = simulate(&truth, &Sizes::Total(n - n_outliers), &mut streams.named("rows").rng(0))
        .map_err(|error| fault(&error))?;
    let mut classes: Vec<String> = (0..k).map(|k| k.to_string()).collect();
    if n_outliers > 0 {
        let rng = &mut streams.named("outliers").rng(0);
        let with = add_outliers(&rows, n_outliers, *widening, k as Label, rng);
        rows = with.map_err(|error| source.error_at("data.widening", error, None))?;
        classes.push(OUTLIER.to_owned());
    }
    let set = simulation::data_set(source, "data.n", truth, rows, classes)?;
    let mut used = written.clone();
    if let config::Data::SimulateSeparated { components, .. } = &mut used {
        *components = Some(k);
    }
    Ok((set, used))
}

/// Refuses what no memory holds, or no time suffices for, before any of it is made.
fn check_design(source: &Source, k: usize, d: usize, separation: Separation) -> Result<(), ConfigError> {
    if k >= MAX_COMPONENTS {
        let message = format!("{k} components: there may be at most {}", MAX_COMPONENTS - 1);
        return Err(source.error_at("data.components", message, None));
    }
    if k.saturating_mul(d.saturating_mul(d.saturating_add(1)) / 2) > model::MOST_ENTRIES {
        let message = format!("{k} components in {d} dimensions have more than {} covariances", model::MOST_ENTRIES);
        return Err(source.error_at("data.dims", message, None));
    }
    let operations = overlap_operations(k, d);
    if !matches!(separation, Separation::C(_)) && operations > MOST_OPERATIONS {
        let message = format!("overlaps of {k} components in {d} dimensions take too long");
        return Err(source.error_at("data.separation", message, Some("`C(..)` is quick for any number of components")));
    }
    Ok(())
}

/// About how many multiplications the overlaps of all pairs take: K^2 (d^3 + 1000).
pub(crate) fn overlap_operations(k: usize, d: usize) -> f64 {
    (k as f64).powi(2) * ((d as f64).powi(3) + 1000.0)
}

/// How many of n rows are outliers.
fn outlier_rows(source: &Source, n: usize, share: f64, widening: f64) -> Result<usize, ConfigError> {
    if !(0.0..1.0).contains(&share) {
        let message = format!("{share} is no share of the rows from 0 to 1, 1 excluded");
        return Err(source.error_at("data.outliers", message, None));
    }
    if !(widening > -0.5 && widening < 1e100) {
        let message = format!("{widening}: the box must keep an extent, so it is above -0.5, and below 1e100");
        return Err(source.error_at("data.widening", message, None));
    }
    let rows = (share * n as f64).round() as usize;
    match n > 0 && rows >= n {
        true => Err(source.error_at("data.outliers", format!("all of {n} rows would be outliers"), None)),
        false => Ok(rows),
    }
}
