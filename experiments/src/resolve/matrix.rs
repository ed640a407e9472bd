//! Matrices and mixtures of a config as those of `gmm-core`, errors at the very entry.

use gmm_core::{Covariance, Mixture, MixtureError, NotAMatrix, NotPositiveDefinite, Shape, Symmetric};

use crate::config::{self, ConfigError, Matrix, Source};

/// A matrix of a config in d dimensions, in the shape in which it is written.
pub(super) fn symmetric(source: &Source, path: &str, matrix: &Matrix, d: usize) -> Result<Symmetric, ConfigError> {
    let result = match matrix {
        Matrix::Full(rows) => Symmetric::full(rows),
        Matrix::Diagonal(entries) => Symmetric::diagonal(entries.clone()),
        Matrix::Isotropic(v) => Symmetric::isotropic(d, *v),
    };
    let symmetric = result.map_err(|error| source.error_at(&entry_path(path, matrix, &error), error, None))?;
    if symmetric.d() != d {
        let message = format!("the matrix has dimension {}, not {d}", symmetric.d());
        return Err(source.error_at(path, message, None));
    }
    Ok(symmetric)
}

/// A covariance of a config in d dimensions.
pub(super) fn covariance(source: &Source, path: &str, matrix: &Matrix, d: usize) -> Result<Covariance, ConfigError> {
    Covariance::new(symmetric(source, path, matrix, d)?).map_err(|error| not_positive(source, path, &error))
}

/// The error for a matrix that is not positive definite.
pub(super) fn not_positive(source: &Source, path: &str, error: &NotPositiveDefinite) -> ConfigError {
    source.error_at(path, error, Some("a covariance or scale needs positive eigenvalues"))
}

/// The path of the entry that is at fault.
fn entry_path(path: &str, matrix: &Matrix, error: &NotAMatrix) -> String {
    match (matrix, error) {
        (Matrix::Full(_), NotAMatrix::NotSquare { row, .. }) => format!("{path}[{row}]"),
        (Matrix::Full(_), NotAMatrix::NotSymmetric { i, j, .. } | NotAMatrix::NotFinite { i, j, .. }) => {
            format!("{path}[{i}][{j}]")
        }
        (Matrix::Diagonal(_), NotAMatrix::NotFinite { i, .. }) => format!("{path}[{i}]"),
        _ => path.to_owned(),
    }
}

/// A mixture of a config; the weights are divided by their sum.
pub(super) fn mixture(source: &Source, path: &str, mixture: &config::Mixture) -> Result<Mixture, ConfigError> {
    let (k, d) = (mixture.weights.len(), mixture.means.first().map_or(0, Vec::len));
    if mixture.means.len() != k {
        let message = format!("{} means where there are {k} weights", mixture.means.len());
        return Err(source.error_at(&format!("{path}.means"), message, None));
    }
    if mixture.covariances.len() != k {
        let message = format!("{} covariances where there are {k} weights", mixture.covariances.len());
        return Err(source.error_at(&format!("{path}.covariances"), message, None));
    }
    let covariances = mixture
        .covariances
        .iter()
        .enumerate()
        .map(|(c, matrix)| covariance(source, &format!("{path}.covariances[{c}]"), matrix, d.max(1)))
        .collect::<Result<Vec<_>, _>>()?;
    Mixture::new(mixture.weights.clone(), mixture.means.clone(), covariances).map_err(|error| {
        let place = match &error {
            MixtureError::NoComponents | MixtureError::Lengths { .. } => format!("{path}.weights"),
            MixtureError::Weight { component, .. } => format!("{path}.weights[{component}]"),
            MixtureError::Dimension { component, .. } => format!("{path}.means[{component}]"),
            MixtureError::Mean { component, coordinate, .. } => format!("{path}.means[{component}][{coordinate}]"),
        };
        source.error_at(&place, error, None)
    })
}

/// A matrix of `gmm-core` as a config writes it.
pub(super) fn written(matrix: &Symmetric) -> Matrix {
    match matrix.shape() {
        Shape::Full => Matrix::Full(matrix.to_rows()),
        Shape::Diagonal => Matrix::Diagonal(matrix.entries().to_vec()),
        Shape::Isotropic => Matrix::Isotropic(matrix.entries()[0]),
    }
}
