//! The fits and what sampling computes, as written.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::defaults::*;
use super::{Acceleration, Collapse, Init, ModelOverride, Objective, Optimizer, Singularities, StandardErrors};

/// One fit. A setting that is left out has its default as soon as the config is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Fit {
    /// A point estimate by expectation-maximisation.
    Em {
        /// Tells two fits apart.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Single fields of the model that this fit has otherwise.
        #[serde(skip_serializing_if = "Option::is_none")]
        model: Option<ModelOverride>,
        /// What is maximised.
        #[serde(default)]
        objective: Objective,
        /// Number of starts; the best end counts. Left out: 20, or 1 from a given or stored start.
        #[serde(skip_serializing_if = "Option::is_none")]
        restarts: Option<usize>,
        /// Relative gain of the objective below which a start has converged.
        #[serde(default = "default_tolerance")]
        tolerance: f64,
        /// Iterations after which a start stops in any case.
        #[serde(default = "default_max_iterations")]
        max_iterations: usize,
        /// How EM is accelerated.
        #[serde(default)]
        acceleration: Acceleration,
        /// How a start begins.
        #[serde(default)]
        init: Init,
        /// When a component counts as collapsed.
        #[serde(skip_serializing_if = "Option::is_none")]
        collapse: Option<Collapse>,
        /// What is done about components that near a singularity.
        #[serde(default)]
        singularities: Singularities,
        /// Where standard errors come from; left out: the observed information, if that is cheap.
        #[serde(skip_serializing_if = "Option::is_none")]
        standard_errors: Option<StandardErrors>,
    },
    /// A point estimate by stepwise (online) EM: an M-step after every block of rows.
    StepwiseEm {
        /// Tells two fits apart.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Single fields of the model that this fit has otherwise.
        #[serde(skip_serializing_if = "Option::is_none")]
        model: Option<ModelOverride>,
        /// What is maximised.
        #[serde(default)]
        objective: Objective,
        /// Number of starts; the best end counts. Left out: 20, or 1 from a given or stored start.
        #[serde(skip_serializing_if = "Option::is_none")]
        restarts: Option<usize>,
        /// The most passes over the rows.
        #[serde(default = "default_passes")]
        passes: usize,
        /// The most rows between two M-steps.
        #[serde(default = "default_block")]
        block: usize,
        /// The step after t blocks is (t + 2)^-exponent; above 0.5, at most 1.
        #[serde(default = "default_exponent")]
        exponent: f64,
        /// Whether the estimate comes from averaged statistics instead of the last ones.
        #[serde(default = "default_average")]
        average: bool,
        /// Relative change of the objective below which a start has converged.
        #[serde(default = "default_tolerance")]
        tolerance: f64,
        /// Passes from one record of the objective to the next.
        #[serde(default = "default_log_every_pass")]
        log_every: usize,
        /// How a start begins.
        #[serde(default)]
        init: Init,
        /// When a component counts as collapsed.
        #[serde(skip_serializing_if = "Option::is_none")]
        collapse: Option<Collapse>,
        /// What is done about components that near a singularity.
        #[serde(default)]
        singularities: Singularities,
        /// Where standard errors come from; left out: the observed information, if that is cheap.
        #[serde(skip_serializing_if = "Option::is_none")]
        standard_errors: Option<StandardErrors>,
    },
    /// A point estimate by gradient ascent in unconstrained coordinates.
    Gradient {
        /// Tells two fits apart.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Single fields of the model that this fit has otherwise.
        #[serde(skip_serializing_if = "Option::is_none")]
        model: Option<ModelOverride>,
        /// What is maximised.
        #[serde(default)]
        objective: Objective,
        /// How steps are chosen.
        #[serde(default)]
        optimizer: Optimizer,
        /// Rows of a minibatch, drawn anew for each step; left out: all rows. Only with Adam.
        #[serde(skip_serializing_if = "Option::is_none")]
        batch: Option<usize>,
        /// Number of starts; the best end counts. Left out: 20, or 1 from a given or stored start.
        #[serde(skip_serializing_if = "Option::is_none")]
        restarts: Option<usize>,
        /// Relative gain of the objective below which a start has converged; not used with minibatches.
        #[serde(default = "default_tolerance")]
        tolerance: f64,
        /// Iterations after which a start stops in any case.
        #[serde(default = "default_max_steps")]
        max_iterations: usize,
        /// Iterations from one record of the objective to the next.
        #[serde(default = "default_log_every")]
        log_every: usize,
        /// How a start begins.
        #[serde(default)]
        init: Init,
        /// When a component counts as collapsed.
        #[serde(skip_serializing_if = "Option::is_none")]
        collapse: Option<Collapse>,
        /// What is done about components that near a singularity.
        #[serde(default)]
        singularities: Singularities,
        /// Where standard errors come from; left out: the observed information, if that is cheap.
        #[serde(skip_serializing_if = "Option::is_none")]
        standard_errors: Option<StandardErrors>,
    },
    /// Draws from the posterior by Gibbs sampling.
    Gibbs {
        /// Tells two fits apart.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Single fields of the model that this fit has otherwise.
        #[serde(skip_serializing_if = "Option::is_none")]
        model: Option<ModelOverride>,
        /// Number of independent chains.
        #[serde(default = "default_chains")]
        chains: usize,
        /// Sweeps of each chain that are thrown away first.
        #[serde(default = "default_warmup")]
        warmup: usize,
        /// Draws kept from each chain.
        #[serde(default = "default_draws")]
        draws: usize,
        /// What a scan draws.
        #[serde(default)]
        kind: Kind,
        /// A ladder of temperatures for each chain; left out: none.
        #[serde(skip_serializing_if = "Option::is_none")]
        tempering: Option<Tempering>,
        /// How the evidence is estimated; left out: in both ways, if that is cheap.
        #[serde(skip_serializing_if = "Option::is_none")]
        evidence: Option<Vec<Evidence>>,
        /// Whether WAIC and leave-one-out cross-validation are computed; left out: if that is cheap.
        #[serde(skip_serializing_if = "Option::is_none")]
        accuracy: Option<bool>,
        /// How label switching is undone.
        #[serde(default)]
        labels: Relabelling,
        /// By which loss the rows are partitioned; left out: by the variation of information, if that is cheap.
        #[serde(skip_serializing_if = "Option::is_none")]
        partition: Option<Partition>,
        /// Statistics by which replicated data are compared with those observed; left out: the usual ones, if that is
        /// cheap.
        #[serde(skip_serializing_if = "Option::is_none")]
        checks: Option<Vec<Statistic>>,
    },
}

