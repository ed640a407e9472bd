//! Labels, partitions, predictive checks and point estimates beside the posterior: what a run says of them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::{Value, json};

fn gmm(folder: &Path, arguments: &[&str]) -> std::process::Output {
    Command::new(assert_cmd::cargo::cargo_bin!("gmm")).current_dir(folder).args(arguments).output().unwrap()
}

/// Runs a config that must succeed: its summary without times, its folder of results, and what was printed.
fn run(folder: &Path, config: &str, threads: &str) -> (Value, PathBuf, String) {
    std::fs::write(folder.join("c.ron"), config).unwrap();
    let output = gmm(folder, &["run", "c.ron", "--threads", threads]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let results = folder.join("results/p");
    let mut summary: Value = serde_json::from_slice(&std::fs::read(results.join("summary.json")).unwrap()).unwrap();
    for fit in summary["fits"].as_array_mut().unwrap() {
        fit.as_object_mut().unwrap().remove("seconds").unwrap();
    }
    (summary, results, String::from_utf8(output.stdout).unwrap())
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

/// Two columns of n rows in three groups that overlap a little, with their groups.
fn csv(folder: &Path, n: usize) {
    let spread = |i: usize, a: usize| ((i * a) % 101) as f64 / 40.0;
    let row = |i: usize| format!("{},{},g{}\n", spread(i, 37) + 2.4 * (i % 3) as f64, spread(i, 11), i % 3);
    let rows: String = (0..n).map(row).collect();
    std::fs::write(folder.join("rows.csv"), format!("x,y,group\n{rows}")).unwrap();
}

fn config(fits: &str) -> String {
    format!(
        "Experiment(name: \"p\", seed: 3, data: Csv(path: \"rows.csv\", columns: [\"x\", \"y\"], labels: \"group\"),
            model: (components: 3, covariance: Free(Diagonal)), fits: [{fits}])"
    )
}

/// The float32 matrix of an `.npy` file.
fn npy(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    bytes[start..].chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

const GIBBS: &str = "Gibbs(chains: 2, warmup: 50, draws: 100, evidence: [])";

#[test]
fn what_needs_no_labels_is_the_same_under_any_relabelling() {
    let folder = tempfile::tempdir().unwrap();
    csv(folder.path(), 60);
    let (ecr, results, _) = run(folder.path(), &config(GIBBS), "2");
    let matrix = npy(&results.join("co-clustering-gibbs.npy"));
    let stephens = GIBBS.replace("evidence", "labels: Stephens, evidence");
    let (stephens, results, printed) = run(folder.path(), &config(&stephens), "2");
    let zarr = std::fs::read_to_string(results.join("draws-gibbs.zarr/zarr.json")).unwrap();
    assert!(zarr.contains("relabelled by Stephens' algorithm"), "{zarr}");
    assert_eq!(npy(&results.join("co-clustering-gibbs.npy")), matrix);
    let [ecr, stephens] = [&ecr["fits"][0], &stephens["fits"][0]];
    assert_eq!(ecr["posterior"]["partition"], stephens["posterior"]["partition"]);
    assert!(!ecr["checks"].as_array().unwrap().is_empty());
    assert_eq!(ecr["checks"], stephens["checks"]);
    // But for rounding: densities are summed over components as they are listed.
    for (field, value) in [("waic", "elpd"), ("loo", "elpd"), ("waic", "p")] {
        let [ecr, stephens] = [ecr, stephens].map(|fit| number(&fit[field][value]));
        assert!((ecr - stephens).abs() < 1e-9, "{field}: {ecr}, {stephens}");
    }
    let of = |fit: &Value, i: usize| fit["posterior"]["quantities"][i].clone();
    // Both log densities, n_occupied, sum_squared_weights.
    (0..4).for_each(|i| assert_eq!(of(ecr, i), of(stephens, i)));
    // Some draws have another permutation, so that what needs labels differs.
    let relabelling = &stephens["posterior"]["relabelling"];
    assert_eq!((&relabelling["method"], &relabelling["converged"]), (&json!("stephens"), &json!(true)));
    let (before, after) = (number(&relabelling["objective_at_start"]), number(&relabelling["objective"]));
    assert!(after < before && relabelling["n_changed"].as_u64().unwrap() > 0, "{relabelling}");
    assert!((0..).take_while(|i| !of(ecr, *i).is_null()).any(|i| of(ecr, i) != of(stephens, i)));
    assert_eq!(ecr["posterior"]["relabelling"]["method"], "ecr");
    assert!(ecr["posterior"]["relabelling"]["objective"].is_null());
    assert!(printed.contains("label 2 kept") && printed.contains("Partition ("), "{printed}");
}

#[test]
fn with_every_default_filled_in_the_results_are_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    csv(folder.path(), 45);
    let fits = "Em(restarts: 3), Em(objective: Posterior, restarts: 3), Gibbs(chains: 2, warmup: 50, draws: 60)";
    let (first, results, printed) = run(folder.path(), &config(fits), "1");
    let used = std::fs::read_to_string(results.join("experiment.ron")).unwrap();
    let matrix = std::fs::read(results.join("co-clustering-gibbs.npy")).unwrap();
    for words in ["labels: Ecr", "partition: VariationOfInformation", "Correlation(\"x\", \"y\")", "Skewness(\"y\")"] {
        assert!(used.contains(words), "{words} is not in\n{used}");
    }
    let (again, results, _) = run(folder.path(), &used, "2");
    assert_eq!(first, again);
    assert_eq!(std::fs::read(results.join("co-clustering-gibbs.npy")).unwrap(), matrix);
    // Usual checks of two columns; a partition that is compared with the known classes; both point estimates.
    assert_eq!(first["fits"][2]["checks"].as_array().unwrap().len(), 17);
    let labelled = first["comparison"].as_array().unwrap().iter().find(|row| row["fit"] == "gibbs").unwrap();
    assert_eq!(labelled["against"], "labels");
    assert!(number(&labelled["partition_adjusted_rand_index"]) <= 1.0);
    let [reconciled] = first["reconciliation"].as_array().unwrap().as_slice() else { panic!("{first}") };
    assert_eq!(
        (&reconciled["fit"], &reconciled["ml"], &reconciled["map"]),
        (&json!("gibbs"), &json!("em"), &json!("map"))
    );
    assert_eq!(reconciled["parameters"].as_array().unwrap().len(), 15);
    let sentence = reconciled["summary"].as_str().unwrap();
    assert!(sentence.starts_with("ML (em) and MAP (map) agree with the posterior in "), "{sentence}");
    // Folded for the terminal.
    let folded = printed.replace('\n', " ");
    assert!(folded.contains(&format!("Point estimates beside the posterior gibbs: {sentence}")), "{printed}");
    let page = std::fs::read_to_string(results.join("report.html")).unwrap();
    assert!(page.contains("two rows come from the same component") && page.contains("why they differ"));
    assert!(page.contains("label kept") && !page.contains("No such point estimate"));
}

#[test]
fn components_that_exchange_their_labels_and_data_that_are_not_reproduced_have_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let spread = |i: usize, a: usize| ((i * a) % 101) as f64 / 40.0;
    let row = |i: usize| format!("{},{},g\n", spread(i, 37), if i == 7 { 40.0 } else { spread(i, 11) });
    std::fs::write(folder.path().join("rows.csv"), format!("x,y,group\n{}", (0..80).map(row).collect::<String>()))
        .unwrap();
    let settings = "chains: 2, warmup: 50, draws: 500, evidence: [], accuracy: false";
    let fits = format!(
        "Gibbs(name: \"four\", model: (components: 4, covariance: Free(Full)), {settings}),
        Gibbs(name: \"one\", model: (components: 1), {settings})"
    );
    let (summary, _, printed) = run(folder.path(), &config(&fits), "2");
    let warnings = |fit: usize| summary["fits"][fit]["warnings"].as_array().unwrap().clone();
    let starting = |fit: usize, words: &str| {
        let found = warnings(fit).into_iter().find(|warning| warning.as_str().unwrap().starts_with(words));
        found.unwrap_or_else(|| panic!("{:?}", warnings(fit))).as_str().unwrap().to_owned()
    };
    let identifiability = &summary["fits"][0]["posterior"]["identifiability"];
    assert_eq!(identifiability["low"], true);
    let overall = number(&identifiability["overall"]);
    let labels = starting(0, &format!("components do not keep their labels (identifiability {overall:.2})"));
    assert!(labels.ends_with("rely on what needs no labels, such as the partition"), "{labels}");
    let checks = starting(1, "the model does not reproduce ");
    assert!(checks.contains("maximum[1]") && !checks.contains("maximum[0]"), "{checks}");
    assert!(!warnings(1).iter().any(|warning| warning.as_str().unwrap().contains("labels")));
    // On the terminal the extreme checks alone, with the names of the columns.
    assert!(printed.contains("maximum of y") && !printed.contains("maximum of x"), "{printed}");
    assert!(printed.contains("warning: one: the model does not reproduce"), "{printed}");
}

#[test]
fn of_many_rows_pairs_are_listed_and_nothing_is_computed_that_is_switched_off() {
    let folder = tempfile::tempdir().unwrap();
    csv(folder.path(), 2100);
    let few = "chains: 1, warmup: 10, draws: 20, evidence: [], accuracy: false";
    let fits = format!(
        "Gibbs(name: \"on\", {few}, partition: Binder, checks: [Maximum(1)]), Gibbs(name: \"off\", {few}, partition: Off, checks: [])"
    );
    let (summary, results, _) = run(folder.path(), &config(&fits), "2");
    let text = std::fs::read_to_string(results.join("co-clustering-on.csv")).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("row,other_row,together"));
    let pairs: Vec<Vec<f64>> = lines.map(|line| line.split(',').map(|x| x.parse().unwrap()).collect()).collect();
    assert_eq!(pairs.len(), 1000);
    assert!(pairs.iter().all(|pair| pair[0] != pair[1] && pair[0].max(pair[1]) < 2100.0 && pair[2] <= 1.0));
    let [on, off] = [0, 1].map(|i| &summary["fits"][i]);
    let partition = &on["posterior"]["partition"];
    assert_eq!((&partition["loss"], &partition["runs"]), (&json!("binder"), &json!(16)));
    let clusters = partition["clusters"].as_array().unwrap();
    let last = clusters.iter().map(|cluster| cluster.as_u64().unwrap()).max().unwrap();
    assert_eq!(
        (clusters.len(), clusters[0].as_u64(), partition["n_clusters"].as_u64()),
        (2100, Some(0), Some(last + 1))
    );
    assert_eq!(on["checks"][0]["statistic"], "maximum[1]");
    assert!(off["posterior"]["partition"].is_null() && off["checks"] == json!([]));
    assert!(!results.join("co-clustering-off.csv").exists() && !results.join("co-clustering-on.npy").exists());
    assert_eq!(summary["reconciliation"], json!([]));
    let page = std::fs::read_to_string(results.join("report.html")).unwrap();
    assert!(
        page.contains("No such point estimate beside on, off")
            && !page.contains("two rows come from the same component")
    );
}

#[test]
fn settings_that_mean_nothing_are_refused_at_their_places() {
    let folder = tempfile::tempdir().unwrap();
    csv(folder.path(), 30);
    let refused = |fits: &str, says: &[&str]| {
        std::fs::write(folder.path().join("c.ron"), config(fits)).unwrap();
        let output = gmm(folder.path(), &["check", "c.ron"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        says.iter().for_each(|words| assert!(text.contains(words), "{words} is not in\n{text}"));
    };
    refused(
        "Gibbs(checks: [Mean(\"xx\")])",
        &["fits[0].checks[0]", "no column \"xx\" is fitted", "the columns are x, y"],
    );
    refused(
        "Em(), Gibbs(checks: [MeanLnDensity, Sd(2)])",
        &["fits[1].checks[1]", "there is no column 2: 2 are fitted"],
    );
    refused("Gibbs(checks: [Correlation(\"y\", 1)])", &["fits[0].checks[0]", "with itself"]);
    refused("Gibbs(checks: [Quantile(0, 1.5)])", &["fits[0].checks[0]", "1.5 is no probability"]);
    csv(folder.path(), 10_001);
    refused("Gibbs(partition: Binder)", &["fits[0].partition", "10001 rows are too many"]);
}
