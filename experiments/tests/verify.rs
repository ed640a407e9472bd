//! `gmm verify`: what it leaves on disk, which status, and that a run which is killed goes on where it was.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use common::Tmpfs;
use serde_json::Value;

/// The prior has moments, so that few draws say much.
const MODEL: &str = "model: (components: 2, covariance: Free(Full), prior: (concentration: 2.0,
    components: Conjugate(mean: [0.0], kappa: 0.5, dof: 6.0, scale: Full([[4.0]]))))";
const GIBBS: &str = "chains: 1, warmup: 50, draws: 100";

fn config(folder: &Path, fits: &str) -> PathBuf {
    let text = format!(
        "Experiment(name: \"small\", seed: 3, data: Simulate(n: 30, mixture: (weights: [0.5, 0.5], means: [[-2.0], [2.0]],
            covariances: [Isotropic(1.0), Isotropic(0.5)])), {MODEL}, fits: [{fits}])"
    );
    write(folder, &text)
}

fn write(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("small.ron");
    std::fs::write(&path, text).unwrap();
    path
}

fn command(config: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("gmm"));
    command.arg("verify").arg(config).arg("--out").arg(out).args(more);
    command
}

fn verify(config: &Path, out: &Path, more: &[&str]) -> Output {
    command(config, out, more).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn file(out: &Path, name: &str) -> Vec<u8> {
    std::fs::read(out.join("small-verification").join(name)).unwrap()
}

fn json(out: &Path, name: &str) -> Value {
    serde_json::from_slice(&file(out, name)).unwrap()
}

fn checkpoint(out: &Path) -> PathBuf {
    out.join(".small-verification.partial/replications.jsonl")
}

/// Puts a checkpoint where a killed run would have left it.
fn leave(out: &Path, bytes: &[u8]) {
    let path = checkpoint(out);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_right_program_is_clean_and_leaves_numbers_and_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let fits = format!(
        "Em(restarts: 3), Em(objective: Posterior, restarts: 3), Gradient(restarts: 2), Gibbs({GIBBS}), Gibbs(name: \"again\", {GIBBS}),
        Gibbs(name: \"tied\", {GIBBS}, model: (covariance: Tied(Full)))"
    );
    let config = config(folder.path(), &fits);
    let output = verify(&config, folder.path(), &["--replications", "40", "--rows", "15", "--false-alarm", "0.02"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let verification = json(folder.path(), "verification.json");
    assert_eq!((&verification["schema_version"], &verification["verdict"]["clean"]), (&1.into(), &true.into()));
    let fits = verification["fits"].as_array().unwrap();
    let names: Vec<&str> = fits.iter().map(|fit| fit["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["em", "map", "lbfgs", "gibbs", "tied"]);
    assert_eq!(fits[3]["also"], serde_json::json!(["again"]));
    // The levels of all parts of both samplers add up to the rate.
    let parts = || fits.iter().flat_map(|fit| fit["parts"].as_array().unwrap());
    let total: f64 = parts().map(|part| part["level"].as_f64().unwrap()).sum();
    assert!((total - 0.02).abs() < 1e-12, "{total}");
    assert!(parts().all(|part| part["tests"].as_u64().unwrap() > 0));
    for sampler in &fits[3..] {
        assert_eq!(sampler["parts"].as_array().unwrap().len(), 3);
        let calibration = &sampler["calibration"];
        assert_eq!((&calibration["rows"], &calibration["replications"]), (&15.into(), &40.into()));
        for quantity in calibration["quantities"].as_array().unwrap() {
            let last = quantity["counts"].as_array().unwrap().last().unwrap().as_u64().unwrap();
            assert!(last <= 40 && quantity["difference"].as_array().unwrap().len() == 99);
        }
        assert_eq!(sampler["enumeration"]["rows"], 8);
        assert_eq!(sampler["joint_test"]["quantiles"][0]["chains"].as_array().unwrap().len(), 99);
    }
    for estimate in &fits[..3] {
        assert_eq!(estimate["optima"]["optima"][0]["state"], "maximum", "{}", estimate["name"]);
    }
    let page = String::from_utf8(file(folder.path(), "report.html")).unwrap();
    assert!(page.contains("<h2>Clean</h2>") && page.contains("<svg") && page.trim_end().ends_with("</html>"));
    assert!(!page.contains("http://") || page.matches("http").count() == page.matches("http://www.w3.org").count());
    assert!(!String::from_utf8(file(folder.path(), "verification.json")).unwrap().contains("seconds"));
    assert!(json(folder.path(), "manifest.json")["parts"].as_array().unwrap().len() == 9);
    let text = said(&output);
    assert!(text.contains("Clean. Nothing was found.") && text.contains("again: as gibbs"), "{text}");
}

#[test]
fn a_verification_that_is_killed_goes_on_where_it_was_and_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &format!("Gibbs({GIBBS}), Em(restarts: 2)"));
    let size = ["--replications", "60", "--rows", "12", "--threads"];
    let [whole, killed, torn] = ["whole", "killed", "torn"].map(|name| folder.path().join(name));
    let run = |out: &Path, threads: &str| verify(&config, out, &[&size[..], &[threads]].concat());
    let output = run(&whole, "1");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let (expected, lines) = (file(&whole, "verification.json"), file(&whole, "replications.jsonl"));

    // Killed as soon as it has written some results.
    let mut child = command(&config, &killed, &[&size[..], &["2", "--quiet"]].concat()).spawn().unwrap();
    let written = || std::fs::metadata(checkpoint(&killed)).map_or(0, |found| found.len());
    while written() < 10_000 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!killed.join("small-verification").exists());
    let output = run(&killed, "2");
    assert!(said(&output).contains("going on from"), "{}", said(&output));
    assert!(json(&killed, "manifest.json")["resumed"].as_u64().unwrap() > 0);
    assert!(file(&killed, "verification.json") == expected);

    // A third is there, and the last line is torn.
    let third = lines.len() / 3;
    let third = third + lines[third..].iter().position(|byte| *byte == b'\n').unwrap() + 20;
    leave(&torn, &lines[..third]);
    let output = run(&torn, "2");
    let known = lines[..third].iter().filter(|byte| **byte == b'\n').count() - 1;
    assert_eq!(json(&torn, "manifest.json")["resumed"], known);
    assert!(said(&output).contains(&format!("going on from {known} results")), "{}", said(&output));
    assert!(file(&torn, "verification.json") == expected);
    assert!(file(&torn, "report.html") == file(&whole, "report.html"));
    // Each line is there once, whichever run wrote it.
    let sorted = |bytes: &[u8]| {
        let mut lines: Vec<Vec<u8>> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        lines.sort_unstable();
        lines
    };
    assert!(sorted(&file(&torn, "replications.jsonl")) == sorted(&lines));

    // With other arguments nothing is taken over.
    leave(&torn, &lines);
    let output = verify(&config, &torn, &[&size[..], &["2", "--seed", "4"]].concat());
    assert!(said(&output).contains("starting anew"), "{}", said(&output));
    assert_eq!(json(&torn, "manifest.json")["resumed"], 0);
    assert!(file(&torn, "verification.json") != expected);
}

#[test]
fn a_replication_that_failed_is_a_finding_and_stays_one_when_it_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &format!("Gibbs({GIBBS})"));
    let small = ["--replications", "20", "--rows", "5"];
    assert_eq!(verify(&config, folder.path(), &small).status.code(), Some(0));
    let lines = String::from_utf8(file(folder.path(), "replications.jsonl")).unwrap();
    let doctored = lines.lines().map(|line| match line.contains("\"replication\",\"index\":7,") {
        true => {
            "{\"fit\":\"gibbs\",\"piece\":\"replication\",\"index\":7,\"failure\":\"a made-up reason\"}\n".to_owned()
        }
        false => format!("{line}\n"),
    });
    leave(folder.path(), doctored.collect::<String>().as_bytes());
    let output = verify(&config, folder.path(), &small);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(
        said(&output).contains("1 of 20 failed") && said(&output).contains("a made-up reason"),
        "{}",
        said(&output)
    );
    let verification = json(folder.path(), "verification.json");
    let finding = &verification["fits"][0]["parts"][0]["findings"][0];
    assert_eq!((&finding["direction"], &finding["p_value"]), (&"failed".into(), &Value::Null));
    let failure = serde_json::json!([{"what": "replication", "index": 7, "words": "a made-up reason"}]);
    assert_eq!(verification["fits"][0]["calibration"]["failures"], failure);
    assert_eq!(verification["verdict"]["clean"], false);
}

/// Two groups, far apart, under concentrations that differ: which component has which group matters, and no chain ever changes
/// it, so chains do not sample the posterior.
#[test]
fn a_sampler_that_does_not_mix_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<String> = (0..12).map(|i| format!("{}.{i:02}", if i % 4 == 0 { 1000 } else { 0 })).collect();
    std::fs::write(folder.path().join("groups.csv"), format!("x\n{}\n", rows.join("\n"))).unwrap();
    let text = format!(
        "Experiment(name: \"small\", seed: 3, data: Csv(path: \"groups.csv\"), model: (components: 2, covariance: Known(Isotropic(1)),
            prior: (concentration: [1, 50], components: Conjugate(mean: [500.0], kappa: 0.000001))), fits: [Gibbs({GIBBS})])"
    );
    let config = write(folder.path(), &text);
    let output = verify(&config, folder.path(), &["--replications", "20", "--rows", "5"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let text = said(&output);
    assert!(
        text.contains("NOT CLEAN. ") && text.contains("gibbs: enumeration: the posterior of 8 rows: chains do not mix"),
        "{text}"
    );
    let verification = json(folder.path(), "verification.json");
    assert_eq!(verification["verdict"]["clean"], false);
    assert_eq!(verification["fits"][0]["enumeration"]["scans"], Value::Null);
    let page = String::from_utf8(file(folder.path(), "report.html")).unwrap();
    assert!(page.contains("<h2>Not clean</h2>") && page.contains("that do not mix"));
}

#[test]
fn a_fit_that_fails_is_not_clean() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<String> = (0..12).map(|i| format!("{}", i / 4 * 10 + [0, 0, 0, 1][i % 4])).collect();
    std::fs::write(folder.path().join("points.csv"), format!("x\n{}\n", rows.join("\n"))).unwrap();
    let text = "Experiment(name: \"small\", seed: 1, data: Csv(path: \"points.csv\"),
        model: (components: 5, covariance: Free(Full)), fits: [Em(restarts: 3)])";
    let output = verify(&write(folder.path(), text), folder.path(), &[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("failed: em: ") && said(&output).contains("collapsed"), "{}", said(&output));
    let verification = json(folder.path(), "verification.json");
    assert!(verification["fits"][0]["failures"][0].as_str().unwrap().contains("collapsed"));
}

