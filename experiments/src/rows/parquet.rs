//! Parquet files: row group after row group, some rows at a time, decoded into a spool file.

use std::fs::File;
use std::path::Path;

use ::parquet::basic::{Compression, ConvertedType, LogicalType, Type as PhysicalType};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::{ByteArray, DataType};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::ColumnChunkMetaData;
use ::parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use ::parquet::schema::types::ColumnDescriptor;

use super::error::{RowsError, ValueFault};
use super::guard::guarded;
use super::spool::Spool;
use super::{Classes, Rows, check, rows_per_piece};

/// An open Parquet file.
pub(crate) struct Parquet {
    reader: SerializedFileReader<File>,
    names: Vec<String>,
    kinds: Vec<Kind>,
    n: usize,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A double or a float, or signed integers.
    Number,
    /// Integers without sign, kept in signed ones.
    Unsigned,
    Text,
    Truth,
    /// Dates, decimals, lists, ..
    Other,
}

impl Parquet {
    /// Opens a file and reads its footer.
    ///
    /// # Errors
    /// [`RowsError`]: unreadable, not Parquet, or without rows.
    pub(crate) fn open(path: &Path) -> Result<Self, RowsError> {
        guarded(|| Self::outline(path)).map_err(RowsError::Parquet)?
    }

    fn outline(path: &Path) -> Result<Self, RowsError> {
        let file = super::open(path)?;
        let length = file.metadata()?.len();
        let reader = SerializedFileReader::new(file)?;
        let metadata = reader.metadata().file_metadata();
        let columns = metadata.schema_descr().columns();
        let names: Vec<String> = columns.iter().map(|column| column.path().string()).collect();
        if let Some(twice) = names.iter().enumerate().find_map(|(i, name)| names[..i].contains(name).then_some(name)) {
            return Err(RowsError::Twice(twice.clone()));
        }
        // What pandas stores of its row names is no variable.
        let is_index = |name: &str| name.starts_with("__index_level_") && name.ends_with("__");
        let kinds = columns.iter().zip(&names).map(|(column, name)| match is_index(name) {
            true => Kind::Other,
            false => kind(column),
        });
        let kinds = kinds.collect();
        let wrong = || RowsError::Parquet("a number of rows is out of range".to_owned());
        let mut n = 0usize;
        for group in reader.metadata().row_groups() {
            let rows = usize::try_from(group.num_rows()).ok();
            n = rows.and_then(|rows| rows.checked_add(n)).ok_or_else(wrong)?;
            let unknown = |compression: &Compression| matches!(compression, Compression::BROTLI(_) | Compression::LZO);
            if let Some(unknown) = group.columns().iter().map(ColumnChunkMetaData::compression).find(unknown) {
                let message = format!("it is compressed by {unknown}, not by Snappy, gzip, LZ4 or Zstandard");
                return Err(RowsError::Parquet(message));
            }
            // The library asserts that these are not negative.
            if !group.columns().iter().all(|chunk| is_inside(chunk, length)) {
                return Err(RowsError::Parquet("a column lies outside the file".to_owned()));
            }
        }
        if n == 0 || names.is_empty() {
            return Err(RowsError::Empty { n, d: names.len() });
        }
        Ok(Self { n, names, kinds, reader })
    }

    /// The names of the columns; those inside another are written `outer.inner`.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether a column holds numbers.
    pub(crate) fn is_numeric(&self, column: usize) -> bool {
        matches!(self.kinds[column], Kind::Number | Kind::Unsigned)
    }

    /// Whether a column can tell classes.
    pub(crate) fn is_class(&self, column: usize) -> bool {
        self.kinds[column] != Kind::Other
    }

    /// The type of a column, for messages.
    pub(crate) fn type_of(&self, column: usize) -> String {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let descriptor = schema.column(column);
        let list = if descriptor.max_rep_level() > 0 { "lists of " } else { "" };
        match (descriptor.logical_type_ref(), descriptor.converted_type()) {
            (Some(logical), _) => {
                let shown = format!("{logical:?}");
                let name = shown.split_once('(').map_or(&*shown, |(name, _)| name);
                format!("{list}{name}")
            }
            (None, ConvertedType::NONE) => format!("{list}{}", descriptor.physical_type()),
            (None, converted) => format!("{list}{converted}"),
        }
    }

