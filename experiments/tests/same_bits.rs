//! The same rows from a `.csv`, `.npy` or `.parquet` file, mapped or decoded, on one thread or two: the same results.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

const N: usize = 9001;
const D: usize = 3;

/// Rows of three groups, every digit in use, and their groups.
fn rows() -> (Vec<Vec<f64>>, Vec<String>) {
    let noise = |i: usize, j: usize| ((i * 7919 + j * 104_729) as f64 * 0.618_033_988_749_895).fract() - 0.5;
    let group = |i: usize| (i * 31) % 7 / 3;
    let x = |i: usize, j: usize| group(i) as f64 * 2.5 + noise(i, j) + noise(i, j + 5) * noise(i, j + 9);
    ((0..N).map(|i| (0..D).map(|j| x(i, j)).collect()).collect(), (0..N).map(|i| group(i).to_string()).collect())
}

/// All of `summary.json` but what names the file and the seconds.
fn summary(folder: &Path, data: &str, threads: &str) -> String {
    let config = format!(
        "Experiment(name: \"bits\", seed: 5, data: {data}, model: (components: 3, covariance: Free(Full)), fits: [
            Em(restarts: 3), Em(objective: Posterior, restarts: 2, model: (covariance: Tied(Diagonal))),
            Gibbs(chains: 2, warmup: 5, draws: 20, evidence: [])])"
    );
    std::fs::write(folder.join("c.ron"), config).unwrap();
    let mut gmm = Command::new(assert_cmd::cargo::cargo_bin!("gmm"));
    let output = gmm.current_dir(folder).args(["run", "c.ron", "--quiet", "--threads", threads]).output().unwrap();
    assert!(output.status.success(), "{data}: {}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read(folder.join("results/bits/summary.json")).unwrap();
    let mut summary: Value = serde_json::from_slice(&text).unwrap();
    for field in ["source", "sha256"] {
        summary["data"].as_object_mut().unwrap().remove(field).unwrap();
    }
    for fit in summary["fits"].as_array_mut().unwrap() {
        fit.as_object_mut().unwrap().remove("seconds").unwrap();
    }
    serde_json::to_string(&summary).unwrap()
}

/// Asserts that all data give the same summary on one thread and on two, and returns it.
fn same(folder: &Path, all: &[&str]) -> Value {
    let expected = summary(folder, all[0], "1");
    for (data, threads) in all.iter().flat_map(|data| [(data, "1"), (data, "2")]) {
        assert!(summary(folder, data, threads) == expected, "{data} on {threads} threads");
    }
    serde_json::from_str(&expected).unwrap()
}

#[test]
fn every_kind_of_file_gives_the_same_bits_on_any_number_of_threads() {
    let (rows, _) = rows();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    common::write_csv(&path("rows.csv"), &rows, None);
    let shape = format!("({N}, {D})");
    common::write_npy(&path("rows.npy"), false, &shape, rows.iter().flatten().copied());
    let by_columns = (0..D).flat_map(|j| rows.iter().map(move |row| row[j]));
    common::write_npy(&path("columns.npy"), true, &shape, by_columns);
    let mut big = common::npy_header(">f8", false, &shape);
    rows.iter().flatten().for_each(|x| big.extend(x.to_be_bytes()));
    std::fs::write(path("big.npy"), big).unwrap();
    common::write_parquet(&path("rows.parquet"), (N, D), 2500, |i, j| rows[i][j], None);
    let result = same(
        folder.path(),
        &[
            "Csv(path: \"rows.csv\")",
            "Npy(path: \"rows.npy\")",
            "Npy(path: \"columns.npy\")",
            "Npy(path: \"big.npy\", columns: [0, 1, 2])",
            "Parquet(path: \"rows.parquet\")",
        ],
    );
    assert_eq!(result["data"]["n"], N);
    assert_eq!(result["fits"].as_array().unwrap().len(), 3);

    // What is written as used runs again and gives the same.
    let used = std::fs::read_to_string(path("results/bits/experiment.ron")).unwrap();
    std::fs::write(path("again.ron"), used).unwrap();
    let before = std::fs::read(path("results/bits/experiment.ron")).unwrap();
    let mut gmm = Command::new(assert_cmd::cargo::cargo_bin!("gmm"));
    gmm.current_dir(folder.path()).args(["run", "again.ron", "--quiet"]).assert().success();
    assert_eq!(std::fs::read(path("results/bits/experiment.ron")).unwrap(), before);
}

#[test]
fn chosen_columns_and_labels_are_the_same_in_every_kind_of_file() {
    let (rows, labels) = rows();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    common::write_csv(&path("rows.csv"), &rows, Some(&labels));
    let with_label = rows.iter().zip(&labels).flat_map(|(row, label)| row.iter().copied().chain(label.parse()));
    common::write_npy(&path("rows.npy"), false, &format!("({N}, {})", D + 1), with_label);
    common::write_parquet(&path("rows.parquet"), (N, D), 4000, |i, j| rows[i][j], Some(&labels));
    let result = same(
        folder.path(),
        &[
            "Csv(path: \"rows.csv\", columns: [\"x2\", \"x0\"], labels: \"kind\")",
            "Npy(path: \"rows.npy\", columns: [2, 0], labels: 3)",
            "Parquet(path: \"rows.parquet\", columns: [\"x2\", \"x0\"], labels: \"kind\")",
        ],
    );
    assert_eq!(result["data"]["columns"], serde_json::json!(["x2", "x0"]));
    let against = &result["comparison"][0];
    assert_eq!(against["against_kind"], "labels");
    assert!(against["adjusted_rand_index"].as_f64().unwrap() > 0.5, "{against}");
}
