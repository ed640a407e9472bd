//! The data of a `.npy` file.

use std::path::Path;
use std::sync::Arc;

use gmm_core::Data;

use crate::config::{self, ConfigError, Source};
use crate::digest;
use crate::experiment::DataSet;
use crate::resolve::LoadError;
use crate::resolve::file::DataFile;
use crate::rows::Npy;

/// Reads the columns of an array that a config asks for; columns count from 0.
pub(super) fn read(
    source: &Source,
    folder: &Path,
    scratch: &Path,
    (path, columns, labels): (&str, Option<&[usize]>, Option<usize>),
    truth: Option<&config::Mixture>,
) -> Result<(DataSet, config::Data), LoadError> {
    let file = DataFile::new(source, folder, path);
    let npy = Npy::open(&file.path).map_err(|error| file.rows_fault(error))?;
    let d = npy.names().len();
    let inside = |place: &str, column: usize| match column < d {
        true => Ok(()),
        false => Err(no_column(source, place, column, d)),
    };
    labels.map(|column| inside("data.labels", column)).transpose()?;
    let indices: Vec<usize> = match columns {
        Some(columns) => columns.to_vec(),
        None => (0..d).filter(|column| Some(*column) != labels).collect(),
    };
    for (i, column) in indices.iter().enumerate() {
        inside(&format!("data.columns[{i}]"), *column)?;
    }
    let columns = file.distinct(npy.names(), indices, labels)?;
    let rows = npy.read(&columns.indices, labels, scratch).map_err(|error| file.rows_fault(error))?;
    let data = file.data(Data::shared(Arc::new(rows.values), columns.names.len()), &columns.names)?;
    let sha256 = digest::of_file(&file.path).map_err(|error| file.unreadable(&error))?;
    let used =
        config::Data::Npy { path: file.absolute(), columns: Some(columns.indices), labels, truth: truth.cloned() };
    Ok((file.data_set(data, columns.names, rows.classes.map(Into::into), truth, sha256)?, used))
}

fn no_column(source: &Source, place: &str, column: usize, d: usize) -> ConfigError {
    let message = format!("the file has no column {column}");
    let help = match d {
        1 => "there is one column, 0".to_owned(),
        _ => format!("there are {d} columns, 0 to {}", d - 1),
    };
    source.error_at(place, message, Some(&help))
}
