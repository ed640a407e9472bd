//! The settings of a method: defaults filled in, then words of a config to those of the library.

use std::path::Path;

use gmm_core::Model;
use gmm_em::{
    Acceleration, Adam, CollapseRule, Decay, Em, Gradient, Lbfgs, Objective, Optimizer, Singularities, StandardErrors,
    Starts, Stepwise,
};

use crate::config::{self, ConfigError, Source};
use crate::experiment::{DataSet, Method};
use crate::resolve::{matrix, sampling, stored};

/// Starts of a fit whose config says nothing of them.
const RESTARTS: usize = 20;

/// Standard errors that take more than so many operations (some seconds) are computed only where they are asked for.
const CHEAP: f64 = 2e10;

/// Fills in what a fit (at `path` in its config) leaves out of the settings that point estimates have.
pub(super) fn fill_in(
    source: &Source,
    path: &str,
    folder: &Path,
    fit: &mut config::Fit,
    model: &Model,
    n: usize,
) -> Result<(), ConfigError> {
    if let config::Fit::Gradient { optimizer, .. } = fit {
        *optimizer = optimizer_as_used(optimizer);
    }
    let (config::Fit::Em { restarts, init, collapse, standard_errors, .. }
    | config::Fit::StepwiseEm { restarts, init, collapse, standard_errors, .. }
    | config::Fit::Gradient { restarts, init, collapse, standard_errors, .. }) = fit
    else {
        return Ok(());
    };
    if let config::Init::Stored { results, fit } = init {
        let config::Mixture { weights, means, covariances } =
            stored::mixture(source, &format!("{path}.init"), folder, results, fit)?;
        *init = config::Init::Given { weights, means, covariances };
    }
    restarts.get_or_insert(if matches!(init, config::Init::Given { .. }) { 1 } else { RESTARTS });
    let rule = collapse_rule(collapse.as_ref());
    *collapse =
        Some(config::Collapse { min_eigenvalue: Some(rule.min_eigenvalue), min_rows: Some(rule.min_rows(model.d())) });
    standard_errors.get_or_insert_with(|| match StandardErrors::Observed.operations(model, n) <= CHEAP {
        true => config::StandardErrors::Observed,
        false => config::StandardErrors::Off,
    });
    Ok(())
}

/// The method of a fit that is filled in, of this model to these rows.
pub(super) fn method(
    source: &Source,
    path: &str,
    fit: &config::Fit,
    (model, data): (&Model, &DataSet),
) -> Result<Method, ConfigError> {
    let starts = |init: &config::Init| starts(source, &format!("{path}.init"), init);
    Ok(match fit {
        config::Fit::Em {
            objective,
            restarts,
            tolerance,
            max_iterations,
            acceleration,
            init,
            collapse,
            singularities,
            ..
        } => Method::Em(Em {
            objective: objective_of(*objective),
            restarts: restarts.unwrap_or(RESTARTS),
            tolerance: *tolerance,
            max_iterations: *max_iterations,
            acceleration: match acceleration {
                config::Acceleration::Off => Acceleration::None,
                config::Acceleration::Squarem => Acceleration::Squarem,
            },
            starts: starts(init)?,
            collapse: collapse_rule(collapse.as_ref()),
            singularities: policy(*singularities),
        }),
        config::Fit::StepwiseEm {
            objective,
            restarts,
            passes,
            block,
            exponent,
            average,
            tolerance,
            log_every,
            init,
            collapse,
            singularities,
            ..
        } => Method::Stepwise(Stepwise {
            objective: objective_of(*objective),
            restarts: restarts.unwrap_or(RESTARTS),
            passes: *passes,
            block: *block,
            exponent: *exponent,
            average: *average,
            tolerance: *tolerance,
            log_every: *log_every,
            starts: starts(init)?,
            collapse: collapse_rule(collapse.as_ref()),
            singularities: policy(*singularities),
        }),
        config::Fit::Gradient {
            objective,
            optimizer,
            batch,
            restarts,
            tolerance,
            max_iterations,
            log_every,
            init,
            collapse,
            singularities,
            ..
        } => Method::Gradient(Gradient {
            optimizer: optimizer_of(optimizer),
            objective: objective_of(*objective),
            batch: *batch,
            restarts: restarts.unwrap_or(RESTARTS),
            tolerance: *tolerance,
            max_iterations: *max_iterations,
            log_every: *log_every,
            starts: starts(init)?,
            collapse: collapse_rule(collapse.as_ref()),
            singularities: policy(*singularities),
        }),
        config::Fit::Gibbs { .. } => Method::Gibbs(sampling::settings(source, path, fit, model, data)?),
    })
}

