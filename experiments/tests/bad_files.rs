//! Data files that cannot be used: an error that names file, row, column and value, status 2, and nothing written.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::path::Path;
use std::sync::Arc;

use assert_cmd::Command;
use common::{npy_header, write_npy, write_parquet};
use parquet::data_type::DoubleType;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

fn gmm(folder: &Path, data: &str, arguments: &[&str]) -> std::process::Output {
    let config = format!(
        "Experiment(\n  name: \"t\",\n  seed: 1,\n  data: {data},\n  model: (components: 2, covariance: Free(Full)),\n  \
         fits: [Em(restarts: 2, objective: Posterior)],\n)\n"
    );
    std::fs::write(folder.join("c.ron"), config).unwrap();
    Command::new(assert_cmd::cargo::cargo_bin!("gmm")).current_dir(folder).args(arguments).output().unwrap()
}

/// What is said on stderr, as words: long messages are wrapped.
fn said(output: &std::process::Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).replace('│', " ");
    assert!(!stderr.contains("panicked"), "{stderr}");
    stderr.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Both `run` and `check` must fail with status 2, say all of `expected`, and write nothing.
fn refused(folder: &Path, data: &str, expected: &[&str]) {
    for arguments in [&["run", "c.ron"][..], &["check", "c.ron"]] {
        let output = gmm(folder, data, arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{data}: {said}");
        for part in expected {
            assert!(said.contains(part), "{part:?} is not said of {data}: {said}");
        }
        assert!(!folder.join("results").exists());
    }
}

#[test]
fn tables_on_their_side_are_refused_before_memory_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let write = |d: usize| {
        let numbers: Vec<u8> = (0..2 * d).flat_map(|i| (i as f64).to_le_bytes()).collect();
        std::fs::write(folder.path().join("a.npy"), [npy_header("<f8", false, &format!("(2, {d})")), numbers].concat())
            .unwrap();
    };
    write(20_000);
    let many = "2 components in 20000 dimensions have more than 268435456 variances and covariances";
    refused(folder.path(), "Npy(path: \"a.npy\")", &["c.ron:5", many, "is the table transposed?"]);
    write((1 << 20) + 1);
    let many = "it has 1048577 columns and 2 rows, of at most 1048576 columns: is the table transposed?";
    refused(folder.path(), "Npy(path: \"a.npy\")", &["c.ron:4", many]);
}

#[test]
fn labels_that_doubles_do_not_tell_apart_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<u8> = [1_i64, 2, 3, (1 << 53) + 1].into_iter().flat_map(i64::to_le_bytes).collect();
    std::fs::write(folder.path().join("a.npy"), [npy_header("<i8", false, "(2, 2)"), rows].concat()).unwrap();
    let expected = ["row 1", "`x1`", "beyond 2^53", "write labels as text"];
    refused(folder.path(), "Npy(path: \"a.npy\", columns: [0], labels: 1)", &expected);
}

