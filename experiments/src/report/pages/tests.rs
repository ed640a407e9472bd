use gmm_core::Mixture;

use super::run_page;
use crate::config::parse;
use crate::experiment::Experiment;
use crate::fitted::Outcome;
use crate::fitted::{FailedFit, FitResult, PointDetail};
use crate::progress::Progress;
use crate::report::html;
use crate::resolve::resolve;
use crate::run::run;
use crate::summary::Summary;

/// An experiment on given rows, and what came out.
fn ran(rows: &[Vec<f64>], model: &str, fits: &str) -> (Experiment, Outcome) {
    let folder = tempfile::tempdir().unwrap();
    let line = |cells: Vec<String>| cells.join(",") + "\n";
    let mut csv = line((0..rows[0].len()).map(|j| format!("x{j}")).collect());
    rows.iter().for_each(|row| csv.push_str(&line(row.iter().map(f64::to_string).collect())));
    std::fs::write(folder.path().join("rows.csv"), csv).unwrap();
    let text =
        format!("Experiment(name: \"e\", seed: 1, data: Csv(path: \"rows.csv\"), model: ({model}), fits: [{fits}])");
    let (written, source) = parse("test.ron", &text).unwrap();
    let experiment = resolve(written, &source, folder.path(), folder.path()).unwrap();
    let mut outcome = Outcome { fits: Vec::new(), failures: Vec::new() };
    for fit in &experiment.fits {
        match run(&experiment, fit, &Progress::hidden()) {
            Ok(result) => outcome.fits.push(result),
            Err(failed) => outcome.failures.push(failed),
        }
    }
    (experiment, outcome)
}

fn page(experiment: &Experiment, outcome: &Outcome) -> String {
    html(&run_page(experiment, outcome, &Summary::new(experiment, outcome))).unwrap()
}

/// Rows in the plane in two groups.
fn rows(d: usize) -> Vec<Vec<f64>> {
    let value = |i: usize, j: usize| ((i * 37 + j * 11) % 101) as f64 / 50.0 + if i < 30 { 0.0 } else { 8.0 };
    (0..60).map(|i| (0..d).map(|j| value(i, j)).collect()).collect()
}

const FULL: &str = "components: 2, covariance: Free(Full)";
const BOTH: &str = "Em(restarts: 3), Gibbs(chains: 2, warmup: 20, draws: 50)";

fn failed(name: &str, reason: &str) -> FailedFit {
    FailedFit { name: name.to_owned(), reason: reason.to_owned(), singularities: Vec::new() }
}

#[test]
fn the_page_names_every_fit_and_loads_nothing() {
    for d in [1, 2] {
        let (experiment, outcome) = ran(&rows(d), FULL, BOTH);
        assert_eq!(outcome.fits.len(), 2, "{:?}", outcome.failures);
        let page = page(&experiment, &outcome);
        for fit in &outcome.fits {
            assert!(page.contains(&format!(">{}</th>", fit.name)), "{}", fit.name);
        }
        assert!(page.contains("<svg") && page.contains("</html>"));
        // Contents point to places in the page itself.
        let without_namespace = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "").replace("href=\"#", "");
        for loading in ["http", "<script", "<link", "<img", "src=", "href", "url(", "@import"] {
            assert!(!without_namespace.contains(loading), "{loading}");
        }
    }
}

#[test]
fn whatever_users_write_is_escaped() {
    let hostile = "<b>&\"x'";
    for d in [1, 3] {
        let (mut experiment, mut outcome) = ran(&rows(d), FULL, BOTH);
        experiment.name = hostile.to_owned();
        experiment.data.source = hostile.to_owned();
        experiment.data.columns.fill(hostile.to_owned());
        experiment.data.labels =
            Some(crate::experiment::Labels { classes: vec![hostile.to_owned()], of_rows: vec![0; 60] });
        outcome.fits.iter_mut().for_each(|fit| fit.name = hostile.to_owned());
        outcome.failures.push(failed(hostile, hostile));
        let page = page(&experiment, &outcome);
        assert!(!page.contains("<b>&\"x"), "{d}");
        assert!(page.contains("&lt;b&gt;&amp;&quot;x&apos;") && page.contains("&lt;b&gt;&amp;&quot;x&#x27;"));
    }
}

#[test]
fn the_same_outcome_gives_the_same_bytes() {
    let (experiment, outcome) = ran(&rows(2), FULL, BOTH);
    assert_eq!(page(&experiment, &outcome), page(&experiment, &outcome));
}

