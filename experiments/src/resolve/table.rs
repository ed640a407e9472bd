//! A data file with a header: rows of numbers, a column of labels, every fault with its line and column.

use std::collections::HashMap;
use std::path::Path;

use gmm_core::{Data, DataError};
use sha2::{Digest, Sha256};

use crate::config::{self, ConfigError, Source, nearest};
use crate::experiment::{DataSet, Labels};
use crate::resolve::matrix;

/// The text of a file, cell by cell.
struct Cells {
    header: Vec<String>,
    /// Each row with the number of its line.
    rows: Vec<(u64, Vec<String>)>,
}

/// Reads the columns of a data file that a config asks for.
pub(super) fn read(
    source: &Source,
    folder: &Path,
    path: &str,
    columns: Option<&[String]>,
    labels: Option<&str>,
    truth: Option<&config::Mixture>,
) -> Result<(DataSet, config::Data), ConfigError> {
    let file = folder.join(path);
    let shown = file.display();
    let fault = |message: String| source.error_at("data.path", message, None);
    let bytes = std::fs::read(&file).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => source.error_at(
            "data.path",
            format!("there is no file `{shown}`"),
            Some("paths are relative to the folder of the config"),
        ),
        _ => fault(format!("cannot read `{shown}`: {error}")),
    })?;
    let cells = cells(&bytes).map_err(|message| fault(format!("`{shown}`: {message}")))?;

    let label_index = labels.map(|name| column(source, "data.labels", &cells.header, name)).transpose()?;
    let columns: Vec<String> = match columns {
        Some(columns) => columns.to_vec(),
        None => numeric_columns(&cells, label_index),
    };
    if columns.is_empty() {
        let message = format!("`{shown}` has no numeric column; its columns are {}", quoted(&cells.header));
        return Err(source.error_at("data.columns", message, None));
    }
    let mut indices = Vec::new();
    for (i, name) in columns.iter().enumerate() {
        let place = format!("data.columns[{i}]");
        let index = column(source, &place, &cells.header, name)?;
        if indices.contains(&index) {
            return Err(source.error_at(&place, format!("the column `{name}` is listed twice"), None));
        }
        if label_index == Some(index) {
            let message = format!("the column `{name}` holds the labels, which are never fitted");
            return Err(source.error_at(&place, message, None));
        }
        indices.push(index);
    }

    let mut values = Vec::with_capacity(cells.rows.len() * indices.len());
    for (line, row) in &cells.rows {
        for (name, &index) in columns.iter().zip(&indices) {
            let number = number(&row[index])
                .map_err(|what| fault(format!("`{shown}`, line {line}, column `{name}`: {what}")))?;
            values.push(number);
        }
    }
    let data = Data::new(values, indices.len()).map_err(|error| match error {
        DataError::TooLarge { row, column, value } | DataError::NotFinite { row, column, value } => fault(format!(
            "`{shown}`, line {}, column `{}`: {value:e} is beyond {:e}; rescale the column",
            cells.rows[row].0,
            columns[column],
            Data::LARGEST
        )),
        other => fault(format!("`{shown}`: {other}")),
    })?;

    let truth_used = truth.map(|truth| matrix::mixture(source, "data.truth", truth)).transpose()?;
    if let Some(d) = truth_used.as_ref().map(gmm_core::Mixture::d).filter(|d| *d != data.d()) {
        let message = format!("the truth has {d} dimensions, but the data have {} columns", data.d());
        return Err(source.error_at("data.truth.means", message, None));
    }
    let used = config::Data::Csv {
        path: file.canonicalize().unwrap_or_else(|_| file.clone()).display().to_string(),
        columns: Some(columns.clone()),
        labels: labels.map(str::to_owned),
        truth: truth.cloned(),
    };
    let name = file.file_name().map_or_else(|| path.to_owned(), |name| name.to_string_lossy().into_owned());
    let set = DataSet {
        labels: label_index.map(|index| classes(&cells, index)),
        data,
        columns,
        source: name,
        sha256: sha256(&bytes),
        truth: truth_used,
        csv: None,
    };
    Ok((set, used))
}

