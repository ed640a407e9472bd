//! The fits of a config: their models, settings and names.

use std::collections::HashMap;
use std::path::Path;

use gmm_core::Model;
use gmm_em::{Ascent, EmError, Objective, StandardErrors, least_replicates};
use gmm_mcmc::GibbsError;

use crate::config::{self, ConfigError, Source};
use crate::experiment::{DataSet, Fit, LEVEL, Method};
use crate::resolve::model::{self, At, Defaults, Written};
use crate::resolve::{point, sampling};

/// All fits, as used and as written with every default filled in, but for those that `refused` lets go.
pub(super) fn resolve_all(
    experiment: &config::Experiment,
    source: &Source,
    folder: &Path,
    data: &DataSet,
    defaults: &Defaults<'_>,
    refused: &mut dyn FnMut(usize, ConfigError) -> Result<(), ConfigError>,
) -> Result<(Vec<Fit>, Vec<config::Fit>), ConfigError> {
    let names = names(&experiment.fits, source)?;
    let mut fits = Vec::new();
    let mut used = Vec::new();
    for (i, (written, name)) in experiment.fits.iter().zip(names).enumerate() {
        match resolve_one((experiment, source, folder), (i, written, name), data, defaults) {
            Ok((fit, filled)) => {
                fits.push(fit);
                used.push(filled);
            }
            Err(error) => refused(i, error)?,
        }
    }
    Ok((fits, used))
}

/// One fit by its number, as used and as written with every default filled in.
fn resolve_one(
    (experiment, source, folder): (&config::Experiment, &Source, &Path),
    (i, written, name): (usize, &config::Fit, String),
    data: &DataSet,
    defaults: &Defaults<'_>,
) -> Result<(Fit, config::Fit), ConfigError> {
    let path = format!("fits[{i}]");
    let (config::Fit::Em { model: other, .. }
    | config::Fit::StepwiseEm { model: other, .. }
    | config::Fit::Gradient { model: other, .. }
    | config::Fit::Gibbs { model: other, .. }) = written;
    let fields = Written::overridden(&experiment.model, other.as_ref(), &format!("{path}.model"));
    if data.held_out.is_some() && data.data.n() <= fields.k.value {
        let (n, k) = (data.data.n(), fields.k.value);
        let message = format!("{n} rows are left to fit, no more than the {k} components of {path}");
        return Err(source.error_at("holdout", message, None));
    }
    let model = model_of(source, &fields, point::objective(written), defaults)?;
    let filled = as_used(source, &path, folder, written, &name, &model, data)?;
    let method = point::method(source, &path, &filled, (&model, data))?;
    let standard_errors = point::standard_errors(&filled);
    limits(source, &path, &model, &method, standard_errors, data)?;
    check(source, &path, &fields, &model, &method, data)?;
    Ok((Fit { name, model, method, standard_errors }, filled))
}

/// Maximum likelihood does not use the priors: where the data do not determine the default prior, it goes without.
fn model_of(
    source: &Source,
    fields: &Written<'_>,
    objective: Option<Objective>,
    data: &Defaults<'_>,
) -> Result<Model, ConfigError> {
    let resolved = model::resolve(source, fields, data.data.d(), Some(data));
    let likelihood = objective == Some(Objective::Likelihood);
    let by_default = matches!(fields.components.value, None | Some(config::ComponentPrior::FromData));
    match resolved {
        Err(error) if likelihood && by_default && error.field().ends_with(".scale") => {
            let flat = At { value: Some(&config::ComponentPrior::Flat), path: fields.components.path.clone() };
            let without = Written { components: flat, ..fields.clone() };
            model::resolve(source, &without, data.data.d(), Some(data))
        }
        other => other,
    }
}

/// The most restarts.
const MOST_RESTARTS: usize = 1_000_000;

/// Settings that no machine could run.
fn limits(
    source: &Source,
    path: &str,
    model: &Model,
    method: &Method,
    standard_errors: Option<StandardErrors>,
    data: &DataSet,
) -> Result<(), ConfigError> {
    let within = |field: &str, value: usize, most: usize| match value <= most {
        true => Ok(()),
        false => {
            Err(source.error_at(&format!("{path}.{field}"), format!("{value} is beyond the limit of {most}"), None))
        }
    };
    match method {
        Method::Em(_) | Method::Stepwise(_) | Method::Gradient(_) => {
            within("restarts", method.plan().map_or(0, |plan| plan.restarts), MOST_RESTARTS)?;
            let (StandardErrors::ParametricBootstrap { replicates } | StandardErrors::WeightedBootstrap { replicates }) =
                standard_errors.unwrap_or(StandardErrors::Observed)
            else {
                return Ok(());
            };
            within("standard_errors.replicates", replicates, MOST_RESTARTS)?;
            let (place, least) = (format!("{path}.standard_errors"), least_replicates(LEVEL));
            if replicates < least {
                let message = format!("{replicates} replicates: 90 % intervals need at least {least}");
                return Err(source.error_at(&format!("{place}.replicates"), message, None));
            }
            match method.plan().is_some_and(|plan| plan.singularities.acts_in_m_step()) {
                true => Err(source.error_at(
                    &place,
                    "the refits of a bootstrap are of plain EM, not under the policy at singularities of this fit",
                    Some("leave out `singularities`, or the bootstrap"),
                )),
                false => Ok(()),
            }
        }
        Method::Gibbs(sampling) => sampling::limits(source, path, model, data.data.n(), sampling),
    }
}

