//! What can be wrong with a file of rows.

use std::fmt;
use std::io;

use gmm_core::{Data, Label};

use crate::output::OutputError;

/// Why a file of rows cannot be used. Rows count from 0, as NumPy and Arrow count them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowsError {
    /// The operating system refused.
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It is a folder or a device.
    #[error("it is not a file")]
    NotAFile,
    /// It does not begin as a `.npy` file does.
    #[error("it is not a .npy file: it does not begin with \\x93NUMPY")]
    NotNpy,
    /// The header is not what NumPy writes.
    #[error("its .npy header cannot be read: {0}")]
    Header(String),
    /// The array holds something else than numbers.
    #[error("its dtype is {0}: numbers are float64, float32 or integers of up to 64 bits")]
    Dtype(String),
    /// The array is no table.
    #[error("its shape is {0}: rows are a table (n, d), or one column (n,)")]
    Shape(String),
    /// The table is larger than any memory.
    #[error("its shape is {0}: more than this machine can address")]
    TooLarge(String),
    /// The file ends before or after the numbers.
    #[error("the header promises {promised} bytes of numbers, the file holds {found}: it is {}", wrong_end(*promised, *found))]
    Length {
        /// The size of the table.
        promised: u64,
        /// What the file holds behind its header.
        found: u64,
    },
    /// There is no row, or no column.
    #[error("there are no data: {n} rows of {d} columns")]
    Empty {
        /// Number of rows.
        n: usize,
        /// Number of columns.
        d: usize,
    },
    /// More columns than any model can have.
    #[error("it has {d} columns and {n} rows, of at most {most} columns: is the table transposed?")]
    Columns {
        /// Number of rows.
        n: usize,
        /// Number of columns.
        d: usize,
        /// The most columns.
        most: usize,
    },
    /// Two columns have one name.
    #[error("two of its columns are called `{0}`")]
    Twice(String),
    /// What the Parquet library says.
    #[error("it cannot be read as Parquet: {0}")]
    Parquet(String),
    /// A value that cannot be used.
    #[error("row {row} (counted from 0), column `{column}`: {fault}")]
    Value {
        /// The row.
        row: usize,
        /// The name of the column.
        column: String,
        /// What is wrong with it.
        fault: ValueFault,
    },
    /// More classes than labels can tell apart.
    #[error("the column `{column}` holds more than {} classes", Label::MAX)]
    Classes {
        /// The name of the column.
        column: String,
    },
    /// The spool file cannot be written: no fault of the data.
    #[error(transparent)]
    Spool(#[from] OutputError),
}

fn wrong_end(promised: u64, found: u64) -> &'static str {
    if found < promised { "cut off" } else { "not one array alone" }
}

impl From<::parquet::errors::ParquetError> for RowsError {
    fn from(error: ::parquet::errors::ParquetError) -> Self {
        let text = error.to_string();
        Self::Parquet(text.strip_prefix("Parquet error: ").unwrap_or(&text).to_owned())
    }
}

/// Why a value cannot be used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ValueFault {
    /// A null.
    Missing,
    /// NaN or infinite.
    NotFinite(f64),
    /// Beyond [`Data::LARGEST`].
    TooLarge(f64),
    /// A label beyond 2^53, where doubles do not tell whole numbers apart.
    Inexact(f64),
}

impl ValueFault {
    /// What is wrong with a label that is not below 2^53.
    pub(crate) fn of_class(x: f64) -> Self {
        if x.is_finite() { Self::Inexact(x) } else { Self::NotFinite(x) }
    }

    /// What is wrong with a number, if anything.
    pub(crate) fn of(x: f64) -> Option<Self> {
        match x.abs() <= Data::LARGEST {
            true => None,
            false if x.is_finite() => Some(Self::TooLarge(x)),
            false => Some(Self::NotFinite(x)),
        }
    }
}

impl fmt::Display for ValueFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the value is missing"),
            Self::NotFinite(x) => write!(f, "{x} is not a finite number"),
            Self::Inexact(x) => {
                write!(f, "{x} is beyond 2^53: numbers as large are not told apart; write labels as text")
            }
            Self::TooLarge(x) => write!(f, "{x:e} is beyond {:e}; rescale the column", Data::LARGEST),
        }
    }
}
