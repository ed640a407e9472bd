//! Posterior sampling of Gaussian mixtures: Gibbs chains, relabelling, convergence diagnostics.
//!
//! [`sample`] runs several chains of [`Scan`]s, blocked or collapsed ([`Kind`]), in parallel and returns [`Draws`]. For
//! posteriors with separate modes each chain can be the cold one of a ladder ([`Tempering`], [`TemperedScan`]). [`Draws::quantities`] lists
//! what is reported of them, label-invariant quantities first, and [`Draws::summaries`] gives each its mean, quantiles and
//! diagnostics. Label switching is undone per draw (see [`Draws`]), never by dropping draws; [`Draws::identifiability`] says how
//! well, [`Draws::co_clustering`] and [`Draws::partition`] need no labels. [`trajectory()`] gives the first scans of a chain, warm-up included. [`evidence`](mod@evidence) estimates the marginal likelihood of the model from the draws, [`predictive`] says how
//! well they predict and whether data replicated from them look like those observed, and [`reconcile`] why a point estimate
//! differs from them.
//!
//! ```
//! use gmm_core::{Data, Model, Shape, Streams, Structure};
//! use gmm_mcmc::{Gibbs, sample};
//! let rows: Vec<[f64; 1]> = (0..40).map(|i| [f64::from(i % 20) / 10.0 + if i < 20 { 0.0 } else { 8.0 }]).collect();
//! let data = Data::from_rows(&rows)?;
//! let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data)?;
//! let draws = sample(&model, &data, &Gibbs::default(), &[], &Streams::new(1), &|_| {})?;
//! let summaries = draws.summaries();
//! let ln_likelihood = &summaries[0];
//! assert_eq!(ln_likelihood.name, "ln_likelihood");
//! assert!(ln_likelihood.r_hat < 1.01 && ln_likelihood.ess_bulk > 400.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod diagnostics;
mod monte_carlo;
pub mod predictive;

mod settings;

mod collapsed;
mod scan;

mod tempering;

mod relabel;

mod draws;
mod sample;
mod trajectory;

mod quantities;
mod summary;

mod labels;

pub mod reconcile;

pub mod evidence;

pub use draws::{ChainDraws, DrawRow, Draws, NotAMixture};
pub use labels::{
    CoClustering, Identifiability, LabelError, MOST_PARTITION_ROWS, MOST_SIMILARITY_ROWS, PairProbability,
    PartitionEstimate, PartitionLoss, PartitionSearch, Relabelling, SimilarityMatrix, StephensReport,
};
pub use monte_carlo::MonteCarlo;
pub use quantities::Quantity;
pub use relabel::match_components;
pub use sample::{Progress, Start, check, sample};
pub use scan::{NoStart, Scan};
pub use settings::{Gibbs, GibbsError, Kind, Tempering};
pub use summary::{Levels, QuantitySummary, levels, summarise};
pub use tempering::{Swaps, TemperedScan};
pub use trajectory::{Frame, NoTrajectory, trajectory};
