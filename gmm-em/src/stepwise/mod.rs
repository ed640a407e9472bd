//! Stepwise EM: the statistics of an E-step followed block by block of rows.

mod settings;

mod blocks;
mod memory;

mod follow;

pub(crate) use follow::check;
pub use follow::stepwise;
pub use settings::Stepwise;