/// What the libraries would refuse when they run, at its place in the config.
fn check(
    source: &Source,
    path: &str,
    fields: &Written<'_>,
    model: &Model,
    method: &Method,
    data: &DataSet,
) -> Result<(), ConfigError> {
    let too_few = |error: &dyn std::fmt::Display| source.error_at(&fields.k.path, error, None);
    match method {
        Method::Em(em) => check_point(source, path, fields, model, em, data),
        Method::Stepwise(stepwise) => check_point(source, path, fields, model, stepwise, data),
        Method::Gradient(gradient) => check_point(source, path, fields, model, gradient, data),
        Method::Gibbs(settings) => gmm_mcmc::check(model, &data.data, &settings.gibbs).map_err(|error| match &error {
            GibbsError::FlatPrior => source.error_at(&fields.components.path, &error, None),
            GibbsError::Seeding(_) => too_few(&error),
            _ => match sampling::place(&error) {
                Some(field) => source.error_at(&format!("{path}.{field}"), &error, None),
                None => source.error_at(path, &error, None),
            },
        }),
    }
}

fn check_point<A: Ascent>(
    source: &Source,
    path: &str,
    fields: &Written<'_>,
    model: &Model,
    settings: &A,
    data: &DataSet,
) -> Result<(), ConfigError> {
    gmm_em::check(model, &data.data, settings).map_err(|error| match &error {
        EmError::Seeding(_) | EmError::FewDistinctRows { .. } => source.error_at(&fields.k.path, &error, None),
        EmError::Setting { name, .. } => {
            let group = match *name {
                "min_eigenvalue" | "min_rows" => ".collapse",
                "memory" | "weights_step" | "components_step" | "beta1" | "beta2" | "epsilon" => ".optimizer",
                "half_life" => ".optimizer.decay",
                "runs" | "iterations" => ".init",
                _ => "",
            };
            source.error_at(&format!("{path}{group}.{name}"), &error, None)
        }
        EmError::Start(_) => source.error_at(&format!("{path}.init"), &error, None),
        EmError::Concentration { .. } => source.error_at(&fields.concentration.path, &error, None),
        EmError::ConstantColumn { column } => {
            let message =
                format!("the column {:?} is constant, so the likelihood grows without bound", data.columns[*column]);
            let help = "drop the column, or maximise the posterior under a prior with a given scale";
            source.error_at(&format!("data.columns[{column}]"), message, Some(help))
        }
        EmError::Decreased { .. } | EmError::AllCollapsed { .. } => source.error_at(path, &error, None),
    })
}

/// Names that tell the fits apart: as written, else `em`, `map`, `stepwise`, `adam`, `lbfgs` or `gibbs`, numbered where needed.
pub(crate) fn names(fits: &[config::Fit], source: &Source) -> Result<Vec<String>, ConfigError> {
    let written = |fit: &config::Fit| fit.name().map(str::to_owned);
    let mut taken: HashMap<String, usize> = HashMap::new();
    for (i, name) in fits.iter().map(written).enumerate() {
        let Some(name) = name else { continue };
        let place = format!("fits[{i}].name");
        crate::output::check_name(&name).map_err(|error| source.error_at(&place, error, None))?;
        if let Some(other) = taken.insert(name.clone(), i) {
            let message = format!("fits[{other}] has the name {name:?} already");
            return Err(source.error_at(&place, message, Some("names tell fits apart")));
        }
    }
    let mut names = Vec::new();
    for (i, fit) in fits.iter().enumerate() {
        let base = match fit {
            config::Fit::Em { objective: config::Objective::Likelihood, .. } => "em",
            config::Fit::Em { objective: config::Objective::Posterior, .. } => "map",
            config::Fit::StepwiseEm { .. } => "stepwise",
            config::Fit::Gradient { optimizer: config::Optimizer::Adam { .. }, .. } => "adam",
            config::Fit::Gradient { optimizer: config::Optimizer::Lbfgs { .. }, .. } => "lbfgs",
            config::Fit::Gibbs { .. } => "gibbs",
        };
        let numbered = (1..).map(|m| if m == 1 { base.to_owned() } else { format!("{base}-{m}") });
        let name = written(fit).or_else(|| {
            let mut free = numbered.skip_while(|name| taken.contains_key(name));
            free.next()
        });
        let name = name.unwrap_or_else(|| base.to_owned());
        taken.insert(name.clone(), i);
        names.push(name);
    }
    Ok(names)
}

/// The fit as `experiment.ron` writes it, every default filled in.
fn as_used(
    source: &Source,
    path: &str,
    folder: &Path,
    written: &config::Fit,
    as_name: &str,
    as_model: &Model,
    data: &DataSet,
) -> Result<config::Fit, ConfigError> {
    let mut used = written.clone();
    let (config::Fit::Em { name, model, .. }
    | config::Fit::StepwiseEm { name, model, .. }
    | config::Fit::Gradient { name, model, .. }
    | config::Fit::Gibbs { name, model, .. }) = &mut used;
    (*name, *model) = (Some(as_name.to_owned()), Some(model::written(as_model)));
    point::fill_in(source, path, folder, &mut used, as_model, data.data.n())?;
    sampling::fill_in(&mut used, as_model, data);
    Ok(used)
}
