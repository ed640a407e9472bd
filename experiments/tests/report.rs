//! `gmm report`: reports drawn once more from what is stored with the results.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;

fn gmm(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(assert_cmd::cargo::cargo_bin!("gmm")).current_dir(folder).args(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const SMALL: &str = r#"Experiment(
    name: "small",
    seed: 3,
    data: Simulate(n: 60, mixture: (
        weights: [0.5, 0.5], means: [[-3.0, 0.0], [3.0, 1.0]], covariances: [Isotropic(1.0), Isotropic(1.0)],
    )),
    model: (components: 2, covariance: Free(Full)),
    fits: [Em(restarts: 3), Gibbs(chains: 2, warmup: 20, draws: 50)],
)"#;

fn ran(folder: &Path) -> std::path::PathBuf {
    fs::write(folder.join("small.ron"), SMALL).unwrap();
    let done = gmm(folder, &["run", "small.ron", "--out", "out", "--quiet"]);
    assert!(done.status.success(), "{}", stderr(&done));
    folder.join("out/small")
}

/// The page and the figures, by name.
fn drawn(results: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(results.join("figures"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
        .collect();
    files.sort();
    files.push(("report.html".to_owned(), fs::read(results.join("report.html")).unwrap()));
    files
}

#[test]
fn a_report_is_drawn_again_to_the_same_bytes_from_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let results = ran(folder.path());
    let before = drawn(&results);
    assert!(before.len() > 3, "{before:?}");
    for file in ["report.html", "experiment.ron", "data.csv", "manifest.json"] {
        fs::remove_file(results.join(file)).unwrap();
    }
    fs::remove_dir_all(results.join("figures")).unwrap();
    fs::remove_file(folder.path().join("small.ron")).unwrap();
    let done = gmm(folder.path(), &["report", "out/small"]);
    assert!(done.status.success(), "{}", stderr(&done));
    assert!(String::from_utf8_lossy(&done.stdout).contains("report.html"));
    assert!(drawn(&results) == before);
}

#[test]
fn what_is_no_report_is_said_and_what_is_there_stays() {
    let folder = tempfile::tempdir().unwrap();
    let results = ran(folder.path());
    let before = drawn(&results);
    let whole = fs::read_to_string(results.join("report.json")).unwrap();
    let other = whole.replacen("\"schema_version\":1", "\"schema_version\":99", 1);
    let torn = &whole[..whole.len() / 2];
    for (text, expected) in [(torn, "is not a report"), ("[]", "is not a report"), (&other, "99")] {
        fs::write(results.join("report.json"), text).unwrap();
        let done = gmm(folder.path(), &["report", "out/small"]);
        assert_eq!(done.status.code(), Some(2), "{}", stderr(&done));
        assert!(stderr(&done).contains(expected) && stderr(&done).contains("report.json"), "{}", stderr(&done));
        assert!(drawn(&results) == before);
    }
    let done = gmm(folder.path(), &["report", "out"]);
    assert_eq!(done.status.code(), Some(2), "{}", stderr(&done));
}

#[test]
fn a_verification_of_the_same_experiment_is_shown_and_of_another_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let results = ran(folder.path());
    let page = || fs::read_to_string(results.join("report.html")).unwrap();
    let verify =
        ["verify", "small.ron", "--out", "out", "--replications", "60", "--rows", "10", "--exact", "4", "--quiet"];
    let done = gmm(folder.path(), &verify);
    assert!(done.status.code().is_some_and(|status| status < 2), "{}", stderr(&done));
    assert!(!page().contains("id=\"verification\""));
    assert!(gmm(folder.path(), &["report", "out/small"]).status.success());
    assert!(page().contains("id=\"verification\"") && page().contains("Simulation-based calibration"));
    assert!(drawn(&results).iter().any(|(name, _)| name.starts_with("verification-")));
    // Of another seed.
    let other = gmm(folder.path(), &["run", "small.ron", "--out", "out", "--seed", "4", "--quiet"]);
    assert!(other.status.success(), "{}", stderr(&other));
    assert!(!page().contains("id=\"verification\""));
}