/// A Parquet file of three rows, column j of doubles 0, j + 1, 2 (j + 1), with names of any kind.
fn write_named(path: &Path, names: &[&str]) {
    let columns: String = names.iter().map(|name| format!("required double {name}; ")).collect();
    let schema = Arc::new(parse_message_type(&format!("message rows {{ {columns} }}")).unwrap());
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for j in 0..names.len() {
        let mut column = group.next_column().unwrap().unwrap();
        let values: Vec<f64> = (0..3).map(|i| (i * (j + 1)) as f64).collect();
        column.typed::<DoubleType>().write_batch(&values, None, None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

#[test]
fn parquet_columns_of_one_name_are_refused_and_row_names_of_pandas_are_no_variable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write_named(&path, &["a", "b", "a"]);
    refused(folder.path(), "Parquet(path: \"a.parquet\")", &["c.ron:4", "two of its columns are called `a`"]);
    write_named(&path, &["a", "__index_level_0__"]);
    let output = gmm(folder.path(), "Parquet(path: \"a.parquet\")", &["check", "c.ron"]);
    assert!(output.status.success(), "{}", said(&output));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("3 rows of 1 ") && !told.contains("__index_level_0__"), "{told}");
}

#[test]
fn arrays_that_cannot_be_used_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let write = |bytes: &[u8]| std::fs::write(folder.path().join("a.npy"), bytes).unwrap();
    let array = |shape: &str, numbers: &[f64]| {
        let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        write(&[npy_header("<f8", false, shape), bytes].concat());
    };
    let refused = |expected: &[&str]| {
        let all = [expected, &["c.ron:4", "data.path", "`a.npy`"]].concat();
        refused(folder.path(), "Npy(path: \"a.npy\")", &all);
    };
    refused(&["there is no file"]);
    write(b"");
    refused(&["not a .npy file"]);
    write(b"a,b\n1,2\n");
    refused(&["not a .npy file"]);
    write(&npy_header("<f8", false, "(3, 2)")[..60]);
    refused(&["header", "the file ends inside it"]);
    array("(4, 2)", &[1.0, 2.0, 3.0]);
    refused(&["the header promises 64 bytes of numbers, the file holds 24: it is cut off"]);
    array("(1, 2)", &[1.0, 2.0, 3.0]);
    refused(&["promises 16 bytes", "holds 24"]);
    array("(0, 2)", &[]);
    refused(&["there are no data: 0 rows of 2 columns"]);
    array("(5, 0)", &[]);
    refused(&["there are no data: 5 rows of 0 columns"]);
    array("(4294967296, 4294967296)", &[]);
    refused(&["(4294967296, 4294967296)", "more than this machine can address"]);
    array("(1000000000000, 3)", &[1.0]);
    refused(&["it is cut off"]);
    array("(2, 2, 2)", &[0.0; 8]);
    refused(&["its shape is (2, 2, 2)"]);
    write(&npy_header("<c16", false, "(3, 2)"));
    refused(&["its dtype is <c16"]);
    array("(3, 2)", &[1.0, 2.0, 3.0, f64::NAN, 5.0, 6.0]);
    refused(&["row 1 (counted from 0), column `x1`: NaN is not a finite number"]);
    array("(3, 2)", &[1.0, 2.0, 3.0, 4.0, -1e150, 6.0]);
    refused(&["row 2 (counted from 0), column `x0`: -1e150 is beyond 1e100; rescale"]);
}

#[test]
fn values_of_decoded_arrays_are_refused_with_their_own_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.npy");
    write_npy(&path, true, "(3, 2)", [1.0, 2.0, 3.0, 4.0, f64::INFINITY, 6.0]);
    refused(folder.path(), "Npy(path: \"a.npy\")", &["row 1 (counted from 0), column `x1`: inf is not"]);
    refused(folder.path(), "Npy(path: \"a.npy\", columns: [1])", &["row 1 (counted from 0), column `x1`: inf is not"]);
    refused(folder.path(), "Npy(path: \"a.npy\", columns: [0], labels: 1)", &["row 1", "column `x1`: inf is not"]);
    assert!(gmm(folder.path(), "Npy(path: \"a.npy\", columns: [0])", &["check", "c.ron"]).status.success());
}

#[test]
fn columns_of_an_array_that_are_not_there_are_refused_at_the_number() {
    let folder = tempfile::tempdir().unwrap();
    write_npy(&folder.path().join("a.npy"), false, "(3, 2)", [1.0, 2.0, 2.0, 5.0, 4.0, 3.5]);
    let with = |fields: &str| format!("Npy(path: \"a.npy\", {fields})");
    let refused = |fields: &str, expected: &[&str]| refused(folder.path(), &with(fields), expected);
    refused("columns: [0, 2]", &["data.columns[1]", "no column 2", "there are 2 columns, 0 to 1"]);
    refused("columns: [1, 1]", &["data.columns[1]", "the column `x1` is listed twice"]);
    refused("columns: [1], labels: 1", &["data.columns[0]", "holds the labels"]);
    refused("labels: 7", &["data.labels", "no column 7"]);
    refused("columns: []", &["data.columns"]);
    refused("columns: [\"a\"]", &["data.columns[0]", "expected a whole number", "count from 0"]);
    refused("columns: [-1]", &["data.columns[0]", "expected a whole number"]);
    refused("columns: 1", &["data.columns", "expected a list of column numbers"]);
    refused("labels: \"kind\"", &["data.labels", "expected a whole number"]);
    refused("column: [1]", &["unknown field `column`", "did you mean `columns`?"]);
    refused("truth: (weights: [1], means: [[0]], covariances: [Isotropic(1)])", &["data.truth.means", "1 dimensions"]);
}

