//! The same parameters of several fits side by side.

use gmm_core::match_mixture;
use serde::Serialize;

use super::stored::{StoredFit, StoredRun};

/// The parameters of all fits with the same number of components on the same columns.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ParameterTable {
    /// The number of components.
    pub(crate) components: usize,
    /// The columns of the data.
    pub(crate) columns: Vec<String>,
    /// What stands side by side: the number of the run, from 1, and the name of the fit. The components of all are matched
    /// with those of the first by the assignment of least total Bhattacharyya distance.
    pub(crate) fits: Vec<Place>,
    pub(crate) parameters: Vec<ParameterRow>,
}

/// A fit of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Place {
    pub(crate) run: usize,
    pub(crate) fit: String,
}

/// One parameter: `weight 0`, `mean 0, eruptions`, `sd 0, eruptions`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ParameterRow {
    pub(crate) name: String,
    /// One for each fit.
    pub(crate) values: Vec<Found>,
}

/// An estimate, with a 90 % interval where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Found {
    pub(crate) estimate: f64,
    pub(crate) lower: Option<f64>,
    pub(crate) upper: Option<f64>,
}

/// A parameter before it is looked up.
#[derive(Clone, Copy)]
enum Parameter {
    Weight,
    Mean(usize),
    Sd(usize),
}

/// A table for each number of components and each list of columns, in the order in which they first come.
pub(super) fn tables(runs: &[StoredRun]) -> Vec<ParameterTable> {
    type Listed<'a> = Vec<(usize, &'a StoredFit)>;
    let mut groups: Vec<(usize, &[String], Listed<'_>)> = Vec::new();
    for (run, stored) in runs.iter().enumerate() {
        for fit in &stored.fits {
            let key = (fit.mixture.k(), stored.columns.as_slice());
            match groups.iter_mut().find(|(k, columns, _)| (*k, *columns) == key) {
                Some((_, _, fits)) => fits.push((run + 1, fit)),
                None => groups.push((key.0, key.1, vec![(run + 1, fit)])),
            }
        }
    }
    groups.into_iter().map(|(k, columns, fits)| table(k, columns, &same_names_together(fits))).collect()
}

/// The same fits of several runs side by side, in the order in which their names first come.
fn same_names_together(fits: Vec<(usize, &StoredFit)>) -> Vec<(usize, &StoredFit)> {
    let place = |name: &str| fits.iter().position(|(_, fit)| fit.name == name);
    let mut sorted = fits.clone();
    sorted.sort_by_key(|(_, fit)| place(&fit.name));
    sorted
}

fn table(k: usize, columns: &[String], fits: &[(usize, &StoredFit)]) -> ParameterTable {
    let first = &fits[0].1.mixture;
    // Of the same size, so there is an order.
    let order = |fit: &StoredFit| match_mixture(&fit.mixture, first).unwrap_or_else(|| (0..k).collect());
    let orders: Vec<Vec<usize>> = fits.iter().map(|(_, fit)| order(fit)).collect();
    let axes = |of: fn(usize) -> Parameter| (0..columns.len()).map(of).collect::<Vec<_>>();
    let groups = [vec![Parameter::Weight], axes(Parameter::Mean), axes(Parameter::Sd)];
    let mut parameters = Vec::new();
    for group in groups {
        for component in 0..k {
            for parameter in &group {
                let name = match parameter {
                    Parameter::Weight => format!("weight {component}"),
                    Parameter::Mean(j) => format!("mean {component}, {}", columns[*j]),
                    Parameter::Sd(j) => format!("sd {component}, {}", columns[*j]),
                };
                let value =
                    |((_, fit), order): (&(usize, &StoredFit), &Vec<usize>)| found(fit, order[component], *parameter);
                parameters.push(ParameterRow { name, values: fits.iter().zip(&orders).map(value).collect() });
            }
        }
    }
    let fits = fits.iter().map(|(run, fit)| Place { run: *run, fit: fit.name.clone() }).collect();
    ParameterTable { components: k, columns: columns.to_vec(), fits, parameters }
}

/// A parameter of a component, as the fit itself numbers it.
fn found(fit: &StoredFit, component: usize, parameter: Parameter) -> Found {
    let mixture = &fit.mixture;
    // A shared covariance is stored once, as that of component 0; an isotropic one as its first entry.
    let covariance = if fit.tying == "free" { component } else { 0 };
    let entry = |j: usize| if fit.shape == "isotropic" { 0 } else { j };
    let (estimate, name) = match parameter {
        Parameter::Weight => (mixture.weights()[component], format!("weights[{component}]")),
        Parameter::Mean(j) => (mixture.mean(component)[j], format!("means[{component},{j}]")),
        Parameter::Sd(j) => {
            let variance = mixture.covariance(component).as_symmetric().get(j, j);
            (variance.sqrt(), format!("covariances[{covariance},{0},{0}]", entry(j)))
        }
    };
    let ends = fit.intervals.iter().find(|(other, _)| *other == name).map(|(_, ends)| *ends);
    let ends = ends.map(|(lower, upper)| match parameter {
        Parameter::Sd(_) => (lower.max(0.0).sqrt(), upper.max(0.0).sqrt()),
        _ => (lower, upper),
    });
    Found { estimate, lower: ends.map(|ends| ends.0), upper: ends.map(|ends| ends.1) }
}
