//! Tables written as `.csv`, `.npy` and `.parquet`, and a disk that fills up.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    dead_code,
    reason = "a test stops at the first surprise; each test file uses some"
)]

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use parquet::data_type::{ByteArrayType, DoubleType};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

/// The header of a `.npy` file of version 1, padded to 128 bytes as NumPy does.
pub(crate) fn npy_header(descr: &str, fortran: bool, shape: &str) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    let text = format!("{text:<117}\n");
    [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat()
}

/// Writes numbers as little-endian doubles behind a header.
pub(crate) fn write_npy(path: &Path, fortran: bool, shape: &str, numbers: impl IntoIterator<Item = f64>) {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    file.write_all(&npy_header("<f8", fortran, shape)).unwrap();
    numbers.into_iter().for_each(|x| file.write_all(&x.to_le_bytes()).unwrap());
    file.into_inner().unwrap();
}

/// Writes rows with all digits, under the names `x0`, `x1`, .., and a column `kind` where there are labels.
pub(crate) fn write_csv(path: &Path, rows: &[Vec<f64>], labels: Option<&[String]>) {
    let mut text = names(rows[0].len()).join(",") + if labels.is_some() { ",kind\n" } else { "\n" };
    for (i, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row.iter().map(f64::to_string).collect();
        write!(text, "{}", cells.join(",")).unwrap();
        labels.inspect(|labels| write!(text, ",{}", labels[i]).unwrap());
        text.push('\n');
    }
    std::fs::write(path, text).unwrap();
}

pub(crate) fn names(d: usize) -> Vec<String> {
    (0..d).map(|j| format!("x{j}")).collect()
}

/// Writes n rows of d doubles in row groups of at most so many, without compression; `x(i, j)` gives the numbers.
pub(crate) fn write_parquet(
    path: &Path,
    (n, d): (usize, usize),
    rows_per_group: usize,
    x: impl Fn(usize, usize) -> f64,
    labels: Option<&[String]>,
) {
    let columns: Vec<String> = names(d).iter().map(|name| format!("required double {name};")).collect();
    let kind = if labels.is_some() { "required binary kind (STRING);" } else { "" };
    let schema = Arc::new(parse_message_type(&format!("message rows {{ {} {kind} }}", columns.join(" "))).unwrap());
    let properties = WriterProperties::builder().set_dictionary_enabled(labels.is_some()).build();
    let mut writer = SerializedFileWriter::new(File::create(path).unwrap(), schema, Arc::new(properties)).unwrap();
    for first in (0..n).step_by(rows_per_group) {
        let rows = first..(first + rows_per_group).min(n);
        let mut group = writer.next_row_group().unwrap();
        for j in 0..d {
            let values: Vec<f64> = rows.clone().map(|i| x(i, j)).collect();
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<DoubleType>().write_batch(&values, None, None).unwrap();
            column.close().unwrap();
        }
        if let Some(labels) = labels {
            let values: Vec<_> = labels[rows].iter().map(|label| label.as_str().into()).collect();
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<ByteArrayType>().write_batch(&values, None, None).unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}

/// A mounted tmpfs; `None` where this process may not mount.
pub(crate) struct Tmpfs(PathBuf);

impl Tmpfs {
    pub(crate) fn mount(at: &Path, options: &str) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "gmm-test"])
            .arg(at)
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !mounted {
            println!("not tried: no tmpfs can be mounted here");
        }
        mounted.then(|| Self(at.to_path_buf()))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        // Lazily: a process that another test is just starting may hold a file here open for a moment.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
