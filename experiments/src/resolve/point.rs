//! The settings of point estimates: words of a config to those of the library.

use gmm_em::{Adam, CollapseRule, Decay, Lbfgs, Objective, Optimizer, Seedings};

use crate::config;

pub(super) fn objective_of(written: config::Objective) -> Objective {
    match written {
        config::Objective::Likelihood => Objective::Likelihood,
        config::Objective::Posterior => Objective::Posterior,
    }
}

pub(super) fn seedings(written: config::Initialisation) -> Seedings {
    match written {
        config::Initialisation::KMeansPlusPlus => Seedings::KMeansPlusPlus,
        config::Initialisation::RandomRows => Seedings::RandomRows,
        config::Initialisation::Alternate => Seedings::Alternate,
    }
}

pub(super) fn collapse_rule(written: Option<&config::Collapse>) -> CollapseRule {
    CollapseRule {
        min_eigenvalue: written
            .and_then(|rule| rule.min_eigenvalue)
            .unwrap_or_else(|| CollapseRule::default().min_eigenvalue),
        min_rows: written.and_then(|rule| rule.min_rows),
    }
}

pub(super) fn optimizer_of(written: &config::Optimizer) -> Optimizer {
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
pub(super) fn optimizer_as_used(written: &config::Optimizer) -> config::Optimizer {
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
