//! Tables of named columns, to Parquet and back.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use thiserror::Error;

use crate::digest::Digested;
use crate::rows::guarded;

/// The values of a column; any may be missing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Column {
    Integers(Vec<Option<i64>>),
    Numbers(Vec<Option<f64>>),
    Texts(Vec<Option<Arc<str>>>),
    Truths(Vec<Option<bool>>),
}

/// Why a file is not the table that was expected.
#[derive(Debug, Error)]
pub(crate) enum TableFault {
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Panicked(String),
    #[error("there is no column {0:?}")]
    Missing(String),
    #[error("the column {0:?} holds other things than expected")]
    OtherType(String),
    #[error("what it holds is not what was written: its SHA-256 is another")]
    Digest,
    #[error("row {row}: {what}")]
    Value { row: usize, what: String },
}

/// Where the metadata of a file have the digest of its columns.
const DIGEST: &str = "sha256";

/// Rows of a row group: few enough that a reader can take one at a time.
const GROUP: usize = 1 << 18;

/// The bytes of a Parquet file with these columns, all of one length. They depend on the columns alone.
pub(crate) fn bytes(columns: &[(impl AsRef<str>, Column)]) -> Result<Vec<u8>, ParquetError> {
    let kind = |column: &Column| match column {
        Column::Integers(_) => ("int64", ""),
        Column::Numbers(_) => ("double", ""),
        Column::Texts(_) => ("binary", "(STRING)"),
        Column::Truths(_) => ("boolean", ""),
    };
    let field = |(name, column): &(_, Column)| {
        let (physical, logical) = kind(column);
        format!("optional {physical} {} {logical};", AsRef::as_ref(name))
    };
    let fields: String = columns.iter().map(field).collect();
    let schema = Arc::new(parse_message_type(&format!("message rows {{ {fields} }}"))?);
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
    let n = columns.first().map_or(0, |(_, column)| column.len());
    for start in (0..n).step_by(GROUP) {
        let end = (start + GROUP).min(n);
        let mut group = writer.next_row_group()?;
        for (_, column) in columns {
            match column {
                Column::Integers(all) => write::<Int64Type, _>(&mut group, &all[start..end], |x| *x)?,
                Column::Numbers(all) => write::<DoubleType, _>(&mut group, &all[start..end], |x| *x)?,
                Column::Texts(all) => {
                    write::<ByteArrayType, _>(&mut group, &all[start..end], |x| ByteArray::from(&**x))?
                }
                Column::Truths(all) => write::<BoolType, _>(&mut group, &all[start..end], |x| *x)?,
            }
        }
        group.close()?;
    }
    let digest = digest(columns.iter().map(|(name, column)| (name.as_ref(), Some(column).filter(|all| all.len() > 0))));
    writer.append_key_value_metadata(KeyValue::new(DIGEST.to_owned(), digest));
    writer.into_inner()
}

/// The SHA-256 of columns: of each its name, and of each value what it is and its bytes. Parquet itself has no digest that its
/// readers check.
fn digest<'a>(columns: impl Iterator<Item = (&'a str, Option<&'a Column>)>) -> String {
    let mut to = Digested::new(std::io::sink());
    // The digest of what goes nowhere cannot fail.
    let mut put = |kind: u8, value: Option<&[u8]>| {
        let value = value.map(|bytes| (bytes, bytes.len() as u64));
        let (bytes, length) = value.unwrap_or((&[], u64::MAX));
        let _ =
            to.write_all(&[kind]).and_then(|()| to.write_all(&length.to_le_bytes())).and_then(|()| to.write_all(bytes));
    };
    for (name, column) in columns {
        put(0, Some(name.as_bytes()));
        match column {
            None => {}
            Some(Column::Integers(all)) => {
                all.iter().for_each(|x| put(1, x.map(i64::to_le_bytes).as_ref().map(<[u8; 8]>::as_slice)));
            }
            Some(Column::Numbers(all)) => {
                all.iter().for_each(|x| put(2, x.map(f64::to_le_bytes).as_ref().map(<[u8; 8]>::as_slice)));
            }
            Some(Column::Texts(all)) => all.iter().for_each(|x| put(3, x.as_ref().map(|text| text.as_bytes()))),
            Some(Column::Truths(all)) => {
                all.iter().for_each(|x| put(4, x.map(|truth| [u8::from(truth)]).as_ref().map(<[u8; 1]>::as_slice)));
            }
        }
    }
    to.finish().0
}

