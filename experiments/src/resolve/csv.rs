//! A comma-separated file with a header: rows of numbers, a column of labels, every fault with its line and column.
//!
//! The file is passed over twice, so that of it nothing but the numbers is ever in memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use csv::StringRecord;
use gmm_core::Data;

use crate::config::{self, ConfigError, Source};
use crate::digest::Digested;
use crate::experiment::DataSet;
use crate::resolve::LoadError;
use crate::resolve::file::{Columns, DataFile, quoted};
use crate::rows::{Classes, ValueFault};

/// Reads the columns of a file that a config asks for.
pub(super) fn read(
    source: &Source,
    folder: &Path,
    (path, columns, labels): (&str, Option<&[String]>, Option<&str>),
    truth: Option<&config::Mixture>,
) -> Result<(DataSet, config::Data), LoadError> {
    let file = DataFile::new(source, folder, path);
    let text = Text::new(&file.path).map_err(|error| file.unreadable(&error))?;
    let outline = outline(&text, columns.is_none()).map_err(|fault| fault.shown(&file))?;
    let columns = file.columns(&outline.header, columns, labels, |index| outline.numeric[index])?;
    let (values, classes) = values(&text, &outline, &columns).map_err(|fault| fault.shown(&file))?;
    let data = file.data(Data::new(values, columns.names.len()), &columns.names)?;
    let used = config::Data::Csv {
        path: file.absolute(),
        columns: Some(columns.names.clone()),
        labels: labels.map(str::to_owned),
        truth: truth.cloned(),
    };
    Ok((file.data_set(data, columns.names, classes.map(Into::into), truth, outline.sha256)?, used))
}

/// The bytes of a file, as often as they are asked for.
enum Text<'a> {
    File(&'a Path),
    /// Of a pipe, which can be read only once.
    Bytes(Vec<u8>),
}

impl<'a> Text<'a> {
    fn new(path: &'a Path) -> io::Result<Self> {
        match std::fs::metadata(path)?.is_file() {
            true => Ok(Self::File(path)),
            false => std::fs::read(path).map(Self::Bytes),
        }
    }

    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::File(path) => Box::new(File::open(path)?),
            Self::Bytes(bytes) => Box::new(Cursor::new(bytes)),
        })
    }
}

/// Why a file cannot be used.
enum Fault {
    Read(io::Error),
    /// A text to stand behind the name of the file.
    Text(String),
}

impl Fault {
    fn shown(self, file: &DataFile<'_>) -> ConfigError {
        match self {
            Self::Read(error) => file.unreadable(&error),
            Self::Text(text) => file.fault(text),
        }
    }

