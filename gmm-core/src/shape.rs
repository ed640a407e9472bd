//! The two independent choices of a covariance structure: its shape, and who shares it.

use crate::Covariance;

/// What a covariance matrix may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Any symmetric positive definite matrix: d (d + 1) / 2 parameters.
    Full,
    /// A diagonal: d parameters.
    Diagonal,
    /// A multiple of the identity: 1 parameter.
    Isotropic,
}

impl Shape {
    /// All shapes.
    pub const ALL: [Shape; 3] = [Shape::Full, Shape::Diagonal, Shape::Isotropic];

    /// Numbers that describe a d x d matrix of this shape: d (d + 1) / 2, d, or 1.
    pub fn n_entries(self, d: usize) -> usize {
        match self {
            Shape::Full => d * (d + 1) / 2,
            Shape::Diagonal => d,
            Shape::Isotropic => 1,
        }
    }

    /// Degrees of freedom that one row adds to the posterior of the covariance: 1, 1, d.
    pub fn dof_per_row(self, d: usize) -> f64 {
        match self {
            Shape::Full | Shape::Diagonal => 1.0,
            Shape::Isotropic => d as f64,
        }
    }

    /// The constant c of the inverse-Wishart (inverse-gamma) mode `scale / (dof + c)`: d + 1, 2, 2.
    pub fn mode_offset(self, d: usize) -> f64 {
        match self {
            Shape::Full => d as f64 + 1.0,
            Shape::Diagonal | Shape::Isotropic => 2.0,
        }
    }

    /// The bound that the degrees of freedom must exceed: d - 1, 0, 0.
    pub fn least_dof(self, d: usize) -> f64 {
        match self {
            Shape::Full => d as f64 - 1.0,
            Shape::Diagonal | Shape::Isotropic => 0.0,
        }
    }

    /// The position of entry (i, j) among the stored entries, or `None` where the shape has a zero.
    pub fn index(self, i: usize, j: usize) -> Option<usize> {
        let (row, column) = (i.max(j), i.min(j));
        match self {
            Shape::Full => Some(row * (row + 1) / 2 + column),
            Shape::Diagonal => (row == column).then_some(row),
            Shape::Isotropic => (row == column).then_some(0),
        }
    }
}

/// A covariance structure: a shape and who shares it.
#[derive(Debug, Clone, PartialEq)]
pub enum Structure {
    /// Each component has its own covariance.
    Free(Shape),
    /// All components share one covariance.
    Tied(Shape),
    /// The covariance is given, the same for all components, and not learned.
    Known(Covariance),
}

impl Structure {
    /// The shape of the covariances.
    pub fn shape(&self) -> Shape {
        match self {
            Structure::Free(shape) | Structure::Tied(shape) => *shape,
            Structure::Known(covariance) => covariance.shape(),
        }
    }

    /// How many distinct covariances a mixture of `k` components holds: k when free, otherwise 1.
    pub fn n_covariances(&self, k: usize) -> usize {
        match self {
            Structure::Free(_) => k,
            Structure::Tied(_) | Structure::Known(_) => 1,
        }
    }

    /// Free parameters of a mixture of `k` components in R^d: weights, means and covariances.
    ///
    /// ```text
    /// K - 1 + K d + { Free: K e, Tied: e, Known: 0 },   e = d (d + 1) / 2 | d | 1
    /// ```
    pub fn n_parameters(&self, k: usize, d: usize) -> usize {
        let learned = match self {
            Structure::Free(_) | Structure::Tied(_) => self.n_covariances(k) * self.shape().n_entries(d),
            Structure::Known(_) => 0,
        };
        (k - 1) + k * d + learned
    }
}
