//! Why labels or partitions of the draws cannot be had.

use gmm_core::Data;
use thiserror::Error;

use crate::{Draws, NotAMixture};

/// Why a relabelling, its score or a partition cannot be computed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum LabelError {
    /// The data are not those of the draws.
    #[error("the data have {found} {what} where {expected} were expected")]
    OtherData {
        /// Rows or columns.
        what: &'static str,
        /// Their number.
        found: usize,
        /// That of the draws.
        expected: usize,
    },
    /// A setting is 0.
    #[error("{name} is 0: it must be at least 1")]
    Zero {
        /// The setting.
        name: &'static str,
    },
    /// There are more rows than a search can take.
    #[error("{n} rows are too many to search for a partition: there may be at most {most}")]
    TooManyRows {
        /// Number of rows.
        n: usize,
        /// The bound.
        most: usize,
    },
    /// A draw is not a mixture any more.
    #[error("chain {chain}, draw {draw}: {source}")]
    NotAMixture {
        /// The chain, from 0.
        chain: usize,
        /// The draw, from 0.
        draw: usize,
        /// What it is.
        source: NotAMixture,
    },
}

/// Whether data are those of the draws, as far as their size tells.
pub(super) fn check(draws: &Draws, data: &Data) -> Result<(), LabelError> {
    let (n, d) = (draws.pivot().len(), draws.model().d());
    match [("rows", data.n(), n), ("columns", data.d(), d)].into_iter().find(|(_, found, expected)| found != expected) {
        Some((what, found, expected)) => Err(LabelError::OtherData { what, found, expected }),
        None => Ok(()),
    }
}
