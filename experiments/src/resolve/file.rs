//! What all data files share: where they are, which of their columns are fitted, the data set that comes of them.

use std::io;
use std::path::{Path, PathBuf};

use gmm_core::{Data, DataError};

use crate::config::{self, ConfigError, Source, nearest};
use crate::experiment::{DataSet, Labels};
use crate::resolve::{LoadError, matrix};
use crate::rows::{RowsError, ValueFault};

/// A data file that a config names.
pub(super) struct DataFile<'a> {
    pub(super) source: &'a Source,
    pub(super) path: PathBuf,
    /// The path as written.
    written: &'a str,
}

/// The columns that are fitted, and that of the labels, by their indices in the file.
pub(super) struct Columns {
    pub(super) names: Vec<String>,
    pub(super) indices: Vec<usize>,
    pub(super) labels: Option<usize>,
}

impl<'a> DataFile<'a> {
    /// The file at `path`, relative to `folder`.
    pub(super) fn new(source: &'a Source, folder: &Path, path: &'a str) -> Self {
        Self { source, path: folder.join(path), written: path }
    }

    /// The path for `experiment.ron`.
    pub(super) fn absolute(&self) -> String {
        self.path.canonicalize().unwrap_or_else(|_| self.path.clone()).display().to_string()
    }

    /// Something is wrong inside the file.
    pub(super) fn fault(&self, message: impl std::fmt::Display) -> ConfigError {
        self.source.error_at("data.path", format!("`{}`{message}", self.path.display()), None)
    }

    /// The file cannot be read.
    pub(super) fn unreadable(&self, error: &io::Error) -> ConfigError {
        let shown = self.path.display();
        let (message, help) = match error.kind() {
            io::ErrorKind::NotFound => {
                (format!("there is no file `{shown}`"), Some("paths are relative to the folder of the config"))
            }
            _ => (format!("cannot read `{shown}`: {error}"), None),
        };
        self.source.error_at("data.path", message, help)
    }

    /// What is wrong with its rows.
    pub(super) fn rows_fault(&self, error: RowsError) -> LoadError {
        match error {
            RowsError::Spool(error) => error.into(),
            RowsError::Read(error) => self.unreadable(&error).into(),
            RowsError::Value { .. } => self.fault(format!(", {error}")).into(),
            _ => self.fault(format!(": {error}")).into(),
        }
    }

    /// The columns of these names among those of the file, or all that are numeric.
    pub(super) fn columns(
        &self,
        header: &[String],
        wanted: Option<&[String]>,
        labels: Option<&str>,
        is_numeric: impl Fn(usize) -> bool,
    ) -> Result<Columns, ConfigError> {
        let labels = labels.map(|name| self.column("data.labels", header, name)).transpose()?;
        let indices = match wanted {
            None => (0..header.len()).filter(|index| Some(*index) != labels && is_numeric(*index)).collect(),
            Some(names) => {
                let place = |i: usize| format!("data.columns[{i}]");
                let index = |(i, name): (usize, &String)| self.column(&place(i), header, name);
                names.iter().enumerate().map(index).collect::<Result<Vec<_>, _>>()?
            }
        };
        self.distinct(header, indices, labels)
    }

    /// Checks columns that are known to be there.
    pub(super) fn distinct(
        &self,
        header: &[String],
        indices: Vec<usize>,
        labels: Option<usize>,
    ) -> Result<Columns, ConfigError> {
        if indices.is_empty() {
            let message =
                format!("`{}` has no numeric column; its columns are {}", self.path.display(), quoted(header));
            return Err(self.source.error_at("data.columns", message, None));
        }
        let mut seen = vec![false; header.len()];
        for (i, &index) in indices.iter().enumerate() {
            let wrong = |what: &str| {
                let message = format!("the column `{}` {what}", header[index]);
                Err(self.source.error_at(&format!("data.columns[{i}]"), message, None))
            };
            if seen[index] {
                return wrong("is listed twice");
            }
            if labels == Some(index) {
                return wrong("holds the labels, which are never fitted");
            }
            seen[index] = true;
        }
        Ok(Columns { names: indices.iter().map(|&index| header[index].clone()).collect(), indices, labels })
    }

    fn column(&self, path: &str, header: &[String], name: &str) -> Result<usize, ConfigError> {
        header.iter().position(|column| column == name).ok_or_else(|| {
            let names: Vec<&str> = header.iter().map(String::as_str).collect();
            let help = match nearest(name, &names) {
                Some(near) => format!("did you mean {near:?}? The columns are {}", quoted(header)),
                None => format!("the columns are {}", quoted(header)),
            };
            self.source.error_at(path, format!("the file has no column {name:?}"), Some(&help))
        })
    }

    /// Rows as data, each value checked.
    pub(super) fn data(&self, data: Result<Data, DataError>, columns: &[String]) -> Result<Data, LoadError> {
        let value = |row, column: usize, fault| RowsError::Value { row, column: columns[column].clone(), fault };
        data.map_err(|error| match error {
            DataError::NotFinite { row, column, value: x } => {
                self.rows_fault(value(row, column, ValueFault::NotFinite(x)))
            }
            DataError::TooLarge { row, column, value: x } => {
                self.rows_fault(value(row, column, ValueFault::TooLarge(x)))
            }
            other => self.fault(format!(": {other}")).into(),
        })
    }

    /// The data set of checked rows.
    pub(super) fn data_set(
        &self,
        data: Data,
        columns: Vec<String>,
        labels: Option<Labels>,
        truth: Option<&config::Mixture>,
        sha256: String,
    ) -> Result<DataSet, ConfigError> {
        let truth = truth.map(|truth| matrix::mixture(self.source, "data.truth", truth)).transpose()?;
        if let Some(d) = truth.as_ref().map(gmm_core::Mixture::d).filter(|d| *d != data.d()) {
            let message = format!("the truth has {d} dimensions, but the data have {} columns", data.d());
            return Err(self.source.error_at("data.truth.means", message, None));
        }
        let name = self.path.file_name();
        let name = name.map_or_else(|| self.written.to_owned(), |name| name.to_string_lossy().into_owned());
        Ok(DataSet { labels, data, held_out: None, columns, source: name, sha256, truth, is_simulated: false })
    }
}

pub(super) fn quoted(names: &[String]) -> String {
    /// Names that are listed.
    const MOST: usize = 50;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| format!("{name:?}")).collect();
    match names.len().saturating_sub(MOST) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
