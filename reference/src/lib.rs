//! Data sets and results of independent software, as typed values for the project's tests to compare with.
//!
//! Test support only: a missing or malformed file is a fault of the checkout, so every function panics with the
//! name of the file instead of returning an error. It knows only `gmm-core`, to hand the cases over as its models.
//! What each file is, which software computed it, and how to judge with it: `README.md` beside the manifest.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test support: a broken data file must stop the test that reads it"
)]

mod file;

mod family;
mod prior;
mod table;

mod diagnostics;
mod exact;
mod fit;
mod posterior;
mod relabelling;
mod smoothing;

mod model;

pub use diagnostics::{DiagnosticsCase, diagnostics_cases};
pub use exact::{ExactCase, FiniteMixture, exact_cases};
pub use family::Family;
pub use fit::{
    MapCase, MapFlatComponentsCase, MaximumLikelihoodCase, RegularisedCase, map_cases, map_flat_components_cases,
    maximum_likelihood_cases, regularised_cases,
};
pub use model::{data, flat_model, mixture};
pub use posterior::{PosteriorCase, Quantity, posterior_cases, separated_posterior_cases};
pub use prior::{ComponentPrior, MixturePrior, Scale};
pub use relabelling::{RelabellingCase, relabelling_cases};
pub use smoothing::{SmoothingCase, smoothing_cases};
pub use table::{Table, diagnostic_chains, table};