/// Lower-case hexadecimal SHA-256.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Splits a file into cells; a byte order mark and empty lines are passed over.
fn cells(bytes: &[u8]) -> Result<Cells, String> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(bytes);
    let explain = |error: csv::Error| match error.kind() {
        csv::ErrorKind::Utf8 { pos: Some(pos), .. } => format!("line {} is not UTF-8 text", pos.line()),
        _ => error.to_string(),
    };
    let header: Vec<String> = reader.headers().map_err(explain)?.iter().map(str::to_owned).collect();
    if header.iter().all(String::is_empty) {
        return Err("the file is empty; a header with the names of the columns was expected".to_owned());
    }
    if !header.is_empty() && header.iter().all(|name| number(name).is_ok()) {
        return Err(format!(
            "line 1 holds numbers ({}); a header with the names of the columns was expected",
            quoted(&header)
        ));
    }
    if let Some(twice) = (1..header.len()).find(|&i| header[..i].contains(&header[i])) {
        return Err(format!("the header names the column {:?} twice", header[twice]));
    }
    if let ([only], Some(other)) = (&header[..], header[0].chars().find(|c| ";\t|".contains(*c))) {
        return Err(format!("the header {only:?} has no comma but {other:?}; columns are separated by commas"));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(explain)?;
        let line = record.position().map_or(0, |position| first_line(bytes, position));
        if record.len() != header.len() {
            return Err(format!("line {line} has {} columns where the header has {}", record.len(), header.len()));
        }
        rows.push((line, record.iter().map(str::to_owned).collect()));
    }
    match rows.is_empty() {
        true => Err("there are no rows below the header".to_owned()),
        false => Ok(Cells { header, rows }),
    }
}

/// The line of a record. The reader's own position may lie before empty lines that it passed over.
fn first_line(bytes: &[u8], position: &csv::Position) -> u64 {
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let empty = bytes.get(start..).unwrap_or_default().iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + empty.filter(|byte| **byte == b'\n').count() as u64
}

/// A finite number, or what is there instead.
fn number(cell: &str) -> Result<f64, String> {
    if cell.is_empty() {
        return Err("the value is missing".to_owned());
    }
    match cell.parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(x),
        Ok(_) => Err(format!("{cell:?} is not a finite number")),
        Err(_) => Err(format!("{cell:?} is not a number")),
    }
}

fn column(source: &Source, path: &str, header: &[String], name: &str) -> Result<usize, ConfigError> {
    header.iter().position(|column| column == name).ok_or_else(|| {
        let names: Vec<&str> = header.iter().map(String::as_str).collect();
        let help = match nearest(name, &names) {
            Some(near) => format!("did you mean {near:?}? The columns are {}", quoted(header)),
            None => format!("the columns are {}", quoted(header)),
        };
        source.error_at(path, format!("the file has no column {name:?}"), Some(&help))
    })
}

/// Columns that hold a number anywhere, but for the labels: what else they hold is then an error with its line.
fn numeric_columns(cells: &Cells, label_index: Option<usize>) -> Vec<String> {
    let numeric =
        |index: &usize| Some(*index) != label_index && cells.rows.iter().any(|(_, row)| number(&row[*index]).is_ok());
    (0..cells.header.len()).filter(numeric).map(|index| cells.header[index].clone()).collect()
}

fn classes(cells: &Cells, index: usize) -> Labels {
    let mut classes: Vec<String> = Vec::new();
    let mut index_of: HashMap<&str, usize> = HashMap::new();
    let of_rows = cells
        .rows
        .iter()
        .map(|(_, row)| {
            *index_of.entry(&row[index]).or_insert_with(|| {
                classes.push(row[index].clone());
                classes.len() - 1
            })
        })
        .collect();
    Labels { classes, of_rows }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}
