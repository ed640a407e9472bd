//! Every figure of a run, computed a second time from the files that it left.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::f64::consts::PI;
use std::path::Path;
use std::sync::OnceLock;

use assert_cmd::Command;
use gmm_core::{Covariance, Data, Mixture, Model, Prior, Shape, Structure, adjusted_rand_index};
use serde_json::{Value, json};

const N: usize = 400;
const K: usize = 3;
const D: usize = 2;
const CHAINS: usize = 3;
const DRAWS: usize = 200;

/// Weights, means, covariances; neither sorted by the first coordinate nor by weight.
struct Parts {
    weights: [f64; K],
    means: [[f64; D]; K],
    covariances: [[[f64; D]; D]; K],
}

const TRUTH: Parts = Parts {
    weights: [0.3, 0.5, 0.2],
    means: [[3.0, 0.0], [-3.0, 1.0], [0.0, -3.0]],
    covariances: [[[1.0, 0.3], [0.3, 0.5]], [[0.6, 0.0], [0.0, 0.6]], [[0.4, -0.2], [-0.2, 0.9]]],
};

/// Concentrations that differ give each order of the components a mode of its own, see [`seed`].
const ASYMMETRIC: &str = r#"Experiment(
    name: "golden", seed: 1,
    data: Simulate(n: 400, seed: 11, mixture: (weights: [0.3, 0.5, 0.2], means: [[3, 0], [-3, 1], [0, -3]],
        covariances: [Full([[1, 0.3], [0.3, 0.5]]), Isotropic(0.6), Full([[0.4, -0.2], [-0.2, 0.9]])])),
    model: (components: 3, covariance: Free(Full), prior: (concentration: [4.0, 2.0, 1.0])),
    fits: [FITS],
)"#;

const FITS: &str = "Em(restarts: 4), Em(objective: Posterior, restarts: 4, model: (prior: (concentration: 2.0))),
    Gibbs(chains: 3, warmup: 300, draws: 200)";

/// The same draws, and nothing computed of them that takes its time.
const DRAWS_ALONE: &str = "Gibbs(chains: 3, warmup: 300, draws: 200, evidence: [], accuracy: false)";

/// What the comparisons are computed from.
struct Golden {
    summary: Value,
    data: Data,
    labels: Vec<usize>,
    /// Chain, draw.
    draws: Vec<Vec<Parts>>,
    lp: Vec<Vec<f64>>,
    ln_likelihood: Vec<Vec<f64>>,
}

