//! Files larger than the memory that a process may have are fitted all the same.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::path::Path;
use std::process::{Command, Output};

/// 192 MiB of numbers.
const N: usize = 3 << 17;
const D: usize = 64;
/// KiB of memory of its own that the program may have (`RLIMIT_DATA`: heap, stacks, copies; mapped files do not count).
const LIMIT: &str = "65536";

/// Two groups far apart.
fn x(i: usize, j: usize) -> f64 {
    let mixed = (i * D + j).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as f64 / f64::from(1 << 24) + if i.is_multiple_of(3) { 10.0 } else { 0.0 }
}

/// Runs EM and Gibbs sampling under the limit.
fn run(folder: &Path, data: &str) -> Output {
    let config = format!(
        "Experiment(name: \"large\", seed: 5, data: {data}, model: (components: 2, covariance: Free(Diagonal)),
            fits: [Em(restarts: 1, max_iterations: 3), Gibbs(chains: 2, warmup: 1, draws: 4)])"
    );
    std::fs::write(folder.join("c.ron"), config).unwrap();
    let mut shell = Command::new("sh");
    let limited = format!("ulimit -d {LIMIT} && exec \"$0\" \"$@\"");
    shell.args(["-c", &limited]).arg(assert_cmd::cargo::cargo_bin!("gmm"));
    shell.current_dir(folder).args(["run", "c.ron", "--quiet", "--threads", "2"]).output().unwrap()
}

fn fitted(folder: &Path, data: &str) {
    let output = run(folder, data);
    assert!(output.status.success(), "{data}: {}", String::from_utf8_lossy(&output.stderr));
    let summary = std::fs::read(folder.join("results/large/summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    assert_eq!((&summary["data"]["n"], &summary["data"]["d"]), (&N.into(), &D.into()));
    for fit in summary["fits"].as_array().unwrap() {
        assert!((fit["mixture"]["weights"][1].as_f64().unwrap() - 1.0 / 3.0).abs() < 0.01, "{}", fit["mixture"]);
    }
    assert_eq!(summary["fits"].as_array().unwrap().len(), 2);
}

#[test]
fn an_array_three_times_the_limit_is_fitted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.npy");
    common::write_npy(&path, false, &format!("({N}, {D})"), (0..N * D).map(|i| x(i / D, i % D)));
    assert!(path.metadata().unwrap().len() > 3 << 26);
    fitted(folder.path(), "Npy(path: \"rows.npy\")");
}

#[test]
fn an_array_by_columns_three_times_the_limit_is_fitted() {
    let folder = tempfile::tempdir().unwrap();
    let by_columns = (0..N * D).map(|i| x(i % N, i / N));
    common::write_npy(&folder.path().join("rows.npy"), true, &format!("({N}, {D})"), by_columns);
    fitted(folder.path(), "Npy(path: \"rows.npy\")");
}

#[test]
fn a_parquet_file_three_times_the_limit_is_fitted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    common::write_parquet(&path, (N, D), 1 << 15, x, None);
    assert!(path.metadata().unwrap().len() > 3 << 26);
    fitted(folder.path(), "Parquet(path: \"rows.parquet\")");
}

/// The control: simulated rows are held in memory, and the limit does not let them.
#[test]
fn as_many_simulated_rows_do_not_fit_under_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let mean = |x: &str| format!("[{}]", vec![x; D].join(", "));
    let (a, b) = (mean("0.0"), mean("10.0"));
    let simulate = |n: usize| {
        let mixture = format!("(weights: [2, 1], means: [{a}, {b}], covariances: [Isotropic(0.1), Isotropic(0.1)])");
        run(folder.path(), &format!("Simulate(n: {n}, mixture: {mixture})"))
    };
    let output = simulate(N);
    let message = String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("0.19 GiB, which cannot be had"), "{message}");
    assert!(simulate(N / 64).status.success());
}
