//! Why there are no standard errors.

use thiserror::Error;

use super::{MAX_PARAMETERS, Parameter};

/// Why there are no standard errors of an estimate.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NoStandardErrors {
    /// The level is no probability of an interval.
    #[error("the level of the intervals is {level}: it must lie between 0 and 1")]
    Level {
        /// The level.
        level: f64,
    },
    /// The mixture or the data are not those of the model.
    #[error("{what} is {found} where the model has {expected}")]
    OtherModel {
        /// What differs.
        what: &'static str,
        /// What it is of the mixture or the data.
        found: usize,
        /// What it is of the model.
        expected: usize,
    },
    /// There are too many parameters for a matrix of all pairs.
    #[error("{parameters} parameters: an information matrix is formed of at most {MAX_PARAMETERS}; use a bootstrap")]
    TooManyParameters {
        /// The number of parameters.
        parameters: usize,
    },
    /// A component stands for less than one row: its weight is at the boundary, where no estimate is near normal.
    #[error(
        "weight {component} stands for {rows:.2e} rows: at the boundary of the weights there are no standard errors; \
         use fewer components"
    )]
    Boundary {
        /// The component, from 0.
        component: usize,
        /// Its weight times the number of rows.
        rows: f64,
    },
    /// The information is not positive definite: the data do not determine the estimate, or it is no maximum.
    #[error(
        "the information is not positive definite (an eigenvalue is at most {eigenvalue:.1e} of the diagonal; the \
         direction is mostly {parameter}): the data do not determine all parameters, or the fit has not converged to a \
         maximum"
    )]
    NotPositiveDefinite {
        /// A bound from above of the smallest eigenvalue, of the information brought to a diagonal of ones; where an
        /// entry of the diagonal is not positive, that entry.
        eigenvalue: f64,
        /// The parameter that the direction without information is mostly made of.
        parameter: Parameter,
    },
    /// The mixture is too far from the maximum.
    #[error(
        "the estimate lies {distance:.2} standard errors from the maximum (limit {limit}): let it go on for \
         longer, to a lower tolerance"
    )]
    NotAMaximum {
        /// How far, in standard errors of the direction: `sqrt(g' inverse(I) g)` for gradient g and information I.
        distance: f64,
        /// The limit.
        limit: f64,
    },
    /// A standard error is not a finite number: the data or the parameters are too extreme.
    #[error("the standard error of {parameter} is not a finite number")]
    NotFinite {
        /// The parameter.
        parameter: Parameter,
    },
    /// There are too few replicates for the ends of intervals at this level.
    #[error("{replicates} replicates: an interval at this level needs at least {least}")]
    TooFewReplicates {
        /// The number of replicates.
        replicates: usize,
        /// The fewest that will do.
        least: usize,
    },
    /// Too many refits collapsed, fell or did not converge: intervals from the rest would be too narrow.
    #[error(
        "{failed} of {replicates} bootstrap fits collapsed or did not converge (at most {most} may): put a prior on the \
         components, tie the covariances, or use fewer components"
    )]
    ReplicatesFailed {
        /// How many failed.
        failed: usize,
        /// Of how many.
        replicates: usize,
        /// How many may.
        most: usize,
    },
}