fn run(folder: &Path, fits: &str, more: &[&str]) -> std::path::PathBuf {
    let config = folder.join("golden.ron");
    std::fs::write(&config, ASYMMETRIC.replace("FITS", fits)).unwrap();
    let out = folder.join("out");
    let output = Command::new(assert_cmd::cargo::cargo_bin!("gmm"))
        .args(["run", config.to_str().unwrap(), "--quiet", "--out", out.to_str().unwrap()])
        .args(more)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    out.join("golden")
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The numbers of one chain of an array of draws, the draws one after the other.
fn chain(folder: &Path, array: &str, chain: usize, dims: usize) -> Vec<f64> {
    let bytes = std::fs::read(folder.join(array).join(format!("c.{chain}{}", ".0".repeat(dims + 1)))).unwrap();
    bytes.chunks_exact(8).map(|eight| f64::from_le_bytes(eight.try_into().unwrap())).collect()
}

/// The first seed under which all chains are in the same order of components, or under which they are not. The truth has
/// no part in the choice.
fn seed(together: bool) -> String {
    let agree = |seed: &String| {
        let folder = tempfile::tempdir().unwrap();
        let results = run(folder.path(), DRAWS_ALONE, &["--seed", seed]);
        let means: Vec<Vec<f64>> =
            (0..CHAINS).map(|c| chain(&results.join("draws-gibbs.zarr"), "posterior/means", c, 2)).collect();
        let last = DRAWS * K * D - K * D;
        means.iter().all(|other| (0..K * D).all(|i| (other[last + i] - means[0][last + i]).abs() < 1.5))
    };
    (8..60_u32).map(|seed| seed.to_string()).find(|seed| agree(seed) == together).unwrap()
}

fn golden() -> &'static Golden {
    static GOLDEN: OnceLock<Golden> = OnceLock::new();
    GOLDEN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let results = run(folder.path(), FITS, &["--seed", &seed(true)]);
        let csv = std::fs::read_to_string(results.join("data.csv")).unwrap();
        let mut lines = csv.lines();
        assert_eq!(lines.next(), Some("x1,x2,component"));
        let (mut rows, mut labels) = (Vec::new(), Vec::new());
        for line in lines {
            let fields: Vec<&str> = line.split(',').collect();
            rows.push([fields[0].parse::<f64>().unwrap(), fields[1].parse().unwrap()]);
            labels.push(fields[2].parse().unwrap());
        }
        assert_eq!(rows.len(), N);
        let zarr = results.join("draws-gibbs.zarr");
        let numbers =
            |array: &str, dims| -> Vec<Vec<f64>> { (0..CHAINS).map(|c| chain(&zarr, array, c, dims)).collect() };
        let (weights, means) = (numbers("posterior/weights", 1), numbers("posterior/means", 2));
        let covariances = numbers("posterior/covariances", 3);
        let draw = |c: usize, t: usize| Parts {
            weights: std::array::from_fn(|k| weights[c][t * K + k]),
            means: std::array::from_fn(|k| std::array::from_fn(|j| means[c][(t * K + k) * D + j])),
            covariances: std::array::from_fn(|k| {
                std::array::from_fn(|i| std::array::from_fn(|j| covariances[c][((t * K + k) * D + i) * D + j]))
            }),
        };
        assert!(weights.iter().all(|chain| chain.len() == DRAWS * K));
        Golden {
            summary: json_of(&results.join("summary.json")),
            data: Data::from_rows(&rows).unwrap(),
            labels,
            draws: (0..CHAINS).map(|c| (0..DRAWS).map(|t| draw(c, t)).collect()).collect(),
            lp: numbers("sample_stats/lp", 0),
            ln_likelihood: numbers("sample_stats/ln_likelihood", 0),
        }
    })
}

impl Golden {
    fn fits(&self) -> &[Value] {
        let fits = self.summary["fits"].as_array().unwrap();
        assert_eq!(fits.len(), 3);
        fits
    }

    fn gibbs(&self) -> &Value {
        let gibbs = &self.fits()[2];
        assert_eq!(gibbs["name"], "gibbs");
        gibbs
    }

    fn all_draws(&self) -> impl Iterator<Item = &Parts> {
        self.draws.iter().flatten()
    }

    /// Of each quantity of a component: its name, the true value, its draws.
    fn quantities(&self) -> Vec<(String, f64, Vec<f64>)> {
        let mut all = Vec::new();
        let mut list = |name: String, of: &dyn Fn(&Parts) -> f64| {
            all.push((name, of(&TRUTH), self.all_draws().map(of).collect()));
        };
        for k in 0..K {
            list(format!("weights[{k}]"), &|x| x.weights[k]);
            for j in 0..D {
                list(format!("means[{k},{j}]"), &|x| x.means[k][j]);
                for i in 0..=j {
                    list(format!("covariances[{k},{i},{j}]"), &|x| x.covariances[k][i][j]);
                }
            }
        }
        all
    }

    /// Column standard deviations with divisor n.
    fn sds(&self) -> [f64; D] {
        std::array::from_fn(|j| {
            let mean = self.data.rows().map(|x| x[j]).sum::<f64>() / N as f64;
            (self.data.rows().map(|x| (x[j] - mean).powi(2)).sum::<f64>() / N as f64).sqrt()
        })
    }

    /// The joint density of each row and each component.
    fn joint(&self, parts: &Parts) -> Vec<[f64; K]> {
        let of = |x: &[f64], k: usize| {
            let ([a, b], [_, c]) = (parts.covariances[k][0], parts.covariances[k][1]);
            let (u, v) = (x[0] - parts.means[k][0], x[1] - parts.means[k][1]);
            let det = a * c - b * b;
            let quadratic = (c * u * u - 2.0 * b * u * v + a * v * v) / det;
            parts.weights[k] * (-0.5 * quadratic).exp() / (2.0 * PI * det.sqrt())
        };
        self.data.rows().map(|x| std::array::from_fn(|k| of(x, k))).collect()
    }

    fn ln_likelihood_of(&self, parts: &Parts) -> f64 {
        self.joint(parts).iter().map(|joint| joint.iter().sum::<f64>().ln()).sum()
    }

