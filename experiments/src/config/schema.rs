//! The config as written: plain data, one type for each group of fields that a user can write.

mod separated;

use std::fmt;

use gmm_mcmc::evidence::{Bridge, Chib};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use separated::{MixtureWeights, Separation};
pub(crate) use separated::{default_condition, default_shape, default_widening};

/// One experiment: a data set, a model, and the fits to run on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Names the experiment and its folder of results.
    pub name: String,
    /// The one seed that every random stream is derived from.
    pub seed: u64,
    /// Where the rows come from.
    pub data: Data,
    /// The share of the rows, drawn at random, that no fit sees and all are judged by; left out: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holdout: Option<f64>,
    /// The model that every fit starts from.
    pub model: Model,
    /// The prior probabilities of numbers of components, where evidences compare some.
    #[serde(default)]
    pub prior_of_k: PriorOfK,
    /// What is run on the data, in this order.
    pub fits: Vec<Fit>,
}

/// Where the rows come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Data {
    /// A comma-separated file with a header.
    Csv {
        /// The file, relative to the folder of the config.
        path: String,
        /// The columns to fit; left out: all numeric columns.
        #[serde(skip_serializing_if = "Option::is_none")]
        columns: Option<Vec<String>>,
        /// A column of known classes: compared with, never fitted.
        #[serde(skip_serializing_if = "Option::is_none")]
        labels: Option<String>,
        /// The mixture that the rows are known to come from.
        #[serde(skip_serializing_if = "Option::is_none")]
        truth: Option<Mixture>,
    },
    /// A NumPy array in a `.npy` file, of n rows and d columns (or one column) of numbers. It is mapped, not copied,
    /// where it holds little-endian float64 row after row and all columns are fitted in order.
    Npy {
        /// The file, relative to the folder of the config.
        path: String,
        /// The columns to fit, counted from 0 and named `x0`, `x1`, ..; left out: all but the labels.
        #[serde(skip_serializing_if = "Option::is_none")]
        columns: Option<Vec<usize>>,
        /// A column of known classes, each a number: compared with, never fitted.
        #[serde(skip_serializing_if = "Option::is_none")]
        labels: Option<usize>,
        /// The mixture that the rows are known to come from.
        #[serde(skip_serializing_if = "Option::is_none")]
        truth: Option<Mixture>,
    },
    /// A Parquet file, decoded piece by piece into a temporary file.
    Parquet {
        /// The file, relative to the folder of the config.
        path: String,
        /// The columns to fit, of floating-point numbers or integers; left out: all of these but the labels.
        #[serde(skip_serializing_if = "Option::is_none")]
        columns: Option<Vec<String>>,
        /// A column of known classes, of texts, numbers or truth values: compared with, never fitted.
        #[serde(skip_serializing_if = "Option::is_none")]
        labels: Option<String>,
        /// The mixture that the rows are known to come from.
        #[serde(skip_serializing_if = "Option::is_none")]
        truth: Option<Mixture>,
    },
    /// Rows drawn from a given mixture.
    Simulate {
        /// Number of rows; may be left out when `sizes` is given.
        #[serde(skip_serializing_if = "Option::is_none")]
        n: Option<usize>,
        /// What the rows are drawn from.
        mixture: Mixture,
        /// The exact number of rows of each component, instead of numbers drawn by the weights.
        #[serde(skip_serializing_if = "Option::is_none")]
        sizes: Option<Vec<usize>>,
        /// A seed of its own for the data; left out: derived from the seed of the experiment.
        #[serde(skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
    },
    /// Rows drawn from a mixture made at random: equal weights, means uniform in a ball about the origin, covariances whose
    /// axes are turned at random and have standard deviations uniform in 0.5 to 1.5.
    SimulateInBall {
        /// Number of rows.
        n: usize,
        /// Number of components; left out: those of the model.
        #[serde(skip_serializing_if = "Option::is_none")]
        components: Option<usize>,
        /// Number of columns.
        dims: usize,
        /// Radius of the ball.
        radius: f64,
        /// A seed of its own for the data; left out: derived from the seed of the experiment.
        #[serde(skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
    },
    /// Rows drawn from a mixture made at random whose components are a given way apart: means uniform in a cube, covariances
    /// of a given shape and condition, scaled so that they have the separation.
    SimulateSeparated {
        /// Number of rows, outliers included.
        n: usize,
        /// Number of components; left out: those of the model.
        #[serde(skip_serializing_if = "Option::is_none")]
        components: Option<usize>,
        /// Number of columns.
        dims: usize,
        /// How far components are apart.
        separation: Separation,
        /// The weights.
        #[serde(default)]
        weights: MixtureWeights,
        /// The shape of the covariances.
        #[serde(default = "default_shape")]
        shape: Shape,
        /// Whether all components have the same covariance.
        #[serde(default)]
        tied: bool,
        /// The ratio of the largest to the smallest eigenvalue of a covariance, at least 1.
        #[serde(default = "default_condition")]
        condition: f64,
        /// The share of the rows that come from no component but are uniform in a box around the others, which they follow.
        #[serde(default)]
        outliers: f64,
        /// How much wider than the other rows that box is on each side, as a share of its extent.
        #[serde(default = "default_widening")]
        widening: f64,
        /// A seed of its own for the data; left out: derived from the seed of the experiment.
        #[serde(skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
        /// A seed of its own for the mixture; left out: that of the data.
        #[serde(skip_serializing_if = "Option::is_none")]
        mixture_seed: Option<u64>,
    },
    /// Rows drawn from a mixture that is itself drawn from the prior of the model.
    SimulateFromPrior {
        /// Number of rows.
        n: usize,
        /// A seed of its own for the data; left out: derived from the seed of the experiment.
        #[serde(skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
    },
}