    /// The rows of some columns of numbers (at least one), and the classes that another tells, by way of a spool file on
    /// the disk of `scratch`.
    ///
    /// # Errors
    /// [`RowsError`]: corrupt, a null, a value that is not finite or too large, too many classes, or the disk.
    pub(crate) fn read(self, columns: &[usize], labels: Option<usize>, scratch: &Path) -> Result<Rows, RowsError> {
        guarded(|| self.spooled(columns, labels, scratch)).map_err(RowsError::Parquet)?
    }

    fn spooled(&self, columns: &[usize], labels: Option<usize>, scratch: &Path) -> Result<Rows, RowsError> {
        let mut spool = Spool::new(scratch)?;
        let mut classes = labels.map(|_| Classes::default());
        let names: Vec<String> = columns.iter().map(|&j| self.names[j].clone()).collect();
        let (width, most) = (columns.len(), rows_per_piece(columns.len()));
        let mut values = vec![0.0; most.min(self.n) * width];
        let mut first = 0;
        for group in 0..self.reader.num_row_groups() {
            let group = self.reader.get_row_group(group)?;
            let n = group.metadata().num_rows() as usize;
            let open = |column: usize| self.column(&*group, column);
            let mut readers = columns.iter().map(|&column| open(column)).collect::<Result<Vec<_>, _>>()?;
            let mut label_reader = labels.map(open).transpose()?;
            for start in (0..n).step_by(most) {
                let rows = most.min(n - start);
                for (j, reader) in readers.iter_mut().enumerate() {
                    let mut row = 0;
                    reader.numbers(first, rows, |x| {
                        values[row * width + j] = x;
                        row += 1;
                    })?;
                }
                let values = &values[..rows * width];
                check(values, first, &names)?;
                spool.write(values)?;
                if let (Some(reader), Some(classes)) = (&mut label_reader, &mut classes) {
                    reader.classes(first, rows, classes)?;
                }
                first += rows;
            }
        }
        Ok(Rows { values: spool.into_rows()?, classes })
    }

    fn column<'a>(&'a self, group: &dyn RowGroupReader, column: usize) -> Result<Column<'a>, RowsError> {
        let max_level = group.metadata().schema_descr().column(column).max_def_level();
        let reader = group.get_column_reader(column)?;
        Ok(Column { reader, kind: self.kinds[column], max_level, name: &self.names[column], levels: Vec::new() })
    }
}

/// Whether a column of a row group lies in a file of this length.
fn is_inside(chunk: &ColumnChunkMetaData, length: u64) -> bool {
    let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
    let end = u64::try_from(start).ok().zip(u64::try_from(chunk.compressed_size()).ok());
    end.and_then(|(start, size)| start.checked_add(size)).is_some_and(|end| end <= length)
}

fn kind(column: &ColumnDescriptor) -> Kind {
    if column.max_rep_level() > 0 {
        return Kind::Other;
    }
    match (column.physical_type(), column.logical_type_ref(), column.converted_type()) {
        (PhysicalType::FLOAT | PhysicalType::DOUBLE, ..) => Kind::Number,
        (PhysicalType::BOOLEAN, ..) => Kind::Truth,
        (PhysicalType::INT32 | PhysicalType::INT64, Some(LogicalType::Integer(integer)), _) => {
            if integer.is_signed {
                Kind::Number
            } else {
                Kind::Unsigned
            }
        }
        (PhysicalType::INT32 | PhysicalType::INT64, None, converted) => match converted {
            ConvertedType::NONE
            | ConvertedType::INT_8
            | ConvertedType::INT_16
            | ConvertedType::INT_32
            | ConvertedType::INT_64 => Kind::Number,
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64 => {
                Kind::Unsigned
            }
            _ => Kind::Other,
        },
        (PhysicalType::BYTE_ARRAY, Some(LogicalType::String | LogicalType::Enum), _)
        | (PhysicalType::BYTE_ARRAY, None, ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::NONE) => {
            Kind::Text
        }
        _ => Kind::Other,
    }
}

/// A column within one row group.
struct Column<'a> {
    reader: ColumnReader,
    kind: Kind,
    /// The definition level of a value that is there.
    max_level: i16,
    name: &'a str,
    levels: Vec<i16>,
}

