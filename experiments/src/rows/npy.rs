//! `.npy` files: mapped as they are where they hold little-endian doubles row after row, else decoded into a spool file.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::error::{RowsError, ValueFault};
use super::header::{Header, Number};
use super::spool::Spool;
use super::{Classes, MappedRows, Rows, check, rows_per_piece};

/// More columns than this are a table on its side.
const MOST_COLUMNS: usize = 1 << 20;

/// An open `.npy` file whose header fits its length.
#[derive(Debug)]
pub(crate) struct Npy {
    file: File,
    header: Header,
    names: Vec<String>,
}

impl Npy {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// [`RowsError`]: unreadable, no table of numbers, empty, or of another length than its header says.
    pub(crate) fn open(path: &Path) -> Result<Self, RowsError> {
        let mut file = super::open(path)?;
        let header = Header::read(&mut file)?;
        let (promised, found) = (header.bytes, file.metadata()?.len().saturating_sub(header.offset));
        if header.n == 0 || header.d == 0 {
            return Err(RowsError::Empty { n: header.n, d: header.d });
        }
        if promised != found {
            return Err(RowsError::Length { promised, found });
        }
        if header.d > MOST_COLUMNS {
            return Err(RowsError::Columns { n: header.n, d: header.d, most: MOST_COLUMNS });
        }
        let names = (0..header.d).map(|j| format!("x{j}")).collect();
        Ok(Self { file, header, names })
    }

    /// The names of the columns: `x0`, `x1`, .. by their indices.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The rows of some columns (at least one), and the classes that another tells. What cannot be mapped is decoded into
    /// a spool file on the disk of `scratch`.
    ///
    /// # Errors
    /// [`RowsError`]: a value that is not finite or too large, too many classes, or the disk. Values that are mapped are
    /// the caller's to check.
    pub(crate) fn read(mut self, columns: &[usize], labels: Option<usize>, scratch: &Path) -> Result<Rows, RowsError> {
        let whole = columns.iter().copied().eq(0..self.header.d);
        let rows = match whole {
            true => self.mapped()?,
            false => None,
        };
        let classes = labels.map(|column| self.classes(column)).transpose()?;
        let values = match rows {
            Some(rows) => rows,
            None => self.spooled(columns, scratch)?,
        };
        Ok(Rows { values, classes })
    }

    fn mapped(&self) -> Result<Option<MappedRows>, RowsError> {
        let Header { number, big_endian, n, d, offset, .. } = self.header;
        let native = number == Number::F64 && big_endian == cfg!(target_endian = "big");
        match native && self.by_rows() {
            true => Ok(MappedRows::new(&self.file, offset, n * d)?),
            false => Ok(None),
        }
    }

    /// One row or one column is the same in both orders.
    fn by_rows(&self) -> bool {
        !self.header.fortran || self.header.n == 1 || self.header.d == 1
    }

    fn spooled(&mut self, columns: &[usize], scratch: &Path) -> Result<MappedRows, RowsError> {
        let mut spool = Spool::new(scratch)?;
        let names: Vec<String> = columns.iter().map(|&j| self.names[j].clone()).collect();
        self.pieces(columns, |first, values| {
            check(values, first, &names)?;
            Ok(spool.write(values)?)
        })?;
        Ok(spool.into_rows()?)
    }

    fn classes(&mut self, column: usize) -> Result<Classes, RowsError> {
        let mut classes = Classes::default();
        let name = self.names[column].clone();
        let exact = 2f64.powi(53);
        self.pieces(&[column], |first, values| {
            values.iter().enumerate().try_for_each(|(i, x)| match x.abs() < exact {
                true => classes.push(&x.to_string(), &name),
                false => {
                    let fault = ValueFault::of_class(*x);
                    Err(RowsError::Value { row: first + i, column: name.clone(), fault })
                }
            })
        })?;
        Ok(classes)
    }