impl Fit {
    /// The name, where one is written.
    pub(crate) fn name(&self) -> Option<&str> {
        let (Self::Em { name, .. }
        | Self::StepwiseEm { name, .. }
        | Self::Gradient { name, .. }
        | Self::Gibbs { name, .. }) = self;
        name.as_deref()
    }

    /// `Em()`: EM of the likelihood with every default.
    pub(crate) fn default_em() -> Self {
        Self::Em {
            name: None,
            model: None,
            objective: Objective::default(),
            restarts: None,
            tolerance: default_tolerance(),
            max_iterations: default_max_iterations(),
            acceleration: Acceleration::default(),
            init: Init::default(),
            collapse: None,
            singularities: Singularities::default(),
            standard_errors: None,
        }
    }
}

/// The prior of the number of components K; its constant does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum PriorOfK {
    /// Every K that is compared is as probable.
    #[default]
    Uniform,
    /// K - 1 has a Poisson distribution.
    Poisson {
        /// The mean of K - 1.
        rate: f64,
    },
    /// K - 1 has a beta negative binomial distribution.
    BetaNegativeBinomial {
        /// The number of successes.
        shape: f64,
        /// The first parameter of the beta distribution of their probability.
        a: f64,
        /// The second.
        b: f64,
    },
}

/// What a Gibbs scan draws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// All allocations given the parameters, and the parameters given all allocations.
    #[default]
    Blocked,
    /// One allocation after the other given all others.
    Collapsed,
}

/// Parallel tempering of each chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tempering {
    /// Rungs from the posterior to the prior, both counted.
    #[serde(default = "default_rungs")]
    pub rungs: usize,
}

/// How label switching is undone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relabelling {
    /// By the allocations of one draw after the other.
    #[default]
    Ecr,
    /// By the probabilities of allocations of all draws.
    Stephens,
}

/// By which loss the rows are partitioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Partition {
    /// They are not.
    Off,
    /// The variation of information.
    VariationOfInformation,
    /// Binder's loss.
    Binder,
}

/// A column of the rows that are fitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// By its name.
    Name(String),
    /// By its number among the columns that are fitted, from 0.
    Number(usize),
}

// By hand and not `untagged`, which would lose the reason and the place of an error.
impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrNumber;

        impl de::Visitor<'_> for NameOrNumber {
            type Value = Column;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a column in quotes, or its number from 0")
            }

            fn visit_str<E>(self, name: &str) -> Result<Column, E> {
                Ok(Column::Name(name.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Column, E> {
                let wrong = || E::invalid_value(de::Unexpected::Unsigned(number), &self);
                usize::try_from(number).map(Column::Number).map_err(|_| wrong())
            }
        }

        deserializer.deserialize_any(NameOrNumber)
    }
}

impl Serialize for Column {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Column::Name(name) => serializer.serialize_str(name),
            Column::Number(number) => serializer.serialize_u64(*number as u64),
        }
    }
}

/// A statistic by which replicated data are compared with those observed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Statistic {
    /// The mean of a column.
    Mean(Column),
    /// Its standard deviation.
    Sd(Column),
    /// Its skewness.
    Skewness(Column),
    /// Its excess kurtosis.
    Kurtosis(Column),
    /// Its smallest number.
    Minimum(Column),
    /// Its largest number.
    Maximum(Column),
    /// Its quantile of a probability.
    Quantile(Column, f64),
    /// The correlation of two columns.
    Correlation(Column, Column),
    /// The mean over the rows of the log density.
    MeanLnDensity,
    /// The lowest log density of a row.
    LowestLnDensity,
}

/// How an evidence is estimated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Evidence {
    /// Bridge sampling.
    Bridge {
        /// Draws whose allocations make the proposal.
        #[serde(default = "default_bridge_components")]
        components: usize,
        /// Draws from the proposal.
        #[serde(default = "default_proposals")]
        proposals: usize,
    },
    /// Chib's estimate.
    Chib {
        /// Points from each half of the draws.
        #[serde(default = "default_points")]
        points: usize,
        /// The most components whose permutations are all summed.
        #[serde(default = "default_most_exchanging")]
        most_exchanging: usize,
        /// Permutations for each draw where there are more.
        #[serde(default = "default_sampled")]
        sampled: usize,
    },
}