#[test]
fn parquet_files_that_cannot_be_used_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let labels: Vec<String> = (0..6).map(|i| format!("{}", i % 2)).collect();
    let write = |n: usize, bad: f64| {
        let x = |i: usize, j: usize| if (i, j) == (4, 1) { bad } else { (i * i + 3 * j) as f64 };
        write_parquet(&path, (n, 2), 3, x, Some(&labels[..n]));
    };
    let refused = |fields: &str, expected: &[&str]| {
        refused(folder.path(), &format!("Parquet(path: \"a.parquet\"{fields})"), &[expected, &["c.ron:4"]].concat());
    };
    refused("", &["data.path", "there is no file `a.parquet`"]);
    std::fs::write(&path, "a,b\n1,2\n").unwrap();
    refused("", &["data.path", "`a.parquet`: it cannot be read as Parquet"]);
    write(6, 1.0);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 20]).unwrap();
    refused("", &["cannot be read as Parquet"]);
    write(0, 1.0);
    refused("", &["there are no data: 0 rows"]);
    write(6, f64::NAN);
    refused("", &["`a.parquet`, row 4 (counted from 0), column `x1`: NaN is not a finite number"]);
    write(6, 1e101);
    refused("", &["row 4 (counted from 0), column `x1`: 1e101 is beyond 1e100"]);
    write(6, 1.0);
    refused(
        ", columns: [\"x0\", \"x_1\"]",
        &["data.columns[1]", "the file has no column \"x_1\"", "did you mean \"x1\"?"],
    );
    refused(", columns: [\"x0\", \"x0\"]", &["data.columns[1]", "listed twice"]);
    refused(", columns: [\"kind\"]", &["data.columns[0]", "`kind` is of type String", "numbers"]);
    refused(", labels: \"knd\"", &["data.labels", "did you mean \"kind\"?"]);
    refused(", columns: [0]", &["data.columns[0]", "expected a text in quotes"]);
    assert!(gmm(folder.path(), "Parquet(path: \"a.parquet\", labels: \"kind\")", &["check", "c.ron"]).status.success());
}

#[test]
fn folders_are_no_data_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("a")).unwrap();
    for data in ["Npy(path: \"a\")", "Parquet(path: \"a\")"] {
        refused(folder.path(), data, &["data.path", "`a`: it is not a file"]);
    }
    refused(folder.path(), "Csv(path: \"a\")", &["data.path", "cannot read `a`"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_may_not_be_read_is_refused() {
    // Readable by nobody, the superuser included.
    refused(Path::new(&tempfile::tempdir().unwrap().path()), "Npy(path: \"/proc/self/mem\")", &["/proc/self/mem"]);
}

/// No fault of the data: status 1, as for results that cannot be written.
#[cfg(target_os = "linux")]
#[test]
fn a_spool_file_that_cannot_be_written_is_a_failure_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // 16 MiB by columns.
    write_npy(&folder.path().join("a.npy"), true, "(1048576, 2)", (0..1 << 21).map(f64::from));
    let failed = |scratch: &str, reason: &str| {
        for command in ["run", "check"] {
            let output = gmm(folder.path(), "Npy(path: \"a.npy\")", &[command, "c.ron", "--scratch", scratch]);
            let said = said(&output);
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains(scratch) && said.contains(reason), "{said}");
            assert!(!folder.path().join("results").exists());
        }
    };
    failed("/proc", "could not make a temporary file in");
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    if let Some(_mounted) = common::Tmpfs::mount(&disk, "size=4m") {
        failed("disk", "No space left on device");
        assert_eq!(std::fs::read_dir(&disk).unwrap().count(), 0);
        // Nothing is left of it.
        std::fs::write(disk.join("fits"), vec![1; 3 << 20]).unwrap();
    }
}
