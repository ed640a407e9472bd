//! The data of a Parquet file.

use std::path::Path;
use std::sync::Arc;

use gmm_core::Data;

use crate::config::{self, Source};
use crate::digest;
use crate::experiment::DataSet;
use crate::resolve::LoadError;
use crate::resolve::file::DataFile;
use crate::rows::Parquet;

/// Reads the columns of a Parquet file that a config asks for.
pub(super) fn read(
    source: &Source,
    folder: &Path,
    scratch: &Path,
    (path, columns, labels): (&str, Option<&[String]>, Option<&str>),
    truth: Option<&config::Mixture>,
) -> Result<(DataSet, config::Data), LoadError> {
    let file = DataFile::new(source, folder, path);
    let parquet = Parquet::open(&file.path).map_err(|error| file.rows_fault(error))?;
    let columns = file.columns(parquet.names(), columns, labels, |column| parquet.is_numeric(column))?;
    let unfit = |place: &str, column: usize, what: &str| {
        let (name, kind) = (&parquet.names()[column], parquet.type_of(column));
        source.error_at(place, format!("the column `{name}` is of type {kind}: {what}"), None)
    };
    if let Some(i) = columns.indices.iter().position(|column| !parquet.is_numeric(*column)) {
        let what = "numbers are doubles, floats and integers";
        return Err(unfit(&format!("data.columns[{i}]"), columns.indices[i], what).into());
    }
    if let Some(column) = columns.labels.filter(|column| !parquet.is_class(*column)) {
        return Err(unfit("data.labels", column, "labels are texts, numbers or truth values").into());
    }
    let rows = parquet.read(&columns.indices, columns.labels, scratch).map_err(|error| file.rows_fault(error))?;
    let data = file.data(Data::shared(Arc::new(rows.values), columns.names.len()), &columns.names)?;
    let sha256 = digest::of_file(&file.path).map_err(|error| file.unreadable(&error))?;
    let used = config::Data::Parquet {
        path: file.absolute(),
        columns: Some(columns.names.clone()),
        labels: labels.map(str::to_owned),
        truth: truth.cloned(),
    };
    Ok((file.data_set(data, columns.names, rows.classes.map(Into::into), truth, sha256)?, used))
}