impl Column<'_> {
    /// The next rows as numbers, in order; `first` is the row of the first.
    fn numbers(&mut self, first: usize, rows: usize, mut f: impl FnMut(f64)) -> Result<(), RowsError> {
        let unsigned = self.kind == Kind::Unsigned;
        let Self { reader, max_level, name, levels, .. } = self;
        let place = (*max_level, *name, first, rows);
        match reader {
            ColumnReader::DoubleColumnReader(reader) => next(reader, levels, place)?.into_iter().for_each(f),
            ColumnReader::FloatColumnReader(reader) => {
                next(reader, levels, place)?.into_iter().for_each(|x| f(x.into()));
            }
            ColumnReader::Int32ColumnReader(reader) => {
                let number = |x: i32| if unsigned { f64::from(x.cast_unsigned()) } else { x.into() };
                next(reader, levels, place)?.into_iter().for_each(|x| f(number(x)));
            }
            ColumnReader::Int64ColumnReader(reader) => {
                let number = |x: i64| if unsigned { x.cast_unsigned() as f64 } else { x as f64 };
                next(reader, levels, place)?.into_iter().for_each(|x| f(number(x)));
            }
            _ => return Err(RowsError::Parquet(format!("the column `{name}` does not hold numbers"))),
        }
        Ok(())
    }

    /// Adds the classes of the next rows.
    fn classes(&mut self, first: usize, rows: usize, classes: &mut Classes) -> Result<(), RowsError> {
        let Self { reader, max_level, name, levels, .. } = self;
        let place = (*max_level, *name, first, rows);
        match reader {
            ColumnReader::ByteArrayColumnReader(reader) => {
                let texts: Vec<ByteArray> = next(reader, levels, place)?;
                texts.iter().try_for_each(|text| classes.push(&String::from_utf8_lossy(text.data()), name))
            }
            ColumnReader::BoolColumnReader(reader) => {
                next(reader, levels, place)?.iter().try_for_each(|truth| classes.push(&truth.to_string(), name))
            }
            _ => {
                let mut pushed = Ok(());
                let name = *name;
                let mut row = first;
                self.numbers(first, rows, |x| {
                    if pushed.is_ok() {
                        pushed = match x.abs() < 2f64.powi(53) {
                            true => classes.push(&x.to_string(), name),
                            false => {
                                Err(RowsError::Value { row, column: name.to_owned(), fault: ValueFault::of_class(x) })
                            }
                        };
                    }
                    row += 1;
                })?;
                pushed
            }
        }
    }
}

