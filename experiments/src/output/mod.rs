//! Everything that reaches the disk: whole files, the folder of one experiment, posterior draws.

mod draws;
mod error;
mod files;
mod growing;
mod npy;
mod results;
mod zarr;

pub use draws::{DrawsFault, DrawsTable, Values, Variable};
pub(crate) use error::check_name;
pub use error::{NameFault, OutputError};
pub(crate) use files::write_folder;
pub use files::write_whole;
pub(crate) use growing::{GrowingDir, Opened};
pub(crate) use npy::npy_matrix;
pub use results::ResultsDir;
pub use zarr::write_draws;
