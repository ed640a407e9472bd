//! Files of rows larger than memory: mapped where they hold doubles row after row, else decoded into a spool file.
//!
//! Nothing here knows the config. A caller opens a file, asks what it has, and reads the columns that it wants.

mod error;
mod mapped;
mod spool;

mod header;
mod npy;

mod classes;
mod guard;
mod parquet;

pub(crate) use classes::Classes;
pub(crate) use error::{RowsError, ValueFault};
pub(crate) use guard::guarded;
pub(crate) use mapped::MappedRows;
pub(crate) use npy::Npy;
pub(crate) use parquet::Parquet;

/// Rows of some columns of a file, with the classes of another.
#[derive(Debug)]
pub(crate) struct Rows {
    /// The numbers, row after row.
    pub(crate) values: MappedRows,
    /// The known class of each row.
    pub(crate) classes: Option<Classes>,
}

/// How many numbers are decoded at a time: 4 MiB of doubles.
const PIECE: usize = 1 << 19;

/// The rows of one piece where a row takes so many numbers.
fn rows_per_piece(width: usize) -> usize {
    (PIECE / width.max(1)).clamp(1, 1 << 14)
}

/// Checks numbers row after row, the first of them of row `first`.
fn check(values: &[f64], first: usize, names: &[String]) -> Result<(), RowsError> {
    match values.iter().position(|x| ValueFault::of(*x).is_some()) {
        None => Ok(()),
        Some(i) => Err(RowsError::Value {
            row: first + i / names.len(),
            column: names[i % names.len()].clone(),
            fault: ValueFault::of(values[i]).unwrap_or(ValueFault::Missing),
        }),
    }
}

/// Opens a regular file.
fn open(path: &std::path::Path) -> Result<std::fs::File, RowsError> {
    // Asked before, since to open a pipe is to wait for its other end.
    match std::fs::metadata(path)?.is_file() {
        true => Ok(std::fs::File::open(path)?),
        false => Err(RowsError::NotAFile),
    }
}