/// The next values of a column, one for each of `rows` rows.
fn next<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    levels: &mut Vec<i16>,
    (max_level, name, first, rows): (i16, &str, usize, usize),
) -> Result<Vec<T::T>, RowsError> {
    levels.clear();
    let mut values = Vec::with_capacity(rows);
    let (read, present, _) = reader.read_records(rows, Some(levels), None, &mut values)?;
    if present < read {
        let missing = levels.iter().position(|level| *level < max_level).unwrap_or(0);
        return Err(RowsError::Value { row: first + missing, column: name.to_owned(), fault: ValueFault::Missing });
    }
    if read < rows {
        let message = format!("the column `{name}` ends before row {} of its row group", first + rows);
        return Err(ParquetError::General(message).into());
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ::parquet::basic::ZstdLevel;
    use ::parquet::data_type::{BoolType, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type};
    use ::parquet::file::properties::WriterProperties;
    use ::parquet::file::writer::SerializedFileWriter;
    use ::parquet::schema::parser::parse_message_type;

    use super::*;

    const SCHEMA: &str = "message rows {
        required double a; optional float b; required int32 c (INTEGER(32, false)); optional int64 d;
        required binary kind (STRING); required boolean even; required int32 day (DATE);
        optional group g { required double inner; }
    }";
    const ROWS: usize = 25_000;

    /// A file of row groups, with nulls in `b` where asked for.
    fn file(compression: Compression, null: Option<usize>) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
        let properties = WriterProperties::builder().set_compression(compression).set_data_page_row_count_limit(700);
        let mut writer =
            SerializedFileWriter::new(file.reopen().unwrap(), schema, Arc::new(properties.build())).unwrap();
        for rows in [0..20_000, 20_000..20_001, 20_001..ROWS] {
            let mut group = writer.next_row_group().unwrap();
            macro_rules! column {
                ($type:ty, $levels:expr, $value:expr) => {{
                    let mut column = group.next_column().unwrap().unwrap();
                    let values: Vec<_> = rows.clone().filter_map($value).collect();
                    let levels: Option<Vec<i16>> = $levels;
                    column.typed::<$type>().write_batch(&values, levels.as_deref(), None).unwrap();
                    column.close().unwrap();
                }};
            }
            let here = |i: &usize| i16::from(Some(*i) != null);
            column!(DoubleType, None, |i| Some(i as f64 + 0.1));
            column!(FloatType, Some(rows.clone().map(|i| here(&i)).collect()), |i| (here(&i) > 0)
                .then_some(i as f32 + 0.5));
            column!(Int32Type, None, |i| Some((u32::MAX - i as u32).cast_signed()));
            column!(Int64Type, Some(vec![1; rows.len()]), |i| Some(-(i as i64)));
            column!(ByteArrayType, None, |i| Some(["one", "two", "three"][i % 3].into()));
            column!(BoolType, None, |i| Some(i % 2 == 0));
            column!(Int32Type, None, |i| Some(i as i32));
            column!(DoubleType, Some(vec![1; rows.len()]), |i| Some(i as f64));
            group.close().unwrap();
        }
        writer.close().unwrap();
        file
    }

    #[test]
    fn numbers_of_every_type_and_compression_are_decoded_in_order() {
        let scratch = tempfile::tempdir().unwrap();
        let row = |i: usize| [-(i as f64), i as f64 + 0.5, f64::from(u32::MAX) - i as f64, i as f64 + 0.1, i as f64];
        let expected: Vec<f64> = (0..ROWS).flat_map(row).collect();
        for compression in [
            Compression::UNCOMPRESSED,
            Compression::SNAPPY,
            Compression::GZIP(Default::default()),
            Compression::LZ4_RAW,
            Compression::ZSTD(ZstdLevel::default()),
        ] {
            let file = file(compression, None);
            let parquet = Parquet::open(file.path()).unwrap();
            assert_eq!(parquet.names(), ["a", "b", "c", "d", "kind", "even", "day", "g.inner"]);
            let numeric: Vec<usize> = (0..8).filter(|j| parquet.is_numeric(*j)).collect();
            assert_eq!(numeric, [0, 1, 2, 3, 7]);
            let rows = parquet.read(&[3, 1, 2, 0, 7], Some(4), scratch.path()).unwrap();
            assert!(rows.values.as_ref() == expected, "{compression}");
            let classes = rows.classes.unwrap();
            assert_eq!(classes.names, ["one", "two", "three"]);
            assert!((0..ROWS).all(|i| usize::from(classes.of_rows[i]) == i % 3));
        }
    }

    #[test]
    fn a_null_is_refused_with_its_row_and_column() {
        for null in [0, 19_999, 20_000, 24_321] {
            let file = file(Compression::SNAPPY, Some(null));
            let error = Parquet::open(file.path()).unwrap().read(&[0, 1], None, Path::new(".")).unwrap_err();
            let expected = format!("row {null} (counted from 0), column `b`: the value is missing");
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn truths_and_integers_tell_classes_and_dates_do_not() {
        let file = file(Compression::SNAPPY, None);
        let parquet = || Parquet::open(file.path()).unwrap();
        let classes = |column| parquet().read(&[0], Some(column), Path::new(".")).unwrap().classes.unwrap();
        assert_eq!(classes(5).names, ["true", "false"]);
        assert_eq!(classes(3).names[..3], ["0", "-1", "-2"]);
        assert!(!parquet().is_class(6));
        assert_eq!(parquet().type_of(6), "Date");
    }

    #[test]
    fn a_corrupt_or_cut_file_is_an_error_and_never_a_panic() {
        let small = file(Compression::SNAPPY, None);
        let bytes = std::fs::read(small.path()).unwrap();
        let read = |bytes: &[u8]| {
            let copy = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(copy.path(), bytes).unwrap();
            Parquet::open(copy.path())?.read(&[0, 1, 2, 3], Some(4), Path::new("."))
        };
        assert!(read(&bytes).is_ok());
        for end in [0, 1, 4, 8, 100, bytes.len() / 2, bytes.len() - 1] {
            assert!(read(&bytes[..end]).is_err(), "{end}");
        }
        // The footer, which places and sizes everything; then bytes all over.
        let places = (bytes.len() - 3000..bytes.len()).step_by(7).chain((0..bytes.len()).step_by(bytes.len() / 50));
        for (i, place) in places.enumerate() {
            let mut bad = bytes.clone();
            bad[place] ^= [0xff, 0x01, 0x80, 0x10][i % 4];
            // Some changes are to numbers, which nothing can tell.
            let _ = read(&bad);
        }
    }
}
