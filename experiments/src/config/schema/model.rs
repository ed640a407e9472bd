//! The model and its prior, as written.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Matrix;

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