/// A mixture of K normal distributions in d dimensions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mixture {
    /// K weights.
    pub weights: Vec<f64>,
    /// K means of d numbers.
    pub means: Vec<Vec<f64>>,
    /// K covariances.
    pub covariances: Vec<Matrix>,
}

/// A symmetric matrix, written in the shortest form that holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Matrix {
    /// All d rows.
    Full(Vec<Vec<f64>>),
    /// The d diagonal entries.
    Diagonal(Vec<f64>),
    /// One number, repeated along the diagonal.
    Isotropic(f64),
}

/// The mixture model to fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Number of components, K.
    pub components: usize,
    /// Shape and tying of the covariances.
    pub covariance: Covariance,
    /// Left out: the default prior.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prior: Option<Prior>,
}

/// The fields of [`Model`] that one fit has otherwise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename = "Model")]
pub struct ModelOverride {
    /// In place of `model.components`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub components: Option<usize>,
    /// In place of `model.covariance`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covariance: Option<Covariance>,
    /// In place of `model.prior`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prior: Option<Prior>,
}

/// The shape of a covariance matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// Any positive definite matrix.
    Full,
    /// A variance for each dimension.
    Diagonal,
    /// One variance for all dimensions.
    Isotropic,
}

/// Whether the components share their covariance, and its shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Covariance {
    /// Each component has its own.
    Free(Shape),
    /// All components share one.
    Tied(Shape),
    /// Given, not learned.
    Known(Matrix),
}

/// The prior of weights, means and covariances; what is left out has its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prior {
    /// Of the Dirichlet distribution of the weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concentration: Option<Concentration>,
    /// Of the means and covariances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub components: Option<ComponentPrior>,
}

/// A Dirichlet concentration: one number for all components, or one for each.
#[derive(Clone, Debug, PartialEq)]
pub enum Concentration {
    /// The same number for every component: `1.0`.
    Same(f64),
    /// K numbers: `[1.0, 2.0]`.
    Each(Vec<f64>),
}

// By hand and not `untagged`, which would lose the reason and the place of an error inside the list.
impl<'de> Deserialize<'de> for Concentration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrList;

        impl<'de> de::Visitor<'de> for NumberOrList {
            type Value = Concentration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a list of numbers")
            }

            fn visit_f64<E>(self, number: f64) -> Result<Concentration, E> {
                Ok(Concentration::Same(number))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Concentration, E> {
                Ok(Concentration::Same(number as f64))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Concentration, E> {
                Ok(Concentration::Same(number as f64))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Concentration, A::Error> {
                let list = de::value::SeqAccessDeserializer::new(seq);
                Vec::deserialize(list).map(Concentration::Each)
            }
        }

        deserializer.deserialize_any(NumberOrList)
    }
}

impl Serialize for Concentration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Concentration::Same(number) => serializer.serialize_f64(*number),
            Concentration::Each(numbers) => numbers.serialize(serializer),
        }
    }
}

/// The prior of one component's mean and covariance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum ComponentPrior {
    /// The conjugate prior with every hyperparameter taken from the data: the default.
    FromData,
    /// No prior on means and covariances: EM only.
    Flat,
    /// The conjugate prior; what is left out is taken from the data.
    Conjugate {
        /// m0, d numbers.
        #[serde(skip_serializing_if = "Option::is_none")]
        mean: Option<Vec<f64>>,
        /// How many rows the prior mean is worth.
        #[serde(skip_serializing_if = "Option::is_none")]
        kappa: Option<f64>,
        /// Degrees of freedom of the (inverse-)Wishart or gamma distribution.
        #[serde(skip_serializing_if = "Option::is_none")]
        dof: Option<f64>,
        /// Scale matrix of the prior of the covariance.
        #[serde(skip_serializing_if = "Option::is_none")]
        scale: Option<Matrix>,
    },
}

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

/// What a point estimate maximises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Objective {
    /// The likelihood: maximum likelihood.
    #[default]
    Likelihood,
    /// The joint density of parameters and data: MAP.
    Posterior,
}

