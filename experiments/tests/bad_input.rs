//! Whatever a user can write wrong: a clear error that names the place, status 2, and nothing written.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;

use assert_cmd::Command;

const FAITHFUL: &str = "a,b\n1.0,2.0\n2.0,1.5\n3.5,0.5\n4.0,4.5\n5.0,1.0\n0.5,3.0\n";
const MODEL: &str = "(components: 2, covariance: Free(Full))";

/// A config on `data.csv` with a model and fits.
fn config(data: &str, model: &str, fits: &str) -> String {
    format!("Experiment(\n  name: \"t\",\n  seed: 1,\n  data: {data},\n  model: {model},\n  fits: [{fits}],\n)\n")
}

fn on_csv(model: &str, fits: &str) -> String {
    config("Csv(path: \"data.csv\")", model, fits)
}

fn simulated(mixture: &str) -> String {
    config(&format!("Simulate(n: 100, mixture: {mixture})"), MODEL, "Em()")
}

fn gmm(folder: &Path, arguments: &[&str]) -> std::process::Output {
    Command::new(assert_cmd::cargo::cargo_bin!("gmm")).current_dir(folder).args(arguments).output().unwrap()
}

/// Runs and checks a config; both must fail with status 2, say all of `expected`, and write nothing.
fn refused(config: &str, csv: Option<&[u8]>, expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("c.ron"), config).unwrap();
    if let Some(csv) = csv {
        std::fs::write(folder.path().join("data.csv"), csv).unwrap();
    }
    for arguments in [&["run", "c.ron"][..], &["check", "c.ron"]] {
        let output = gmm(folder.path(), arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{config}\n{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        // Long messages are wrapped: compare words.
        let words = stderr.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
        for part in expected {
            assert!(words.contains(part), "{part:?} is not said of\n{config}\n{stderr}");
        }
        let mut left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.retain(|name| name != "c.ron" && name != "data.csv");
        assert!(left.is_empty(), "{left:?} was written");
    }
}

fn refused_data(csv: &str, expected: &[&str]) {
    refused(&on_csv(MODEL, "Em()"), Some(csv.as_bytes()), expected);
}

fn refused_model(model: &str, fits: &str, expected: &[&str]) {
    refused(&on_csv(model, fits), Some(FAITHFUL.as_bytes()), expected);
}

#[test]
fn data_files_that_cannot_be_used_are_refused_with_line_and_column() {
    refused(&on_csv(MODEL, "Em()"), None, &["data.csv", "there is no file", "c.ron:4"]);
    refused_data("", &["the file is empty"]);
    refused_data("a,b\n", &["no rows below the header"]);
    refused_data("1.0,2.0\n3.0,4.0\n", &["line 1 holds numbers", "header"]);
    refused_data("a,b\n1,2\n3\n4,5\n", &["line 3 has 1 columns where the header has 2"]);
    refused_data("a,b\n1,2\n3,x\n4,5\n", &["line 3, column `b`", "\"x\" is not a number"]);
    refused_data("a,b\n1,2\n3,4\n\n4,NaN\n", &["line 5, column `b`", "\"NaN\" is not a finite number"]);
    refused_data("a,b\n1,2\n-inf,4\n4,7\n", &["line 3, column `a`", "\"-inf\" is not a finite number"]);
    refused_data("a,b\n1,2\n,4\n4,7\n", &["line 3, column `a`", "the value is missing"]);
    refused_data("a,b\n1,2\n1e150,4\n4,7\n", &["line 3, column `a`", "1e150", "rescale"]);
    refused_data("a,b\nx,y\nz,w\n", &["no numeric column"]);
    refused(&on_csv(MODEL, "Em()"), Some(b"a,b\n1,2\n\xff,4\n"), &["line 3 is not UTF-8"]);
}

#[test]
fn columns_that_are_not_there_are_refused_with_the_nearest_name() {
    let csv = Some("eruptions,waiting,kind\n1,2,x\n2,3,y\n4,7,x\n".as_bytes());
    let with = |arguments: &str| config(&format!("Csv(path: \"data.csv\", {arguments})"), MODEL, "Em()");
    refused(&with("columns: [\"eruptions\", \"wating\"]"), csv, &["data.columns[1]", "did you mean \"waiting\"?"]);
    refused(&with("columns: [\"waiting\", \"waiting\"]"), csv, &["listed twice"]);
    refused(&with("columns: [\"kind\"]"), csv, &["line 2, column `kind`", "\"x\" is not a number"]);
    refused(&with("columns: []"), csv, &["data.columns", "no numeric column"]);
    refused(&with("labels: \"knd\""), csv, &["data.labels", "did you mean \"kind\"?"]);
}

#[test]
fn too_little_data_are_refused() {
    refused_data("a,b\n1,2\n", &["2 components need at least as many rows", "only 1"]);
    refused(&on_csv("(components: 1, covariance: Free(Full))", "Em()"), Some(b"a\n1\n"), &["\"a\" is constant"]);
    let map = on_csv("(components: 1, covariance: Free(Full))", "Em(objective: Posterior)");
    refused(&map, Some(b"a\n1\n"), &["at least 2 rows"]);
    refused_data("a,b\n1,3\n2,3\n5,3\n7,3\n", &["data.columns[1]", "\"b\" is constant"]);
    let map = on_csv(MODEL, "Em(objective: Posterior)");
    refused(&map, Some(b"a,b\n1,3\n2,3\n5,3\n7,3\n"), &["column 1 is constant", "default prior"]);
    refused_data("a,b\n1,3\n1,3\n2,5\n2,5\n", &["only 2 distinct rows for 2 components"]);
    refused_model("(components: 7, covariance: Free(Full))", "Gibbs()", &["model.components", "only 6"]);
    let twelve = "(components: 12, covariance: Tied(Full))";
    refused_model("(components: 1, covariance: Free(Full))", &format!("Em(model: {twelve})"), &["fits[0].model"]);
}

#[test]
fn mixtures_that_are_none_are_refused_at_the_number() {
    let one = "means: [[0.0]], covariances: [Isotropic(1.0)]";
    refused(&simulated(&format!("(weights: [-1.0], {one})")), None, &["data.mixture.weights[0]", "-1"]);
    refused(&simulated(&format!("(weights: [0.0], {one})")), None, &["data.mixture.weights[0]", "not all zero"]);
    refused(&simulated(&format!("(weights: [0.5, 0.5], {one})")), None, &["data.mixture.means", "1 means where"]);
    let with =
        |covariance: &str| simulated(&format!("(weights: [1], means: [[0.0, 0.0]], covariances: [{covariance}])"));
    refused(&with("Full([[1.0, 0.5], [0.4, 1.0]])"), None, &["covariances[0][0][1]", "not symmetric"]);
    refused(&with("Full([[1.0, 2.0], [2.0, 1.0]])"), None, &["covariances[0]", "not positive definite", "pivot 1"]);
    refused(&with("Full([[1.0, 2.0], [2.0]])"), None, &["covariances[0][1]", "1 entries where 2"]);
    refused(&with("Diagonal([1.0, 0.0])"), None, &["not positive definite"]);
    refused(&with("Diagonal([1.0])"), None, &["dimension 1, not 2"]);
    refused(&with("Isotropic(-1.0)"), None, &["not positive definite"]);
    refused(&with("Isotropic(NaN)"), None, &["not a finite number"]);
    let data = "Simulate(mixture: (weights: [1], means: [[0.0]], covariances: [Isotropic(1)]))";
    refused(&config(data, MODEL, "Em()"), None, &["data.n", "the number of rows is missing"]);
    let data = "Simulate(n: 5, sizes: [4], mixture: (weights: [1], means: [[0.0]], covariances: [Isotropic(1)]))";
    refused(&config(data, MODEL, "Em()"), None, &["data.n", "add up to 4"]);
    let data = "Simulate(sizes: [4, 5], mixture: (weights: [1], means: [[0.0]], covariances: [Isotropic(1)]))";
    refused(&config(data, MODEL, "Em()"), None, &["data.sizes", "2 sizes where the mixture has 1"]);
    let data = "Simulate(n: 0, mixture: (weights: [1], means: [[0.0]], covariances: [Isotropic(1)]))";
    refused(&config(data, MODEL, "Em()"), None, &["data.n", "0 rows"]);
    let data = "Csv(path: \"data.csv\", truth: (weights: [1], means: [[0.0]], covariances: [Isotropic(1)]))";
    refused(&config(data, MODEL, "Em()"), Some(FAITHFUL.as_bytes()), &["data.truth.means", "1 dimensions"]);
    refused(&config("SimulateFromPrior(n: 9)", MODEL, "Em()"), None, &["model.prior", "complete prior"]);
}

#[test]
fn priors_out_of_range_are_refused_at_the_number() {
    let with = |prior: &str| format!("(components: 2, covariance: Free(Full), prior: {prior})");
    let conjugate = |fields: &str| with(&format!("(components: Conjugate({fields}))"));
    let place = |field: &str| format!("model.prior.{field}");
    let cases = [
        (conjugate("dof: 1.0"), "components.dof", "exceed 1"),
        (conjugate("kappa: 0"), "components.kappa", "positive"),
        (conjugate("kappa: -0.5"), "components.kappa", "-0.5"),
        (conjugate("mean: [0.0]"), "components.mean", "1 coordinates where the data have 2"),
        (conjugate("mean: [0.0, NaN]"), "components.mean[1]", "not a finite number"),
        (conjugate("scale: Full([[1.0, 0.0], [0.0, -1.0]])"), "components.scale", "pivot 1"),
        (conjugate("scale: Diagonal([1.0, 1.0, 1.0])"), "components.scale", "dimension 3, not 2"),
        (with("(concentration: 0.0)"), "concentration", "positive"),
        (with("(concentration: [1.0, -2.0])"), "concentration[1]", "-2"),
        (with("(concentration: [1.0, 1.0, 1.0])"), "concentration", "3 concentrations where there are 2"),
    ];
    for (model, field, what) in cases {
        refused_model(&model, "Gibbs()", &[&place(field), what]);
    }
    refused_model(&with("(components: Flat)"), "Gibbs()", &["model.prior.components", "flat", "give a prior"]);
    refused_model(&with("(concentration: 0.5)"), "Em(objective: Posterior)", &["below 1"]);
    let known = "(components: 2, covariance: Known(Isotropic(1.0)), prior: (components: Conjugate(dof: 4.0)))";
    refused_model(known, "Gibbs()", &["the covariance is known, so dof has no effect"]);
    refused_model("(components: 2, covariance: Known(Diagonal([1.0])))", "Em()", &["model.covariance", "dimension 1"]);
}

#[test]
fn settings_out_of_range_are_refused_at_the_number() {
    refused_model("(components: 0, covariance: Free(Full))", "Em()", &["model.components", "at least 1"]);
    refused_model("(components: 99999, covariance: Free(Full))", "Em()", &["model.components", "99999"]);
    refused_model(MODEL, "Gibbs(chains: 0)", &["fits[0].chains", "at least 1"]);
    refused_model(MODEL, "Gibbs(draws: 0)", &["fits[0].draws", "at least 1"]);
    refused_model(MODEL, "Em(restarts: 0)", &["fits[0].restarts", "at least 1"]);
    refused_model(MODEL, "Em(max_iterations: 0)", &["fits[0].max_iterations", "at least 1"]);
    refused_model(MODEL, "Em(tolerance: -1.0)", &["fits[0].tolerance", "not negative"]);
    refused_model(MODEL, "Em(collapse: (min_rows: -1))", &["fits[0].collapse.min_rows", "not negative"]);
    refused_model(MODEL, "Gradient(restarts: 0)", &["fits[0].restarts", "at least 1"]);
    refused_model(MODEL, "Gradient(log_every: 0)", &["fits[0].log_every", "at least 1"]);
    refused_model(MODEL, "Gradient(batch: 2)", &["fits[0].batch", "L-BFGS"]);
    refused_model(MODEL, "Gradient(optimizer: Adam(), batch: 1000000)", &["fits[0].batch", "number of rows"]);
    refused_model(MODEL, "Gradient(optimizer: Adam(step: -1))", &["fits[0].optimizer", "weights_step", "negative"]);
    refused_model(MODEL, "Gradient(optimizer: Adam(beta1: 1))", &["fits[0].optimizer.beta1", "below 1"]);
    let decay = "Gradient(optimizer: Adam(decay: Exponential(half_life: 0)))";
    refused_model(MODEL, decay, &["fits[0].optimizer.decay.half_life", "positive"]);
    refused_model(MODEL, "Gradient(optimizer: Lbfgs(memory: 0))", &["fits[0].optimizer.memory", "at least 1"]);
    refused_model(MODEL, "Em(name: \"a\"), Gibbs(name: \"a\")", &["fits[1].name", "already"]);
    refused_model(MODEL, "Em(name: \"a/b\")", &["fits[0].name"]);
    refused_model(MODEL, "", &["fits", "nothing to run"]);
    refused_model(MODEL, "Gibbs(tempering: (rungs: 1))", &["fits[0].tempering.rungs", "at least 2"]);
    refused_model(MODEL, "Gibbs(tempering: (rungs: 30000))", &["fits[0].tempering.rungs", "4 chains of 30000 rungs"]);
    refused_model(MODEL, "Gibbs(evidence: [Bridge(components: 0)])", &["fits[0].evidence[0].components", "at least 1"]);
    let points = "Gibbs(evidence: [Bridge(), Chib(points: 0)])";
    refused_model(MODEL, points, &["fits[0].evidence[1].points", "at least 1"]);
    let exchanging = "Gibbs(evidence: [Chib(most_exchanging: 17)])";
    refused_model(MODEL, exchanging, &["fits[0].evidence[0].most_exchanging", "limit of 16"]);
    refused_model(MODEL, "Gibbs(evidence: [Chib(), Chib()])", &["fits[0].evidence[1]", "already"]);
    refused_model(MODEL, "Gibbs(draws: 19, evidence: [Chib()])", &["fits[0].evidence[0]", "at least 20"]);
    for (field, expected) in [
        ("holdout: 0", ["holdout", "0 is no share"]),
        ("holdout: 1.0", ["holdout", "1 is no share"]),
        ("holdout: NaN", ["holdout", "NaN is no share"]),
        ("holdout: 0.6", ["holdout", "2 rows are left to fit, no more than the 2 components of fits[0]"]),
        ("prior_of_k: Poisson(rate: 0)", ["prior_of_k.rate", "positive"]),
        ("prior_of_k: BetaNegativeBinomial(shape: 1, a: -2, b: inf)", ["prior_of_k.a", "-2"]),
    ] {
        let with = on_csv(MODEL, "Em()").replace("  model:", &format!("  {field},\n  model:"));
        assert!(with.contains(field));
        refused(&with, Some(FAITHFUL.as_bytes()), &expected);
    }
    let escape = on_csv(MODEL, "Em()").replace("name: \"t\"", "name: \"../t\"");
    refused(&escape, Some(FAITHFUL.as_bytes()), &["name"]);
}

#[test]
fn balls_that_hold_no_mixture_are_refused_at_the_number() {
    for (data, expected) in [
        ("n: 0, dims: 2, radius: 1", ["data.n", "0 rows"]),
        ("n: 10, dims: 0, radius: 1", ["data.dims", "at least 1"]),
        ("n: 10, dims: 2, radius: -1", ["data.radius", "at least 0"]),
        ("n: 10, dims: 2, radius: inf", ["data.radius", "at most"]),
        ("n: 10, dims: 99999999, radius: 1", ["data.dims", "covariances"]),
        ("n: 10, components: 0, dims: 2, radius: 1", ["data.components", "at least 1"]),
    ] {
        refused(&config(&format!("SimulateInBall({data})"), MODEL, "Em()"), None, &expected);
    }
}

#[test]
fn configs_that_cannot_be_read_are_refused_with_a_caret_and_a_suggestion() {
    refused_model(MODEL, "Em(restart: 3)", &["c.ron:6", "unknown field `restart`", "did you mean `restarts`?"]);
    refused_model("(components: \"two\", covariance: Free(Full))", "Em()", &["model.components", "c.ron:5"]);
    refused_model("(components: 2, covariance: Fre(Full))", "Em()", &["did you mean `Free`?"]);
    let unfinished = on_csv(MODEL, "Em(), Gibbs(chains: 4").replace("],\n)", "");
    refused(&unfinished, Some(FAITHFUL.as_bytes()), &["c.ron"]);
    refused("", None, &["the file holds no experiment"]);
    let folder = tempfile::tempdir().unwrap();
    let output = gmm(folder.path(), &["run", "nothing.ron"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no config file"));
}

#[test]
fn two_experiments_of_one_name_are_refused_before_either_runs() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data.csv"), FAITHFUL).unwrap();
    for name in ["a.ron", "b.ron"] {
        std::fs::write(folder.path().join(name), on_csv(MODEL, "Em(objective: Posterior)")).unwrap();
    }
    let output = gmm(folder.path(), &["run", "a.ron", "b.ron"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("same name"));
    assert!(!folder.path().join("results").exists());
}