/// The standard errors that a fit asks for.
pub(super) fn standard_errors(fit: &config::Fit) -> Option<StandardErrors> {
    let (config::Fit::Em { standard_errors, .. }
    | config::Fit::StepwiseEm { standard_errors, .. }
    | config::Fit::Gradient { standard_errors, .. }) = fit
    else {
        return None;
    };
    match (*standard_errors)? {
        config::StandardErrors::Off => None,
        config::StandardErrors::Observed => Some(StandardErrors::Observed),
        config::StandardErrors::Sandwich => Some(StandardErrors::Sandwich),
        config::StandardErrors::ParametricBootstrap { replicates } => {
            Some(StandardErrors::ParametricBootstrap { replicates })
        }
        config::StandardErrors::WeightedBootstrap { replicates } => {
            Some(StandardErrors::WeightedBootstrap { replicates })
        }
    }
}

/// What a fit maximises; none for sampling.
pub(super) fn objective(fit: &config::Fit) -> Option<Objective> {
    match fit {
        config::Fit::Em { objective, .. }
        | config::Fit::StepwiseEm { objective, .. }
        | config::Fit::Gradient { objective, .. } => Some(objective_of(*objective)),
        config::Fit::Gibbs { .. } => None,
    }
}

fn objective_of(written: config::Objective) -> Objective {
    match written {
        config::Objective::Likelihood => Objective::Likelihood,
        config::Objective::Posterior => Objective::Posterior,
    }
}

fn starts(source: &Source, path: &str, written: &config::Init) -> Result<Starts, ConfigError> {
    Ok(match written {
        config::Init::KMeansPlusPlus => Starts::KMeansPlusPlus,
        config::Init::RandomRows => Starts::RandomRows,
        config::Init::RandomResponsibilities => Starts::RandomResponsibilities,
        config::Init::Alternate => Starts::Alternate,
        config::Init::BestOfShort { runs, iterations } => Starts::BestOfShort { runs: *runs, iterations: *iterations },
        config::Init::Given { weights, means, covariances } => {
            let (weights, means, covariances) = (weights.clone(), means.clone(), covariances.clone());
            Starts::Given(matrix::mixture(source, path, &config::Mixture { weights, means, covariances })?)
        }
        // Filled in before: the mixture stands in its place.
        config::Init::Stored { .. } => return Err(source.error_at(path, "the stored start was not read", None)),
    })
}

fn policy(written: config::Singularities) -> Singularities {
    match written {
        config::Singularities::Fail => Singularities::Fail,
        config::Singularities::ResetComponent => Singularities::ResetComponent,
        config::Singularities::RemoveComponent => Singularities::RemoveComponent,
        config::Singularities::FloorEigenvalues(min) => Singularities::FloorEigenvalues(min),
        config::Singularities::Regularise(constant) => Singularities::Regularise(constant),
        config::Singularities::BoundRatio(ratio) => Singularities::BoundRatio(ratio),
    }
}

fn collapse_rule(written: Option<&config::Collapse>) -> CollapseRule {
    CollapseRule {
        min_eigenvalue: written
            .and_then(|rule| rule.min_eigenvalue)
            .unwrap_or_else(|| CollapseRule::default().min_eigenvalue),
        min_rows: written.and_then(|rule| rule.min_rows),
    }
}

fn optimizer_of(written: &config::Optimizer) -> Optimizer {
    match written {
        config::Optimizer::Adam { step, weights_step, components_step, beta1, beta2, epsilon, decay } => {
            let default = Adam::default();
            Optimizer::Adam(Adam {
                weights_step: weights_step.or(*step).unwrap_or(default.weights_step),
                components_step: components_step.or(*step).unwrap_or(default.components_step),
                beta1: beta1.unwrap_or(default.beta1),
                beta2: beta2.unwrap_or(default.beta2),
                epsilon: epsilon.unwrap_or(default.epsilon),
                decay: decay.map_or(default.decay, |decay| match decay {
                    config::Decay::Constant => Decay::Constant,
                    config::Decay::InverseSqrt => Decay::InverseSqrt,
                    config::Decay::Exponential { half_life } => Decay::Exponential { half_life },
                }),
            })
        }
        config::Optimizer::Lbfgs { memory } => {
            Optimizer::Lbfgs(Lbfgs { memory: memory.unwrap_or(Lbfgs::default().memory) })
        }
    }
}

/// The optimizer with every default filled in.
fn optimizer_as_used(written: &config::Optimizer) -> config::Optimizer {
    match optimizer_of(written) {
        Optimizer::Adam(adam) => config::Optimizer::Adam {
            step: None,
            weights_step: Some(adam.weights_step),
            components_step: Some(adam.components_step),
            beta1: Some(adam.beta1),
            beta2: Some(adam.beta2),
            epsilon: Some(adam.epsilon),
            decay: Some(match adam.decay {
                Decay::Constant => config::Decay::Constant,
                Decay::InverseSqrt => config::Decay::InverseSqrt,
                Decay::Exponential { half_life } => config::Decay::Exponential { half_life },
            }),
        },
        Optimizer::Lbfgs(lbfgs) => config::Optimizer::Lbfgs { memory: Some(lbfgs.memory) },
    }
}
