//! Signs of life.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A part of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Simulation-based calibration.
    Sbc,
    /// The joint distribution test.
    Geweke,
    /// Against the enumeration of a few rows.
    Exact,
    /// The optima of point estimates.
    Optima,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sbc => "calibration",
            Self::Geweke => "joint test",
            Self::Exact => "enumeration",
            Self::Optima => "optima",
        })
    }
}

/// A sign of life: after each replication, chain or run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The part that goes on.
    pub part: Part,
    /// How much of it is done.
    pub done: usize,
    /// Of how much.
    pub of: usize,
}

/// Counts what is done, in whichever order.
pub(crate) struct Counter<'a> {
    part: Part,
    done: AtomicUsize,
    of: usize,
    report: &'a (dyn Fn(Progress) + Sync),
}

impl<'a> Counter<'a> {
    pub(crate) fn new(part: Part, of: usize, report: &'a (dyn Fn(Progress) + Sync)) -> Self {
        Self { part, done: AtomicUsize::new(0), of, report }
    }

    pub(crate) fn tick(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        (self.report)(Progress { part: self.part, done, of: self.of });
    }
}
