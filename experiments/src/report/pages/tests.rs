use gmm_core::Mixture;

use super::run_page;
use crate::config::parse;
use crate::experiment::Experiment;
use crate::fitted::Outcome;
use crate::fitted::{FailedFit, FitResult, PointDetail};
use crate::progress::Progress;
use crate::report::html;
use crate::report::page::Block;
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
        assert!(page.contains("data-marks") && !page.contains("NaN") && page.len() < 6_000_000, "{name}");
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

/// The sentences at the beginning of a report.
fn lead(experiment: &Experiment, outcome: &Outcome) -> String {
    let blocks = super::lead::lead(experiment, outcome, &Summary::new(experiment, outcome));
    let texts = blocks.into_iter().map(|block| match block {
        Block::Text(text) => text,
        other => panic!("{other:?}"),
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// What a fit without any flaw has.
fn flawless(fit: &mut FitResult) {
    if let Some(point) = &mut fit.point {
        point.stop = gmm_em::Stop::Converged;
        point.modes[0].restarts = vec![0, 1, 2];
    }
    if let Some(gibbs) = &mut fit.gibbs {
        for quantity in &mut gibbs.quantities {
            (quantity.r_hat, quantity.ess_bulk, quantity.ess_tail) = (1.002, 812.0, 777.0);
        }
        (gibbs.levels.disagree, gibbs.identifiability, gibbs.accuracy) = (false, None, None);
        (gibbs.checks, gibbs.evidence) = (Ok(Vec::new()), Vec::new());
    }
}

#[test]
fn the_lead_says_how_near_the_truth_is_and_what_covers_it() {
    let (mut experiment, outcome) = ran(&rows(2), FULL, BOTH);
    let em = outcome.fits.iter().find(|fit| fit.point.is_some()).unwrap();
    experiment.data.truth = Some(em.mixture.clone());
    let text = lead(&experiment, &outcome);
    assert!(
        text.contains("The means of em come nearest; it misses the true means by 0 column standard deviations"),
        "{text}"
    );
    assert!(text.contains("Farthest are those of gibbs, by 0.0"), "{text}");
    assert!(text.contains("these hold the true value: 12 of 12 by em and "), "{text}");
    // Far from the truth all fits are alike.
    let far = (0..2).map(|c| em.mixture.mean(c).iter().map(|x| x + 1e3).collect()).collect();
    let covariances = (0..2).map(|c| em.mixture.covariance(c).clone()).collect();
    experiment.data.truth = Some(Mixture::new(em.mixture.weights().to_vec(), far, covariances).unwrap());
    let text = lead(&experiment, &outcome);
    assert!(text.contains("The means of all 2 fits that are compared with the truth come alike near to it;"), "{text}");
    assert!(text.contains("miss the true means by ") && !text.contains("Farthest"), "{text}");
    let three = vec![em.mixture.covariance(0).clone(); 3];
    let three =
        Mixture::new(vec![0.25, 0.25, 0.5], vec![vec![0.0, 0.0], vec![1.0, 1.0], vec![9.0, 9.0]], three).unwrap();
    experiment.data.truth = Some(three);
    let text = lead(&experiment, &outcome);
    assert!(text.contains("No fit has as many components as the truth, 3,") && !text.contains("nearest"), "{text}");
}

#[test]
fn the_lead_compares_with_known_classes_or_else_the_fits_with_each_other() {
    let (mut experiment, mut outcome) = ran(&rows(2), FULL, BOTH);
    let text = lead(&experiment, &outcome);
    assert!(
        text.starts_with(
            "1 point estimate and 1 posterior of mixtures of 2 components were computed from 60 rows of 2 columns."
        ),
        "{text}"
    );
    assert!(text.contains("have the weights 50 % and 50 %"), "{text}");
    assert!(text.contains("adjusted Rand index of 1.0000 or more"), "{text}");
    assert!(text.contains("Beside the draws of gibbs: ML (em) agrees with the posterior in "), "{text}");
    let of_rows = (0..60).map(|i| u16::from(i >= 30)).collect();
    experiment.data.labels = Some(crate::experiment::Labels { classes: vec!["a".into(), "b".into()], of_rows });
    let text = lead(&experiment, &outcome);
    assert!(text.contains("the classification by each fit agrees to 1.0000") && !text.contains("weights"), "{text}");
    let halves = (0..60).map(|i| u16::from(i % 2 == 0)).collect();
    experiment.data.labels = Some(crate::experiment::Labels { classes: vec!["a".into(), "b".into()], of_rows: halves });
    outcome.fits[1].classification = (0..60).map(|i| u16::from(i % 2 == 0)).collect();
    let name = outcome.fits[1].name.clone();
    let text = lead(&experiment, &outcome);
    assert!(text.contains(&format!("the classification by {name} agrees best, to 1.0000, and that by ")), "{text}");
}

#[test]
fn the_lead_says_what_to_distrust_the_worst_first_or_that_nothing_is() {
    let (experiment, mut outcome) = ran(&rows(2), FULL, BOTH);
    outcome.fits.iter_mut().for_each(flawless);
    let text = lead(&experiment, &outcome);
    let clean = "Nothing that was checked speaks against these results: every point estimate converged and no restart collapsed; \
        R-hat is at most 1.0020 (limit 1.01) and there are at least 777 effective draws (limit 400) of every quantity.";
    assert!(text.ends_with(clean), "{text}");
    for fit in &mut outcome.fits {
        if let Some(point) = &mut fit.point {
            (point.stop, point.iterations) = (gmm_em::Stop::MaxIterations, 77);
            point.restarts[1].outcome = gmm_em::Outcome::Collapsed(gmm_em::Collapse {
                component: 0,
                iteration: 3,
                reason: gmm_em::CollapseReason::EffectiveRows { value: 1.0, limit: 3.5 },
            });
            point.modes[0].restarts.truncate(1);
        }
        if let Some(gibbs) = &mut fit.gibbs {
            (gibbs.quantities[0].r_hat, gibbs.quantities[1].ess_tail, gibbs.levels.disagree) = (1.5, 35.2, true);
        }
    }
    outcome.failures.push(failed("flat", "all restarts collapsed"));
    let text = lead(&experiment, &outcome);
    let doubts = text.lines().last().unwrap();
    assert!(
        doubts.starts_with("What to distrust: flat failed; ") && !text.contains("Nothing that was checked"),
        "{text}"
    );
    for doubt in [
        "chains sit in different modes: gibbs;",
        "chains have not mixed: gibbs (R-hat up to 1.5000, too high in 1 quantity);",
        "few effective draws: gibbs (35 at least, too few in 1 quantity);",
        "not converged: em (77 iterations);",
        "restarts that collapsed onto few rows: em (1 of 3)",
        "only 1 of 3 restarts of em found its best optimum",
    ] {
        assert!(doubts.contains(doubt), "{doubt}: {doubts}");
    }
    assert!(doubts.find("not converged") < doubts.find("few effective draws"), "{doubts}");
}

#[test]
fn the_lead_names_the_model_that_bic_prefers() {
    let fits = "Em(restarts: 3), Em(name: \"one\", model: (components: 1)), Em(name: \"tied\", model: (covariance: Tied(Full)))";
    let (experiment, outcome) = ran(&rows(2), FULL, fits);
    let bic = |name: &str| outcome.fits.iter().find(|fit| fit.name == name).unwrap().criteria.bic;
    let text = lead(&experiment, &outcome);
    let best = if bic("tied") < bic("em") { "tied (2 Tied(Full))" } else { "em (2 Free(Full))" };
    assert!(text.contains(&format!("Of the maximum likelihood fits BIC prefers {best}, by ")), "{text}");
    assert!(text.contains("mixtures of 1 to 2 components were computed"), "{text}");
}

#[test]
fn a_report_of_many_fits_stays_small() {
    let fits: String = (0..12).map(|i| format!("Em(name: \"em {i}\", restarts: 2, standard_errors: Off),")).collect();
    let many: Vec<Vec<f64>> =
        (0..5000).map(|i| (0..5).map(|j| ((i * 7919 + j * 104_729) % 10_007) as f64).collect()).collect();
    let (mut experiment, outcome) = ran(&many, "components: 20, covariance: Free(Diagonal)", &fits);
    experiment.data.truth = Some(outcome.fits[0].mixture.clone());
    assert_eq!(outcome.fits.len(), 12, "{:?}", outcome.failures);
    let size = page(&experiment, &outcome).len();
    assert!(size < 5_000_000, "{size}");
}
#[test]
fn many_columns_are_shown_by_principal_components_and_several_fits_together() {
    for (d, components) in [(2, 0), (3, 1), (6, 3)] {
        let prior = "prior: (components: Conjugate(kappa: 0.1, dof: 60, scale: Isotropic(1)))";
        let fits = "Em(objective: Posterior, restarts: 2), Gibbs(chains: 2, warmup: 20, draws: 50)";
        let (experiment, outcome) =
            ran(&rows(d), &format!("components: 2, covariance: Free(Isotropic), {prior}"), fits);
        assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
        let page = page(&experiment, &outcome);
        assert!(page.contains("All fits with K = 2, Free(Isotropic)"), "{d}");
        // In captions alone: those of the figure of all fits, and of each fit where there are more than four columns.
        let captions = page.split("<figcaption>").skip(1).filter(|caption| {
            caption.split("</figcaption>").next().is_some_and(|text| text.contains("principal components"))
        });
        assert_eq!(captions.count(), components, "{d}");
    }
}