    /// Decodes some columns, some rows at a time: `f(first row, values row after row)`.
    fn pieces(
        &mut self,
        columns: &[usize],
        mut f: impl FnMut(usize, &[f64]) -> Result<(), RowsError>,
    ) -> Result<(), RowsError> {
        let Header { number, big_endian, n, d, offset, .. } = self.header;
        let (by_rows, size, width) = (self.by_rows(), number.size(), columns.len());
        let most = rows_per_piece(if by_rows { d } else { width });
        let mut bytes = vec![0; if by_rows { most * d * size } else { most * size }];
        let mut values = vec![0.0; most * width];
        for first in (0..n).step_by(most) {
            let rows = most.min(n - first);
            let mut decode = |read: &[u8], stride: usize, column: usize, j: usize| {
                for i in 0..rows {
                    let at = (i * stride + column) * size;
                    values[i * width + j] = number.decode(&read[at..at + size], big_endian);
                }
            };
            let mut read = |index: usize, bytes: &mut [u8]| {
                self.file.seek(SeekFrom::Start(offset + (index * size) as u64))?;
                self.file.read_exact(bytes)
            };
            if by_rows {
                let bytes = &mut bytes[..rows * d * size];
                read(first * d, bytes)?;
                columns.iter().enumerate().for_each(|(j, &column)| decode(bytes, d, column, j));
            } else {
                for (j, &column) in columns.iter().enumerate() {
                    let bytes = &mut bytes[..rows * size];
                    read(column * n + first, bytes)?;
                    decode(bytes, 1, 0, j);
                }
            }
            f(first, &values[..rows * width])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// The table i, j -> 100 i + j as a file.
    fn file(descr: &str, fortran: bool, n: usize, d: usize, padding: usize) -> tempfile::NamedTempFile {
        let order = if fortran { "True" } else { "False" };
        let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({n}, {d}), }}");
        let text = format!("{text:<width$}", width = padding - 10);
        let mut bytes = [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat();
        let mut push = |i: usize, j: usize| {
            let x = (100 * i + j) as f64;
            match descr {
                "<f8" => bytes.extend(x.to_le_bytes()),
                ">f8" => bytes.extend(x.to_be_bytes()),
                "<f4" => bytes.extend((x as f32).to_le_bytes()),
                _ => bytes.extend((x as i32).to_le_bytes()),
            }
        };
        match fortran {
            true => (0..d).for_each(|j| (0..n).for_each(|i| push(i, j))),
            false => (0..n).for_each(|i| (0..d).for_each(|j| push(i, j))),
        }
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        file
    }

    #[test]
    fn every_layout_gives_the_same_rows() {
        // More rows than a piece holds.
        let (n, d) = (40_000, 3);
        let scratch = tempfile::tempdir().unwrap();
        for (descr, fortran, padding) in [
            ("<f8", false, 128),
            ("<f8", false, 121),
            ("<f8", true, 128),
            (">f8", false, 128),
            ("<f4", true, 128),
            ("<i4", false, 128),
        ] {
            let file = file(descr, fortran, n, d, padding);
            for columns in [&[0, 1, 2][..], &[2, 0], &[1]] {
                let npy = Npy::open(file.path()).unwrap();
                assert_eq!(npy.mapped().unwrap().is_some(), (descr, fortran, padding) == ("<f8", false, 128));
                let rows = npy.read(columns, None, scratch.path()).unwrap();
                let expected: Vec<f64> =
                    (0..n).flat_map(|i| columns.iter().map(move |j| (100 * i + j) as f64)).collect();
                assert!(rows.values.as_ref() == expected, "{descr} {fortran} {padding} {columns:?}");
            }
        }
    }

    #[test]
    fn a_file_of_another_length_than_its_header_says_is_refused() {
        let file = file("<f8", false, 4, 2, 128);
        file.as_file().set_len(128 + 63).unwrap();
        let error = Npy::open(file.path()).unwrap_err();
        assert!(matches!(error, RowsError::Length { promised: 64, found: 63 }), "{error}");
        file.as_file().set_len(128 + 72).unwrap();
        assert!(matches!(Npy::open(file.path()), Err(RowsError::Length { promised: 64, found: 72 })));
        file.as_file().set_len(0).unwrap();
        assert!(matches!(Npy::open(file.path()), Err(RowsError::NotNpy)));
    }

    #[test]
    fn classes_are_the_values_of_a_column() {
        let file = file("<i4", true, 3, 2, 128);
        let rows = Npy::open(file.path()).unwrap().read(&[0], Some(1), Path::new("")).unwrap();
        let classes = rows.classes.unwrap();
        assert_eq!((classes.names, classes.of_rows), (vec!["1".into(), "101".into(), "201".into()], vec![0, 1, 2]));
    }
}
