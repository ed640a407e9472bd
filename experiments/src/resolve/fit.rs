//! The fits of a config: their models, settings and names.

use std::collections::HashMap;

use gmm_core::Model;
use gmm_em::{Ascent, Em, EmError, Gradient, Objective};
use gmm_mcmc::{Gibbs, GibbsError};

use crate::config::{self, ConfigError, Source};
use crate::experiment::{DataSet, Fit, Method};
use crate::resolve::model::{self, At, Defaults, Written};
use crate::resolve::point::{collapse_rule, objective_of, optimizer_as_used, optimizer_of, seedings};

/// All fits, as used and as written with every default filled in.
pub(super) fn resolve_all(
    experiment: &config::Experiment,
    source: &Source,
    data: &DataSet,
    defaults: &Defaults<'_>,
) -> Result<(Vec<Fit>, Vec<config::Fit>), ConfigError> {
    let names = names(&experiment.fits, source)?;
    let mut fits = Vec::new();
    let mut used = Vec::new();
    for (i, (written, name)) in experiment.fits.iter().zip(names).enumerate() {
        let path = format!("fits[{i}]");
        let (other, method) = match written {
            config::Fit::Em {
                model, objective, restarts, tolerance, max_iterations, initialisation, collapse, ..
            } => {
                let em = Em {
                    objective: objective_of(*objective),
                    restarts: *restarts,
                    tolerance: *tolerance,
                    max_iterations: *max_iterations,
                    seedings: seedings(*initialisation),
                    collapse: collapse_rule(collapse.as_ref()),
                };
                (model.as_ref(), Method::Em(em))
            }
            config::Fit::Gradient {
                model,
                objective,
                optimizer,
                batch,
                restarts,
                tolerance,
                max_iterations,
                log_every,
                initialisation,
                collapse,
                ..
            } => {
                let gradient = Gradient {
                    optimizer: optimizer_of(optimizer),
                    objective: objective_of(*objective),
                    batch: *batch,
                    restarts: *restarts,
                    tolerance: *tolerance,
                    max_iterations: *max_iterations,
                    log_every: *log_every,
                    seedings: seedings(*initialisation),
                    collapse: collapse_rule(collapse.as_ref()),
                };
                (model.as_ref(), Method::Gradient(gradient))
            }
            config::Fit::Gibbs { model, chains, warmup, draws, .. } => {
                (model.as_ref(), Method::Gibbs(Gibbs { chains: *chains, warmup: *warmup, draws: *draws }))
            }
        };
        let fields = Written::overridden(&experiment.model, other, &format!("{path}.model"));
        let model = model_of(source, &fields, &method, defaults)?;
        limits(source, &path, &model, &method)?;
        check(source, &path, &fields, &model, &method, data)?;
        used.push(as_used(written, &name, &model));
        fits.push(Fit { name, model, method });
    }
    Ok((fits, used))
}

/// Maximum likelihood does not use the priors: where the data do not determine the default prior, it goes without.
fn model_of(source: &Source, fields: &Written<'_>, method: &Method, data: &Defaults<'_>) -> Result<Model, ConfigError> {
    let resolved = model::resolve(source, fields, data.data.d(), Some(data));
    let likelihood = method.plan().is_some_and(|plan| plan.objective == Objective::Likelihood);
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

/// The most restarts, chains or scans, and the most numbers that the draws of a fit may hold (64 GiB).
const MOST_RESTARTS: usize = 1_000_000;
const MOST_CHAINS: usize = 100_000;
const MOST_SCANS: usize = 1 << 34;
const MOST_NUMBERS: u128 = 1 << 33;

/// Settings that no machine could run.
fn limits(source: &Source, path: &str, model: &Model, method: &Method) -> Result<(), ConfigError> {
    let within = |field: &str, value: usize, most: usize| match value <= most {
        true => Ok(()),
        false => {
            Err(source.error_at(&format!("{path}.{field}"), format!("{value} is beyond the limit of {most}"), None))
        }
    };
    match method {
        Method::Em(Em { restarts, .. }) | Method::Gradient(Gradient { restarts, .. }) => {
            within("restarts", *restarts, MOST_RESTARTS)
        }
        Method::Gibbs(gibbs) => {
            within("chains", gibbs.chains, MOST_CHAINS)?;
            within("warmup", gibbs.warmup, MOST_SCANS)?;
            within("draws", gibbs.draws, MOST_SCANS)?;
            let numbers = (gibbs.chains as u128) * (gibbs.draws as u128) * (model.n_parameters() as u128 + 8);
            match numbers <= MOST_NUMBERS {
                true => Ok(()),
                false => {
                    let message = format!("the draws would hold {numbers} numbers, beyond the limit of {MOST_NUMBERS}");
                    Err(source.error_at(&format!("{path}.draws"), message, None))
                }
            }
        }
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
        Method::Gradient(gradient) => check_point(source, path, fields, model, gradient, data),
        Method::Gibbs(gibbs) => gmm_mcmc::check(model, &data.data, gibbs).map_err(|error| match &error {
            GibbsError::FlatPrior => source.error_at(&fields.components.path, &error, None),
            GibbsError::Zero { name } => source.error_at(&format!("{path}.{name}"), &error, None),
            GibbsError::Seeding(_) => too_few(&error),
            GibbsError::Degenerate { .. } | GibbsError::NotFinite { .. } => source.error_at(path, &error, None),
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
                _ => "",
            };
            source.error_at(&format!("{path}{group}.{name}"), &error, None)
        }
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

/// Names that tell the fits apart: as written, else `em`, `map`, `adam`, `lbfgs` or `gibbs`, numbered where needed.
fn names(fits: &[config::Fit], source: &Source) -> Result<Vec<String>, ConfigError> {
    let written = |fit: &config::Fit| match fit {
        config::Fit::Em { name, .. } | config::Fit::Gradient { name, .. } | config::Fit::Gibbs { name, .. } => {
            name.clone()
        }
    };
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

/// The fit as `experiment.ron` writes it.
fn as_used(written: &config::Fit, as_name: &str, as_model: &Model) -> config::Fit {
    let mut used = written.clone();
    let (config::Fit::Em { name, model, .. }
    | config::Fit::Gradient { name, model, .. }
    | config::Fit::Gibbs { name, model, .. }) = &mut used;
    (*name, *model) = (Some(as_name.to_owned()), Some(model::written(as_model)));
    if let config::Fit::Gradient { optimizer, .. } = &mut used {
        *optimizer = optimizer_as_used(optimizer);
    }
    if let config::Fit::Em { collapse, .. } | config::Fit::Gradient { collapse, .. } = &mut used {
        let rule = collapse_rule(collapse.as_ref());
        *collapse = Some(config::Collapse {
            min_eigenvalue: Some(rule.min_eigenvalue),
            min_rows: Some(rule.min_rows(as_model.d())),
        });
    }
    used
}