fn write<P: DataType, T>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[Option<T>],
    to: impl Fn(&T) -> P::T,
) -> Result<(), ParquetError> {
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let present: Vec<P::T> = values.iter().flatten().map(to).collect();
    let mut column = group.next_column()?.ok_or_else(|| ParquetError::General("a column too many".to_owned()))?;
    column.typed::<P>().write_batch(&present, Some(&levels), None)?;
    column.close()
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Integers(all) => all.len(),
            Self::Numbers(all) => all.len(),
            Self::Texts(all) => all.len(),
            Self::Truths(all) => all.len(),
        }
    }
}

/// The columns of a file.
#[derive(Debug)]
pub(crate) struct Table {
    columns: HashMap<String, Column>,
    n: usize,
}

impl Table {
    /// Reads a file.
    ///
    /// # Errors
    /// [`TableFault`]: it cannot be read, or is no table of such columns.
    pub(crate) fn read(path: &Path) -> Result<Self, TableFault> {
        let file = File::open(path)?;
        guarded(|| Self::decode(file)).map_err(TableFault::Panicked)?
    }

    fn decode(file: File) -> Result<Self, TableFault> {
        let reader = SerializedFileReader::new(file)?;
        let descriptors = reader.metadata().file_metadata().schema_descr().columns().to_vec();
        let mut columns = HashMap::new();
        let mut n = 0;
        for (i, descriptor) in descriptors.iter().enumerate() {
            let name = descriptor.path().string();
            let mut column: Option<Column> = None;
            for group in 0..reader.num_row_groups() {
                let group = reader.get_row_group(group)?;
                let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
                if descriptor.max_def_level() != 1 || descriptor.max_rep_level() != 0 {
                    return Err(TableFault::OtherType(name));
                }
                let more = match group.get_column_reader(i)? {
                    ColumnReader::Int64ColumnReader(from) => Column::Integers(values(from, rows)?),
                    ColumnReader::DoubleColumnReader(from) => Column::Numbers(values(from, rows)?),
                    ColumnReader::BoolColumnReader(from) => Column::Truths(values(from, rows)?),
                    ColumnReader::ByteArrayColumnReader(from) => Column::Texts(texts(&name, values(from, rows)?)?),
                    _ => return Err(TableFault::OtherType(name)),
                };
                match (&mut column, more) {
                    (None, more) => column = Some(more),
                    (Some(Column::Integers(all)), Column::Integers(more)) => all.extend(more),
                    (Some(Column::Numbers(all)), Column::Numbers(more)) => all.extend(more),
                    (Some(Column::Texts(all)), Column::Texts(more)) => all.extend(more),
                    (Some(Column::Truths(all)), Column::Truths(more)) => all.extend(more),
                    _ => return Err(TableFault::OtherType(name)),
                }
            }
            if let Some(column) = column {
                n = column.len();
                columns.insert(name, column);
            }
        }
        let names: Vec<String> = descriptors.iter().map(|descriptor| descriptor.path().string()).collect();
        let stored = reader.metadata().file_metadata().key_value_metadata();
        let stored = stored.and_then(|all| all.iter().find(|entry| entry.key == DIGEST)?.value.clone());
        match stored == Some(digest(names.iter().map(|name| (name.as_str(), columns.get(name))))) {
            true => Ok(Self { columns, n }),
            false => Err(TableFault::Digest),
        }
    }

    /// The number of rows.
    pub(crate) fn n(&self) -> usize {
        self.n
    }

    /// A column of integers; of a file without rows every column is empty.
    pub(crate) fn integers(&self, name: &str) -> Result<&[Option<i64>], TableFault> {
        match self.columns.get(name) {
            Some(Column::Integers(all)) => Ok(all),
            other => self.none(name, other),
        }
    }

    /// A column of numbers.
    pub(crate) fn numbers(&self, name: &str) -> Result<&[Option<f64>], TableFault> {
        match self.columns.get(name) {
            Some(Column::Numbers(all)) => Ok(all),
            other => self.none(name, other),
        }
    }