    fn classes(&self, parts: &Parts) -> Vec<usize> {
        let most = |joint: &[f64; K]| (0..K).max_by(|&a, &b| joint[a].total_cmp(&joint[b])).unwrap();
        self.joint(parts).iter().map(most).collect()
    }

    /// The log prior of the default prior of these data with given concentrations.
    fn ln_prior(&self, parts: &Parts, concentration: &[f64]) -> f64 {
        let default = Model::with_default_prior(K, Structure::Free(Shape::Full), &self.data).unwrap();
        let weights = Model::dirichlet(concentration.to_vec()).unwrap();
        let prior = Prior { weights, components: default.prior().components.clone() };
        let model = Model::new(D, Structure::Free(Shape::Full), prior).unwrap();
        let covariances = parts.covariances.iter().map(|rows| Covariance::full(rows).unwrap()).collect();
        let means = parts.means.iter().map(|mean| mean.to_vec()).collect();
        model.ln_prior(&Mixture::new(parts.weights.to_vec(), means, covariances).unwrap())
    }

    fn against(&self, fit: &str, other: &str) -> &Value {
        let rows = self.summary["comparison"].as_array().unwrap();
        rows.iter().find(|row| row["fit"] == fit && row["against"] == other).unwrap()
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}

fn list(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn parts_of(mixture: &Value) -> Parts {
    Parts {
        weights: std::array::from_fn(|k| number(&mixture["weights"][k])),
        means: std::array::from_fn(|k| std::array::from_fn(|j| number(&mixture["means"][k][j]))),
        covariances: std::array::from_fn(|k| {
            std::array::from_fn(|i| std::array::from_fn(|j| number(&mixture["covariances"][k][i][j])))
        }),
    }
}

#[track_caller]
fn close(what: &str, found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found} where {expected} was expected");
}

/// The quantile that interpolates the order statistics at (n - 1) p.
fn quantile(values: &[f64], p: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() - 1) as f64 * p;
    let below = at.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (at - below as f64) * (sorted[above] - sorted[below])
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn components_of_every_fit_are_listed_in_the_order_of_the_truth() {
    let golden = golden();
    let truth = parts_of(&golden.summary["truth"]);
    assert_eq!((truth.weights, truth.means, truth.covariances), (TRUTH.weights, TRUTH.means, TRUTH.covariances));
    for fit in golden.fits() {
        let mixture = parts_of(&fit["mixture"]);
        for k in 0..K {
            for j in 0..D {
                close(&format!("{} {k} {j}", fit["name"]), mixture.means[k][j], TRUTH.means[k][j], 0.5);
            }
            close("weight", mixture.weights[k], TRUTH.weights[k], 0.08);
        }
    }
    // So is every single draw.
    for draw in golden.all_draws() {
        for k in 0..K {
            close("draw", draw.means[k][0], TRUTH.means[k][0], 1.0);
        }
    }
}

#[test]
fn concentrations_are_listed_with_their_components_and_the_log_posterior_is_that_of_the_list() {
    let golden = golden();
    let listed: Vec<Vec<f64>> = golden.fits().iter().map(|fit| list(&fit["model"]["prior"]["concentration"])).collect();
    for fit in [0, 2] {
        let mut sorted = listed[fit].clone();
        sorted.sort_by(f64::total_cmp);
        assert_eq!(sorted, [1.0, 2.0, 4.0]);
    }
    assert_eq!(listed[1], [2.0; K]);
    assert_ne!(listed[2], [4.0, 2.0, 1.0], "in the order of the config: the test would not see a list left as it was");
    for (fit, listed) in golden.fits().iter().zip(&listed) {
        let mixture = parts_of(&fit["mixture"]);
        let ln_likelihood = golden.ln_likelihood_of(&mixture);
        close("ln_likelihood", number(&fit["ln_likelihood"]), ln_likelihood, 1e-8);
        let ln_posterior = ln_likelihood + golden.ln_prior(&mixture, listed);
        close(&format!("{} ln_posterior", fit["name"]), number(&fit["ln_posterior"]), ln_posterior, 1e-8);
    }
    // Another list has another density, so the figure above tells which was used.
    let (gibbs, used) = (parts_of(&golden.gibbs()["mixture"]), &listed[2]);
    for [a, b] in [[0, 1], [0, 2], [1, 2]] {
        let mut other = used.clone();
        other.swap(a, b);
        assert!((golden.ln_prior(&gibbs, &other) - golden.ln_prior(&gibbs, used)).abs() > 0.01);
    }
    let default = Model::with_default_prior(K, Structure::Free(Shape::Full), &golden.data).unwrap();
    let gmm_core::ComponentPrior::Conjugate(conjugate) = &default.prior().components else { panic!("no prior") };
    let prior = &golden.gibbs()["model"]["prior"]["components"];
    close("kappa", number(&prior["kappa"]), conjugate.kappa(), 0.0);
    for j in 0..D {
        close("prior mean", number(&prior["mean"][j]), conjugate.mean()[j], 1e-12);
        let scale = conjugate.covariance().unwrap().scale();
        (0..D).for_each(|i| close("scale", number(&prior["scale"][i][j]), scale.get(i, j), 1e-12));
    }
}

#[test]
fn the_log_posterior_of_a_draw_is_that_of_its_parameters_under_the_listed_concentrations() {
    let golden = golden();
    let listed = list(&golden.gibbs()["model"]["prior"]["concentration"]);
    for c in 0..CHAINS {
        for t in [0, 1, 77, DRAWS - 1] {
            let draw = &golden.draws[c][t];
            let ln_likelihood = golden.ln_likelihood_of(draw);
            let ln_prior = golden.ln_prior(draw, &listed);
            close(&format!("ln_likelihood {c} {t}"), golden.ln_likelihood[c][t], ln_likelihood, 1e-8);
            close(&format!("lp {c} {t}"), golden.lp[c][t], ln_likelihood + ln_prior, 1e-8);
            assert!(ln_prior.abs() > 1.0 && golden.lp[c][t] != golden.ln_likelihood[c][t]);
        }
    }
}

#[test]
fn summaries_of_the_posterior_are_those_of_the_draws_on_disk() {
    let golden = golden();
    let rows = golden.gibbs()["posterior"]["quantities"].as_array().unwrap();
    let mut quantities: Vec<(String, Vec<f64>)> =
        golden.quantities().into_iter().map(|(name, _, values)| (name, values)).collect();
    assert_eq!(quantities.len(), 18);
    quantities.push(("ln_posterior".to_owned(), golden.lp.concat()));
    quantities.push(("ln_likelihood".to_owned(), golden.ln_likelihood.concat()));
    let squares = |draw: &Parts| draw.weights.iter().map(|w| w * w).sum();
    quantities.push(("sum_squared_weights".to_owned(), golden.all_draws().map(squares).collect()));
    for (name, values) in &quantities {
        assert_eq!(values.len(), CHAINS * DRAWS);
        let row = rows.iter().find(|row| row["name"] == name.as_str()).unwrap();
        let center = mean(values);
        let sd = (values.iter().map(|x| (x - center).powi(2)).sum::<f64>() / (values.len() - 1) as f64).sqrt();
        assert!(sd > 1e-4, "{name} does not move");
        close(&format!("mean of {name}"), number(&row["mean"]), center, 1e-10);
        close(&format!("sd of {name}"), number(&row["sd"]), sd, 1e-10);
        for (field, p) in [("q5", 0.05), ("q50", 0.5), ("q95", 0.95)] {
            close(&format!("{field} of {name}"), number(&row[field]), quantile(values, p), 1e-10);
        }
    }
    // The estimate is the mean of the draws.
    let mixture = parts_of(&golden.gibbs()["mixture"]);
    for k in 0..K {
        close("weight", mixture.weights[k], mean(&golden.all_draws().map(|x| x.weights[k]).collect::<Vec<_>>()), 1e-10);
        for j in 0..D {
            let draws: Vec<f64> = golden.all_draws().map(|x| x.means[k][j]).collect();
            close("mean", mixture.means[k][j], mean(&draws), 1e-10);
            for i in 0..D {
                let draws: Vec<f64> = golden.all_draws().map(|x| x.covariances[k][i][j]).collect();
                close("covariance", mixture.covariances[k][i][j], mean(&draws), 1e-10);
            }
        }
    }
}

#[test]
fn the_coverage_is_the_number_of_intervals_that_hold_the_true_value() {
    let golden = golden();
    let quantities = golden.quantities();
    let covers = |(_, truth, values): &&(String, f64, Vec<f64>)| {
        quantile(values, 0.05) <= *truth && *truth <= quantile(values, 0.95)
    };
    let inside = quantities.iter().filter(covers).count();
    assert!(inside < quantities.len(), "no interval misses: the test would not see one that is counted wrongly");
    assert_eq!(golden.against("gibbs", "truth")["coverage"], json!({ "inside": inside, "of": 18 }));
    // Of estimates: their own intervals, one of each parameter.
    for fit in &golden.fits()[..2] {
        let rows = fit["standard_errors"]["intervals"].as_array().unwrap();
        assert_eq!(rows.len(), quantities.len());
        let covers = |row: &&Value| {
            let (_, truth, _) = quantities.iter().find(|(name, ..)| row["name"] == *name).unwrap();
            number(&row["lower"]) <= *truth && *truth <= number(&row["upper"])
        };
        let inside = rows.iter().filter(covers).count();
        let row = golden.against(fit["name"].as_str().unwrap(), "truth");
        assert_eq!(row["coverage"], json!({ "inside": inside, "of": 18 }));
    }
}

#[test]
fn comparisons_are_those_of_the_listed_parameters() {
    let golden = golden();
    let truth_ln_likelihood = golden.ln_likelihood_of(&TRUTH);
    close("truth", number(&golden.summary["truth_ln_likelihood"]), truth_ln_likelihood, 1e-8);
    let sds = golden.sds();
    assert!(sds.iter().all(|sd| (sd - 1.0).abs() > 0.2), "columns of unit sd would hide a scaling: {sds:?}");
    let named = |fit: &Value| (fit["name"].as_str().unwrap().to_owned(), parts_of(&fit["mixture"]));
    let fits: Vec<(String, Parts)> = golden.fits().iter().map(named).collect();
    let check = |name: &str, fit: &Parts, against: &str, other: &Parts, ari: f64| {
        let row = golden.against(name, against);
        let what = |figure: &str| format!("{figure} of {name} against {against}");
        let difference = golden.ln_likelihood_of(fit) - golden.ln_likelihood_of(other);
        close(&what("difference"), number(&row["ln_likelihood_difference"]), difference, 1e-8);
        let weight = (0..K).map(|k| (fit.weights[k] - other.weights[k]).abs()).fold(0.0, f64::max);
        close(&what("weight"), number(&row["max_weight_error"]), weight, 1e-10);
        let (mut squares, mut covariance) = (0.0, 0.0_f64);
        for k in 0..K {
            let (mut distance, mut size) = (0.0, 0.0);
            for i in 0..D {
                squares += ((fit.means[k][i] - other.means[k][i]) / sds[i]).powi(2);
                for j in 0..D {
                    let unit = sds[i] * sds[j];
                    distance += ((fit.covariances[k][i][j] - other.covariances[k][i][j]) / unit).powi(2);
                    size += (other.covariances[k][i][j] / unit).powi(2);
                }
            }
            covariance = covariance.max((distance / size).sqrt());
        }
        close(&what("mean"), number(&row["rms_mean_error"]), (squares / (K * D) as f64).sqrt(), 1e-10);
        close(&what("covariance"), number(&row["max_covariance_error"]), covariance, 1e-10);
        close(&what("ari"), number(&row["adjusted_rand_index"]), ari, 1e-12);
    };
    for (i, (name, fit)) in fits.iter().enumerate() {
        let ari = adjusted_rand_index(&golden.classes(fit), &golden.labels);
        assert!(ari > 0.9 && ari < 1.0, "{ari}");
        check(name, fit, "truth", &TRUTH, ari);
        for (other_name, other) in &fits[i + 1..] {
            check(name, fit, other_name, other, adjusted_rand_index(&golden.classes(fit), &golden.classes(other)));
        }
    }
    assert_eq!(golden.summary["comparison"].as_array().unwrap().len(), 3 + 3);
    // A maximum of the likelihood is above the truth.
    assert!(number(&golden.against("em", "truth")["ln_likelihood_difference"]) > 0.0);
}

#[test]
fn criteria_are_those_of_the_log_likelihood_and_the_classification() {
    let golden = golden();
    for fit in golden.fits() {
        let mixture = parts_of(&fit["mixture"]);
        let joint = golden.joint(&mixture);
        let largest = |joint: &[f64; K]| joint.iter().copied().fold(0.0, f64::max) / joint.iter().sum::<f64>();
        let ln_classification: f64 = joint.iter().map(|joint| largest(joint).ln()).sum();
        let ln_likelihood = golden.ln_likelihood_of(&mixture);
        assert_eq!(fit["n_parameters"], 17);
        let bic = -2.0 * ln_likelihood + 17.0 * (N as f64).ln();
        close("aic", number(&fit["aic"]), -2.0 * ln_likelihood + 34.0, 1e-8);
        close("bic", number(&fit["bic"]), bic, 1e-8);
        assert!(ln_classification < -0.1, "{ln_classification}");
        close("icl", number(&fit["icl"]), bic - 2.0 * ln_classification, 1e-8);
    }
}

#[test]
fn the_seed_of_the_experiment_moves_the_draws_where_the_data_have_a_seed_of_their_own() {
    let runs = [golden().summary["seed"].to_string(), "7".to_owned()].map(|seed| {
        let folder = tempfile::tempdir().unwrap();
        let results = run(folder.path(), DRAWS_ALONE, &["--seed", &seed]);
        let chains: Vec<Vec<f64>> =
            (0..CHAINS).map(|c| chain(&results.join("draws-gibbs.zarr"), "sample_stats/lp", c, 0)).collect();
        let summary = json_of(&results.join("summary.json"));
        (std::fs::read(results.join("data.csv")).unwrap(), chains, number(&summary["seed"]))
    });
    let [own, seven] = runs;
    assert_eq!(seven.2, 7.0);
    assert!(own.0 == seven.0, "the data have their own seed");
    assert_eq!(own.1, golden().lp, "the same seed, the same draws, with other fits or without");
    for c in 0..CHAINS {
        assert!(own.1[c].iter().zip(&seven.1[c]).all(|(a, b)| a != b), "chain {c}");
    }
    assert!(own.1[0] != own.1[1] && own.1[1] != own.1[2]);
}

#[test]
fn a_fit_that_was_cut_short_has_a_warning_and_one_that_was_not_has_none() {
    let warnings = |fit: &Value| -> Vec<String> {
        fit["warnings"].as_array().unwrap().iter().map(|w| w.as_str().unwrap().to_owned()).collect()
    };
    let folder = tempfile::tempdir().unwrap();
    let fits = "Em(restarts: 1, max_iterations: 1), Gibbs(chains: 2, warmup: 300, draws: 20)";
    let summary = json_of(&run(folder.path(), fits, &[]).join("summary.json"));
    let short = warnings(&summary["fits"][0]);
    assert_eq!(summary["fits"][0]["stop"], "max_iterations");
    assert_eq!(short[0], "the best restart did not converge in 1 iterations; raise max_iterations");
    assert!(short[1].starts_with("no standard errors: the estimate lies "), "{short:?}");
    assert_eq!(short.len(), 2);
    let few = warnings(&summary["fits"][1]);
    assert!(few.iter().any(|w| w.starts_with("effective sample size below 400: ") && w.contains("weights[0]")));
    // Chains in different orders of components whose concentrations differ: no relabelling may hide it.
    let apart = json_of(&run(folder.path(), FITS, &["--seed", &seed(false)]).join("summary.json"));
    let apart = warnings(&apart["fits"][2]);
    assert!(apart.iter().any(|w| w.starts_with("R-hat above 1.01: ") && w.contains("weights[0]")), "{apart:?}");
    let golden = golden();
    for fit in &golden.fits()[..2] {
        assert_eq!(fit["stop"], "converged");
        assert_eq!(warnings(fit), [""; 0]);
    }
    // The effective sample sizes in the file decide on the warning, quantity by quantity.
    let rows = golden.gibbs()["posterior"]["quantities"].as_array().unwrap();
    let low: Vec<&str> = rows
        .iter()
        .filter(|row| ["ess_bulk", "ess_tail"].iter().any(|field| row[field].as_f64().is_some_and(|ess| ess < 400.0)))
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    let found = warnings(golden.gibbs()).into_iter().find(|w| w.starts_with("effective sample size"));
    assert_eq!(found.is_some(), !low.is_empty());
    assert!(low.len() <= 12, "the warning shortens its list");
    if let Some(warning) = found {
        assert_eq!(warning, format!("effective sample size below 400: {}; take more draws", low.join(", ")));
    }
}
