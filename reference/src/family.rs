//! The covariance families: the shape of a covariance matrix, and whether the components share it.

use serde::Deserialize;

/// A covariance family of a mixture of K normals in d dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// One free matrix per component (mclust VVV, scikit-learn `full`).
    Full,
    /// One diagonal matrix per component (mclust VVI, scikit-learn `diag`).
    Diag,
    /// One variance per component (mclust VII, scikit-learn `spherical`).
    Iso,
    /// One free matrix for all components (mclust EEE, scikit-learn `tied`).
    Tied,
    /// One diagonal matrix for all components (mclust EEI).
    SharedDiag,
    /// One variance for all components (mclust EII).
    SharedIso,
    /// A given matrix for all components: no covariance is estimated.
    Constant,
}

impl Family {
    /// The number of free parameters of a mixture: weights, means and covariances.
    ///
    /// ```text
    /// K - 1 + K d + { K d (d + 1) / 2, K d, K, d (d + 1) / 2, d, 1, 0 }
    /// ```
    pub fn n_parameters(self, n_components: usize, dimension: usize) -> usize {
        let (k, d) = (n_components, dimension);
        let n_covariance_parameters = match self {
            Family::Full => k * d * (d + 1) / 2,
            Family::Diag => k * d,
            Family::Iso => k,
            Family::Tied => d * (d + 1) / 2,
            Family::SharedDiag => d,
            Family::SharedIso => 1,
            Family::Constant => 0,
        };
        k - 1 + k * d + n_covariance_parameters
    }
}
