//! The conjugate priors under which the reference results were computed.

use serde::Deserialize;

/// The scale of the prior of the covariances, in the form that the family has.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Scale {
    /// Families full and tied: the d x d scale matrix of an inverse Wishart.
    Matrix(Vec<Vec<f64>>),
    /// Families diag and shared_diag: d scales, one per coordinate.
    Diagonal(Vec<f64>),
    /// Families iso and shared_iso: one scale.
    Number(f64),
}

/// The prior of the means and covariances.
///
/// ```text
/// full, tied          Sigma ~ IW(dof, scale),                   mu_k | Sigma ~ N(mean, Sigma / kappa)
/// diag, shared_diag   v_j ~ InvGamma(dof / 2, scale_j / 2),     mu_kj | v_j ~ N(mean_j, v_j / kappa)
/// iso, shared_iso     v ~ InvGamma(dof / 2, scale / 2),         mu_k | v ~ N(mean, v I / kappa)
/// constant                                                      mu_k ~ N(mean, Sigma / kappa)
/// ```
///
/// The density of IW(dof, scale) is proportional to `|S|^-((dof + d + 1) / 2) exp(-tr(scale S^-1) / 2)`; the second
/// parameter of InvGamma is a rate. A shared covariance has one draw, from which all the means are independent.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentPrior {
    /// The prior mean of the means, d numbers.
    pub mean: Vec<f64>,
    /// The number of observations that the prior mean is worth.
    pub kappa: f64,
    /// The degrees of freedom; absent in the family `Constant`.
    pub dof: Option<f64>,
    /// The scale; absent in the family `Constant`.
    pub scale: Option<Scale>,
    /// The given covariance matrix; present in the family `Constant` alone.
    pub fixed_covariance: Option<Vec<Vec<f64>>>,
}

/// The prior of the weights, means and covariances: [`ComponentPrior`] and a symmetric Dirichlet.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixturePrior {
    /// The parameter of the symmetric Dirichlet of the weights; 1 is the flat prior.
    pub concentration: f64,
    /// The prior mean of the means, d numbers.
    pub mean: Vec<f64>,
    /// The number of observations that the prior mean is worth.
    pub kappa: f64,
    /// The degrees of freedom.
    pub dof: f64,
    /// The scale.
    pub scale: Scale,
}