/// How gradient ascent chooses its steps; what is left out has its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Optimizer {
    /// Adam: running means of gradients and of their squares.
    Adam {
        /// The first step of weights and components; in place of it, or beside it, the next two.
        #[serde(skip_serializing_if = "Option::is_none")]
        step: Option<f64>,
        /// The first step of the log ratios of the weights.
        #[serde(skip_serializing_if = "Option::is_none")]
        weights_step: Option<f64>,
        /// The first step of means and covariances.
        #[serde(skip_serializing_if = "Option::is_none")]
        components_step: Option<f64>,
        /// The decay of the mean of gradients.
        #[serde(skip_serializing_if = "Option::is_none")]
        beta1: Option<f64>,
        /// The decay of the mean of squared gradients.
        #[serde(skip_serializing_if = "Option::is_none")]
        beta2: Option<f64>,
        /// What keeps the divisor from 0.
        #[serde(skip_serializing_if = "Option::is_none")]
        epsilon: Option<f64>,
        /// How steps shrink.
        #[serde(skip_serializing_if = "Option::is_none")]
        decay: Option<Decay>,
    },
    /// L-BFGS with a line search.
    Lbfgs {
        /// How many of the latest steps it remembers.
        #[serde(skip_serializing_if = "Option::is_none")]
        memory: Option<usize>,
    },
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Lbfgs { memory: None }
    }
}

/// How the steps of Adam shrink.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Decay {
    /// Not at all.
    Constant,
    /// As one over the root of the iteration.
    InverseSqrt,
    /// By half in so many iterations.
    Exponential {
        /// Iterations in which steps halve.
        half_life: f64,
    },
}

/// How a start begins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Init {
    /// Means spread over the rows by k-means++.
    #[default]
    KMeansPlusPlus,
    /// Means at K rows drawn at random.
    RandomRows,
    /// Responsibilities drawn at random.
    RandomResponsibilities,
    /// k-means++ and random rows in turn, from start to start.
    Alternate,
    /// One start from a given mixture.
    Given {
        /// K weights.
        weights: Vec<f64>,
        /// K means of d numbers.
        means: Vec<Vec<f64>>,
        /// K covariances.
        covariances: Vec<Matrix>,
    },
    /// One start from the mixture of a fit of stored results.
    Stored {
        /// The folder of the results, or a `summary.json`; relative to the folder of the config.
        results: String,
        /// The name of the fit.
        fit: String,
    },
    /// The best of several short runs of EM from random rows.
    BestOfShort {
        /// Number of short runs.
        #[serde(default = "default_short_runs")]
        runs: usize,
        /// The most iterations of each.
        #[serde(default = "default_short_iterations")]
        iterations: usize,
    },
}

/// What is done about components that near a singularity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Singularities {
    /// A restart that ends in a collapse is set aside.
    #[default]
    Fail,
    /// The mean of the component restarts at the worst-explained row.
    ResetComponent,
    /// The component is dropped.
    RemoveComponent,
    /// No eigenvalue of a covariance is below this.
    FloorEigenvalues(f64),
    /// This is added to the diagonal of every covariance in every M-step.
    Regularise(f64),
    /// No eigenvalue of any covariance is more than this times another.
    BoundRatio(f64),
}

/// Where standard errors come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum StandardErrors {
    /// None are computed.
    Off,
    /// The observed information.
    Observed,
    /// The sandwich of the observed information and the scores.
    Sandwich,
    /// Fits to data simulated from the estimate.
    ParametricBootstrap {
        /// Number of fits.
        #[serde(default = "default_replicates")]
        replicates: usize,
    },
    /// Fits to the rows with random weights.
    WeightedBootstrap {
        /// Number of fits.
        #[serde(default = "default_replicates")]
        replicates: usize,
    },
}

/// How EM is accelerated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Acceleration {
    /// Not at all.
    #[default]
    Off,
    /// By SQUAREM, with a guard that keeps it from falling.
    Squarem,
}

/// When a component counts as collapsed; what is left out has its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collapse {
    /// Smallest eigenvalue that a covariance may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_eigenvalue: Option<f64>,
    /// Fewest rows (sum of responsibilities) that a component may hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_rows: Option<f64>,
}

fn default_passes() -> usize {
    20
}

fn default_block() -> usize {
    1000
}

fn default_exponent() -> f64 {
    0.6
}

fn default_average() -> bool {
    true
}

fn default_log_every_pass() -> usize {
    1
}

fn default_short_runs() -> usize {
    10
}

fn default_short_iterations() -> usize {
    5
}

fn default_replicates() -> usize {
    200
}

fn default_tolerance() -> f64 {
    1e-10
}

fn default_max_iterations() -> usize {
    10_000
}

fn default_max_steps() -> usize {
    1000
}

fn default_log_every() -> usize {
    10
}

fn default_chains() -> usize {
    4
}

fn default_warmup() -> usize {
    500
}

fn default_draws() -> usize {
    1000
}

fn default_rungs() -> usize {
    gmm_mcmc::Tempering::default().rungs
}

fn default_bridge_components() -> usize {
    Bridge::default().components
}

fn default_proposals() -> usize {
    Bridge::default().proposals
}

fn default_points() -> usize {
    Chib::default().points
}

fn default_most_exchanging() -> usize {
    Chib::default().most_exchanging
}

fn default_sampled() -> usize {
    Chib::default().sampled
}