/// Climbs that run out of iterations claim nothing.
#[test]
fn where_nothing_can_be_looked_at_the_verdict_is_not_clean() {
    let folder = tempfile::tempdir().unwrap();
    let output = verify(&config(folder.path(), "Em(restarts: 2, max_iterations: 1)"), folder.path(), &[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("NOT CLEAN. Nothing could be looked at."), "{}", said(&output));
}

#[test]
fn arguments_that_cannot_be_are_refused_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let fits = format!("Gibbs({GIBBS}), Em(restarts: 2), Gibbs(name: \"many\", {GIBBS}, model: (components: 4))");
    let config_of = |fits: &str| config(folder.path(), fits);
    let out = folder.path().join("out");
    for (arguments, expected) in [
        (&["--exact", "13"][..], "--exact 13: at most 12 rows"),
        (&["--exact", "3"], "--exact 3: the chains of the fit \"many\" start at 4 rows or more"),
        (&["--fit", "gibbs", "--exact", "1"], "--exact 1: the chains of the fit \"gibbs\" start at 2 rows or more"),
        (&["--false-alarm", "2"], "--false-alarm 2: the probability"),
        (&["--false-alarm", "0"], "--false-alarm 0: the probability"),
        (&["--false-alarm", "NaN"], "--false-alarm NaN: the probability"),
        (&["--fit", "gibs"], "there is no such fit; the fits are gibbs, em, many (did you mean \"gibbs\"?)"),
        (&["--replications", "0"], "--replications"),
        (&["--rows", "0"], "--rows"),
    ] {
        let output = verify(&config_of(&fits), &out, arguments);
        // Long lines are broken.
        let text = said(&output).replace("\n  │ ", " ").replace("\n", " ");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
    let flat = format!("Gibbs({GIBBS}, model: (prior: (components: Flat)))");
    for (fits, expected) in [("", "there is nothing to run"), (&flat, "fits[0].model.prior.components")] {
        let output = verify(&config_of(fits), &out, &[]);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(expected), "{}", said(&output));
    }
    assert!(!out.exists());
}

#[test]
fn a_disk_that_fills_up_is_an_error_and_what_was_computed_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &format!("Gibbs({GIBBS})"));
    let (out, roomy) = (folder.path().join("full"), folder.path().join("roomy"));
    std::fs::create_dir(&out).unwrap();
    let Some(_disk) = Tmpfs::mount(&out, "size=64k") else { return };
    let small = ["--replications", "20", "--rows", "5"];
    let output = verify(&config, &out, &small);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("the same command goes on from there"), "{}", said(&output));
    let kept = std::fs::read(checkpoint(&out)).unwrap();
    let known = kept.iter().filter(|byte| **byte == b'\n').count() - 1;
    assert!(known > 20, "{known}");
    leave(&roomy, &kept);
    assert_eq!(verify(&config, &roomy, &small).status.code(), Some(0));
    assert_eq!(json(&roomy, "manifest.json")["resumed"], known);
    let whole = folder.path().join("whole");
    assert_eq!(verify(&config, &whole, &small).status.code(), Some(0));
    assert!(file(&roomy, "verification.json") == file(&whole, "verification.json"));
}