#[test]
fn intervals_say_whether_they_cover_the_truth() {
    let (mut experiment, outcome) = ran(&rows(2), "components: 1, covariance: Tied(Isotropic)", BOTH);
    let gibbs = outcome.fits.iter().find(|fit| fit.gibbs.is_some()).unwrap();
    experiment.data.truth = Some(gibbs.mixture.clone());
    assert!(!page(&experiment, &outcome).contains("title=\"does not cover the truth\""));
    let far = Mixture::new(vec![1.0], vec![vec![1e3, 1e3]], gibbs.mixture.covariances().to_vec()).unwrap();
    experiment.data.truth = Some(far);
    let page = page(&experiment, &outcome);
    // Both means, in the table of parameters for both fits and in that of quantities.
    assert_eq!(page.matches("title=\"does not cover the truth\"").count(), 6);
}

#[test]
fn shared_and_isotropic_parameters_have_their_intervals_everywhere() {
    for (covariance, count) in
        [("Tied(Isotropic)", 20), ("Free(Diagonal)", 20), ("Free(Full)", 24), ("Known(Isotropic(1))", 12)]
    {
        let (experiment, outcome) = ran(&rows(2), &format!("components: 2, covariance: {covariance}"), BOTH);
        assert_eq!(page(&experiment, &outcome).matches("class=\"aside\">[").count(), count, "{covariance}");
    }
}

#[test]
fn degenerate_experiments_have_a_page() {
    let prior = "prior: (components: Conjugate(kappa: 0.1, dof: 60, scale: Isotropic(1)))";
    let short = "Em(objective: Posterior, restarts: 2), Gibbs(chains: 1, warmup: 0, draws: 1)";
    let huge: Vec<Vec<f64>> = rows(2).iter().map(|row| row.iter().map(|x| 1e90 * x).collect()).collect();
    let huge_line: Vec<Vec<f64>> = rows(1).iter().map(|row| vec![1e90 * row[0]]).collect();
    let constant: Vec<Vec<f64>> = rows(3).iter().map(|row| vec![row[0], 7.0, row[2]]).collect();
    let isotropic = format!("covariance: Free(Isotropic), {prior}");
    let cases = [
        ("one row of one", vec![vec![5.0]], format!("components: 1, {isotropic}"), short),
        ("one row of two", vec![vec![5.0, -5.0]], format!("components: 1, {isotropic}"), short),
        ("one value", vec![vec![5.0]; 9], format!("components: 2, {isotropic}"), short),
        ("a constant column", constant, format!("components: 2, {isotropic}"), short),
        ("huge, one dimension", huge_line, FULL.to_owned(), BOTH),
        ("huge, two dimensions", huge, FULL.to_owned(), BOTH),
        ("many of both", rows(40), format!("components: 30, {isotropic}"), short),
    ];
    for (name, rows, model, fits) in cases {
        let (experiment, outcome) = ran(&rows, &model, fits);
        assert!(outcome.failures.is_empty(), "{name}: {:?}", outcome.failures);
        let page = page(&experiment, &outcome);
        assert!(page.contains("<polyline") && !page.contains("NaN") && page.len() < 6_000_000, "{name}");
    }
}

#[test]
fn an_experiment_without_fits_shows_why() {
    let (experiment, mut outcome) = ran(&rows(2), FULL, BOTH);
    outcome.fits.clear();
    outcome.failures = vec![failed("em", "all restarts collapsed")];
    let page = page(&experiment, &outcome);
    assert!(page.contains("all restarts collapsed") && !page.contains("<svg"));
}

#[test]
fn numbers_that_are_not_finite_are_left_out() {
    for d in [1, 2] {
        let (experiment, mut outcome) = ran(&rows(d), FULL, BOTH);
        outcome.fits.iter_mut().for_each(spoil);
        let page = page(&experiment, &outcome);
        assert!(!page.contains("NaN") && !page.contains(">inf"), "{d}");
    }
}

fn spoil(fit: &mut FitResult) {
    fit.ln_likelihood = f64::NAN;
    fit.ln_posterior = Some(f64::NEG_INFINITY);
    fit.criteria.bic = f64::INFINITY;
    if let Some(PointDetail { trace, restarts, .. }) = &mut fit.point {
        trace.fill(f64::NAN);
        trace.extend([f64::NEG_INFINITY, 1.0, f64::INFINITY]);
        restarts.iter_mut().for_each(|restart| restart.objective = f64::NEG_INFINITY);
    }
    if let Some(gibbs) = &mut fit.gibbs {
        for quantity in &mut gibbs.quantities {
            (quantity.mean, quantity.q5, quantity.r_hat, quantity.ess_bulk) =
                (f64::NAN, f64::INFINITY, f64::NAN, f64::NAN);
        }
    }
}
