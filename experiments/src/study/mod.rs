//! `gmm study`: a grid of experiments, each replicated, and how well the fits did in each cell.

mod summary;

pub use summary::{
    CellSummary, Factor, FactorValue, FailureCount, FitSeconds, Measure, MeasureName, StudyFit, StudySummary,
};