    /// A column of texts.
    pub(crate) fn texts(&self, name: &str) -> Result<&[Option<Arc<str>>], TableFault> {
        match self.columns.get(name) {
            Some(Column::Texts(all)) => Ok(all),
            other => self.none(name, other),
        }
    }

    /// A column of truth values.
    pub(crate) fn truths(&self, name: &str) -> Result<&[Option<bool>], TableFault> {
        match self.columns.get(name) {
            Some(Column::Truths(all)) => Ok(all),
            other => self.none(name, other),
        }
    }

    fn none<T>(&self, name: &str, found: Option<&Column>) -> Result<&[T], TableFault> {
        match found {
            None if self.n == 0 => Ok(&[]),
            None => Err(TableFault::Missing(name.to_owned())),
            Some(_) => Err(TableFault::OtherType(name.to_owned())),
        }
    }
}

/// All values of a column of a row group.
fn values<P: DataType>(mut from: ColumnReaderImpl<P>, rows: usize) -> Result<Vec<Option<P::T>>, TableFault> {
    let (mut levels, mut present) = (Vec::new(), Vec::new());
    loop {
        let (read, _, _) = from.read_records(rows.max(1), Some(&mut levels), None, &mut present)?;
        if read == 0 {
            break;
        }
    }
    let wrong = |what: &str| TableFault::Value { row: levels.len(), what: what.to_owned() };
    if levels.len() != rows {
        return Err(wrong("the column ends before its row group"));
    }
    let mut present = present.into_iter();
    let all: Vec<Option<P::T>> = levels.iter().map(|level| if *level == 1 { present.next() } else { None }).collect();
    match present.next() {
        None => Ok(all),
        Some(_) => Err(wrong("more values than rows")),
    }
}

/// Texts, each kept once.
fn texts(name: &str, values: Vec<Option<ByteArray>>) -> Result<Vec<Option<Arc<str>>>, TableFault> {
    let mut known: HashMap<Vec<u8>, Arc<str>> = HashMap::new();
    let mut text = |value: &ByteArray| -> Option<Arc<str>> {
        if let Some(text) = known.get(value.data()) {
            return Some(Arc::clone(text));
        }
        let text: Arc<str> = Arc::from(value.as_utf8().ok()?);
        known.insert(value.data().to_vec(), Arc::clone(&text));
        Some(text)
    };
    let mut all = Vec::with_capacity(values.len());
    for value in &values {
        all.push(match value {
            None => None,
            Some(value) => Some(text(value).ok_or_else(|| TableFault::OtherType(name.to_owned()))?),
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_come_back_as_they_were_and_torn_files_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.parquet");
        let text = |text: &str| Some(Arc::from(text));
        let columns = vec![
            ("a", Column::Integers(vec![Some(3), None, Some(-1)])),
            ("b", Column::Numbers(vec![None, Some(0.1), Some(f64::MAX)])),
            ("c", Column::Texts(vec![text("x"), text(""), None])),
            ("d", Column::Truths(vec![Some(true), None, Some(false)])),
        ];
        let whole = bytes(&columns).unwrap();
        assert_eq!(whole, bytes(&columns).unwrap());
        std::fs::write(&path, &whole).unwrap();
        let table = Table::read(&path).unwrap();
        assert_eq!(table.n(), 3);
        for (name, column) in &columns {
            assert_eq!(&table.columns[*name], column);
        }
        assert!(matches!(table.numbers("a"), Err(TableFault::OtherType(_))));
        assert!(matches!(table.numbers("e"), Err(TableFault::Missing(_))));
        for cut in [0, 4, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(Table::read(&path).is_err(), "{cut}");
        }
        // Any byte may be wrong: there is an error or the same table, never a panic.
        for at in 0..whole.len() {
            let mut bad = whole.clone();
            bad[at] ^= 0x55;
            std::fs::write(&path, &bad).unwrap();
            if let Ok(table) = Table::read(&path) {
                assert!(columns.iter().all(|(name, column)| table.columns.get(*name) == Some(column)), "{at}");
            }
        }
        std::fs::write(&path, bytes(&[("a", Column::Integers(vec![]))]).unwrap()).unwrap();
        assert_eq!(Table::read(&path).unwrap().integers("a").unwrap(), []);
    }
}
