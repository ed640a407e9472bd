//! Stepwise EM: the statistics of an E-step followed block by block of rows.

mod settings;

mod blocks;
mod memory;

mod follow;

pub use follow::stepwise;
pub(crate) use follow::{check, stepwise_in_steps};
pub use settings::Stepwise;
