//! What `gmm verify` was told that cannot be.

use thiserror::Error;

/// An argument that does not fit the experiment, or itself.
#[derive(Debug, Clone, PartialEq, Error)]
pub(crate) enum VerifyError {
    /// `--fit` names none.
    #[error("--fit {name:?}: there is no such fit; the fits are {known}{}", nearest.as_ref().map_or(String::new(), |name| format!(" (did you mean {name:?}?)")))]
    NoSuchFit {
        /// As given.
        name: String,
        /// The names of all fits.
        known: String,
        /// The one most like it.
        nearest: Option<String>,
    },
    /// `--false-alarm` is no rate.
    #[error("--false-alarm {rate}: the probability of a false alarm is above 0 and below 1")]
    Rate {
        /// As given.
        rate: f64,
    },
    /// More rows than can be enumerated.
    #[error(
        "--exact {rows}: at most {most} rows are enumerated, since their partitions grow faster than 2 to the {most}th"
    )]
    ExactTooMany {
        /// As given.
        rows: usize,
        /// The most.
        most: usize,
    },
    /// More rows than there are.
    #[error("--exact {rows}: the data have {n} rows")]
    ExactBeyondData {
        /// As given.
        rows: usize,
        /// Those of the data.
        n: usize,
    },
    /// Fewer rows than components.
    #[error("--exact {rows}: the chains of the fit {fit:?} start at {least} rows or more")]
    ExactTooFew {
        /// As given.
        rows: usize,
        /// The fit.
        fit: String,
        /// Its components, and 2 at least.
        least: usize,
    },
}
