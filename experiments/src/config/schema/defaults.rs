//! What settings are where a config leaves them out.

use gmm_mcmc::evidence::{Bridge, Chib};

pub(super) fn default_passes() -> usize {
    20
}

pub(super) fn default_block() -> usize {
    1000
}

pub(super) fn default_exponent() -> f64 {
    0.6
}

pub(super) fn default_average() -> bool {
    true
}

pub(super) fn default_log_every_pass() -> usize {
    1
}

pub(super) fn default_short_runs() -> usize {
    10
}

pub(super) fn default_short_iterations() -> usize {
    5
}

pub(super) fn default_replicates() -> usize {
    200
}

pub(super) fn default_tolerance() -> f64 {
    1e-10
}

pub(super) fn default_max_iterations() -> usize {
    10_000
}

pub(super) fn default_max_steps() -> usize {
    1000
}

pub(super) fn default_log_every() -> usize {
    10
}

pub(super) fn default_chains() -> usize {
    4
}

pub(super) fn default_warmup() -> usize {
    500
}

pub(super) fn default_draws() -> usize {
    1000
}

pub(super) fn default_rungs() -> usize {
    gmm_mcmc::Tempering::default().rungs
}

pub(super) fn default_bridge_components() -> usize {
    Bridge::default().components
}

pub(super) fn default_proposals() -> usize {
    Bridge::default().proposals
}

pub(super) fn default_points() -> usize {
    Chib::default().points
}

pub(super) fn default_most_exchanging() -> usize {
    Chib::default().most_exchanging
}

pub(super) fn default_sampled() -> usize {
    Chib::default().sampled
}