    fn csv(error: csv::Error) -> Self {
        let text = error.to_string();
        match error.into_kind() {
            csv::ErrorKind::Io(error) => Self::Read(error),
            csv::ErrorKind::Utf8 { pos: Some(pos), .. } => {
                Self::Text(format!(": line {} is not UTF-8 text", pos.line()))
            }
            _ => Self::Text(format!(": {text}")),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// What the first pass finds.
struct Outline {
    header: Vec<String>,
    n: usize,
    /// Columns that hold a number anywhere: what else they hold is then an error with its line.
    numeric: Vec<bool>,
    sha256: String,
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Passes over a byte order mark.
fn without_mark<R: Read>(mut from: R) -> io::Result<io::Chain<Cursor<Vec<u8>>, R>> {
    let mut start = Vec::new();
    from.by_ref().take(3).read_to_end(&mut start)?;
    if start == BYTE_ORDER_MARK {
        start.clear();
    }
    Ok(Cursor::new(start).chain(from))
}

/// Splits a file into cells; empty lines are passed over.
fn reader<R: Read>(from: R) -> csv::Reader<R> {
    csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).buffer_capacity(1 << 16).from_reader(from)
}

/// Passes over the whole file; looks for numbers only where `numeric`.
fn outline(text: &Text<'_>, numeric: bool) -> Result<Outline, Fault> {
    let mut digested = Digested::new(text.open()?);
    let mut reader = reader(without_mark(&mut digested)?);
    let header: Vec<String> = reader.headers().map_err(Fault::csv)?.iter().map(str::to_owned).collect();
    check_header(&header).map_err(|message| Fault::Text(format!(": {message}")))?;
    let mut outline = Outline { n: 0, numeric: vec![false; header.len()], header, sha256: String::new() };
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(Fault::csv)? {
        let (found, expected) = (record.len(), outline.header.len());
        if found != expected {
            let line = line(text, &record)?;
            return Err(Fault::Text(format!(": line {line} has {found} columns where the header has {expected}")));
        }
        outline.n += 1;
        if numeric {
            for (numeric, cell) in outline.numeric.iter_mut().zip(&record) {
                *numeric = *numeric || number(cell).is_ok();
            }
        }
    }
    drop(reader);
    outline.sha256 = digested.finish().0;
    match outline.n {
        0 => Err(Fault::Text(": there are no rows below the header".to_owned())),
        _ => Ok(outline),
    }
}

fn check_header(header: &[String]) -> Result<(), String> {
    if header.iter().all(String::is_empty) {
        return Err("the file is empty; a header with the names of the columns was expected".to_owned());
    }
    if header.iter().all(|name| number(name).is_ok()) {
        let numbers = quoted(header);
        return Err(format!("line 1 holds numbers ({numbers}); a header with the names of the columns was expected"));
    }
    if let Some(twice) = (1..header.len()).find(|&i| header[..i].contains(&header[i])) {
        return Err(format!("the header names the column {:?} twice", header[twice]));
    }
    if let ([only], Some(other)) = (header, header[0].chars().find(|c| ";\t|".contains(*c))) {
        return Err(format!("the header {only:?} has no comma but {other:?}; columns are separated by commas"));
    }
    Ok(())
}

/// The numbers of some columns, row after row, and the classes that another tells.
fn values(text: &Text<'_>, outline: &Outline, columns: &Columns) -> Result<(Vec<f64>, Option<Classes>), Fault> {
    let mut values: Vec<f64> = Vec::new();
    let most = outline.n.saturating_mul(columns.indices.len());
    values.try_reserve_exact(most).map_err(|_| {
        let size = most as f64 * 8.0 / f64::from(1 << 30);
        Fault::Text(format!(
            ": its {} rows take {size:.2} GiB, which cannot be had; as .npy or Parquet they would not be held in memory",
            outline.n
        ))
    })?;
    let mut classes = columns.labels.map(|_| Classes::default());
    let mut reader = reader(without_mark(text.open()?)?);
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(Fault::csv)? {
        for (name, &index) in columns.names.iter().zip(&columns.indices) {
            match usable(record.get(index).unwrap_or_default()) {
                Ok(x) => values.push(x),
                Err(what) => {
                    return Err(Fault::Text(format!(", line {}, column `{name}`: {what}", line(text, &record)?)));
                }
            }
        }
        if let (Some(classes), Some(index)) = (&mut classes, columns.labels) {
            let class = record.get(index).unwrap_or_default();
            let name = &outline.header[index];
            classes.push(class, name).map_err(|error| Fault::Text(format!(": {error}")))?;
        }
    }
    Ok((values, classes))
}

/// The line of a record. The reader's own position may lie before empty lines that it passed over.
fn line(text: &Text<'_>, record: &StringRecord) -> io::Result<u64> {
    let Some(position) = record.position() else { return Ok(0) };
    let mut rest = BufReader::new(without_mark(text.open()?)?);
    io::copy(&mut rest.by_ref().take(position.byte()), &mut io::sink())?;
    let mut line = position.line();
    loop {
        match rest.fill_buf()?.first() {
            Some(b'\n') => line += 1,
            Some(b'\r') => {}
            _ => return Ok(line),
        }
        rest.consume(1);
    }
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

/// A number that data may hold.
fn usable(cell: &str) -> Result<f64, String> {
    let x = number(cell)?;
    ValueFault::of(x).map_or(Ok(x), |fault| Err(fault.to_string()))
}
