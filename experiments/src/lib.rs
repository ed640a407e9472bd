//! The workbench: experiments described in RON, run, compared and reported.
//!
//! The way of the data, each arrow one module:
//!
//! ```text
//! config (as written) -- resolve --> experiment (as used) -- run --> fitted
//! fitted + truth -- compare --> comparison -- summary, report, output --> results/<name>/
//! ```
//!
//! This crate alone knows files, RON, figures, the clock and the terminal.

pub mod config;
pub mod output;

mod digest;
mod rows;

mod experiment;
mod resolve;

mod posterior;

mod film;
mod fitted;
mod run;
mod warnings;

mod compare;
mod components;
mod reconciled;
mod summary;

mod report;
mod report_files;

mod progress;
mod write;

mod bench;
mod compare_runs;
mod select;
pub mod study;
mod verify;

pub mod cli;

pub use compare::{Comparison, compare};
pub use experiment::{DataSet, Experiment, Fit, HeldOut, Labels, Method, Sampling};
pub use fitted::{FailedFit, FitResult, Outcome, PointDetail, PointMethod, Seen};
pub use posterior::{EvidenceFound, GibbsDetail, GibbsSeconds, PartitionFound};
pub use resolve::{LoadError, load, resolve};
pub use run::run;
pub use summary::Summary;
pub use warnings::Warning;
