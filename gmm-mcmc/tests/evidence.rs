//! Evidences: against enumeration, against each other and other identities; their errors; what is refused.
#![allow(clippy::unwrap_used)]

use gmm_core::{
    ComponentPrior, Covariance, Data, InverseWishart, Model, NormalInverseWishart, Posterior, Prior, Shape, Statistics,
    Streams, Structure, Symmetric,
};
use gmm_mcmc::diagnostics::mcse_mean;
use gmm_mcmc::evidence::{
    Bridge, Chib, Estimate, Evidence, NoEvidence, Permutations, PriorOfK, enumerate, evidence, probabilities_of_k,
};
use gmm_mcmc::{Draws, Gibbs, sample};
use rayon::prelude::*;
use reference::{data, exact_cases, table};

fn bridge(components: usize, proposals: usize) -> Estimate {
    Estimate::Bridge(Bridge { components, proposals })
}

fn chib() -> Estimate {
    Estimate::Chib(Chib::default())
}

fn draw(model: &Model, data: &Data, draws: usize, streams: &Streams) -> Draws {
    sample(model, data, &Gibbs { chains: 4, warmup: 200, draws, ..Gibbs::default() }, &[], streams, &|_| {}).unwrap()
}

/// All nine structures in d dimensions.
fn structures(d: usize) -> Vec<Structure> {
    let of = |shape: Shape| {
        let known = Covariance::new(Covariance::isotropic(d, 1.0).unwrap().as_symmetric().project(shape)).unwrap();
        [Structure::Free(shape), Structure::Tied(shape), Structure::Known(known)]
    };
    Shape::ALL.into_iter().flat_map(of).collect()
}

/// A model with these concentrations and otherwise the default prior, for one component so that it is the same for all K.
fn model(structure: &Structure, concentration: &[f64], data: &Data) -> Model {
    let components = Model::with_default_prior(1, structure.clone(), data).unwrap().prior().components.clone();
    let weights = Model::dirichlet(concentration.to_vec()).unwrap();
    Model::new(data.d(), structure.clone(), Prior { weights, components }).unwrap()
}

/// Ten rows in the plane in two groups that overlap; nine on the line, the last far out; eight in space.
fn small_data() -> [Data; 3] {
    let plane = (0..10).map(|i| {
        let (x, far) = (f64::from(i), f64::from(i / 5));
        vec![(2.3 * x).sin() + 1.5 * far, (1.7 * x).cos() - far]
    });
    let line = [-1.2, -0.4, 0.0, 0.3, 0.9, 2.0, 2.4, 2.9, 5.0].map(|x| vec![x]);
    let space = (0..8).map(|i| (0..3).map(|j| (f64::from(i * i + 5 * j * i + 3 * j)).sin()).collect());
    [plane.collect(), line.to_vec(), space.collect()].map(|rows: Vec<Vec<f64>>| data(&rows))
}

#[test]
fn enumeration_gives_the_stored_evidence_and_probabilities() {
    for case in exact_cases() {
        for entry in &case.finite_mixture {
            let name = format!("{} K={} a={}", case.case, entry.n_components, entry.concentration);
            let exact =
                enumerate(&case.model(entry.n_components, entry.concentration), &data(&case.data_rows)).unwrap();
            assert!((exact.ln_evidence - entry.ln_evidence).abs() < 1e-10, "{name}: {}", exact.ln_evidence);
            for (a, b) in exact.p_occupied.iter().zip(&entry.p_occupied) {
                assert!((a - b).abs() < 1e-10, "{name}: {a} {b}");
            }
            for (a, b) in exact.together.iter().flatten().zip(entry.coclustering.iter().flatten()) {
                assert!((a - b).abs() < 1e-10, "{name}: {a} {b}");
            }
        }
    }
}

/// Compares both estimates with the enumeration where the chains have mixed, by R-hat below 1.05; returns the names of those. At most
/// `beyond` may be farther than four standard errors, which a normal error is with probability 6e-5; the seeds are fixed.
fn compare(cases: &[(String, Model, Data)], n_draws: usize, beyond: usize) -> Vec<String> {
    let all: Vec<(String, Evidence, f64, bool)> = cases
        .par_iter()
        .flat_map_iter(|(name, model, rows)| {
            let exact = enumerate(model, rows).unwrap().ln_evidence;
            let streams = Streams::new(31).named(name);
            let draws = draw(model, rows, n_draws, &streams.named("draws"));
            // NaN where nothing changes. Label-invariant: ln_likelihood, ln_posterior, n_occupied, sum_squared_weights.
            let mixed = draws.summaries()[..4].iter().all(|summary| summary.r_hat.is_nan() || summary.r_hat < 1.05);
            [bridge(40, 1000), chib()].map(|how| {
                let estimate = evidence(rows, &draws, &how, &streams).unwrap();
                assert_eq!(estimate.permutations, Permutations::All);
                (format!("{name}, {how:?}"), estimate, (estimate.ln_evidence - exact) / estimate.standard_error, mixed)
            })
        })
        .collect();
    let mixed: Vec<_> = all.iter().filter(|(.., mixed)| *mixed).collect();
    let far: Vec<_> =
        mixed.iter().filter(|(_, e, z, _)| z.is_nan() || z.abs() > 4.0 || e.standard_error > 0.3).collect();
    assert!(far.len() <= beyond && far.iter().all(|(_, _, z, _)| z.abs() < 6.0), "{far:#?}");
    // Together they are as far as their errors say.
    let rms = (mixed.iter().map(|(_, _, z, _)| z * z).sum::<f64>() / mixed.len() as f64).sqrt();
    assert!((0.7..1.4).contains(&rms), "{rms}");
    mixed.iter().map(|(name, ..)| name.clone()).collect()
}

fn case(structure: &Structure, concentration: &[f64], number: usize) -> (String, Model, Data) {
    let rows = small_data()[number].clone();
    let name = format!("data {number}, {structure:?}, {concentration:?}");
    (name, model(structure, concentration, &rows), rows)
}

#[test]
fn both_estimates_agree_with_enumeration_in_all_structures() {
    let mut cases: Vec<_> = structures(2).iter().map(|structure| case(structure, &[1.0; 3], 0)).collect();
    cases.extend(structures(1).iter().step_by(4).map(|structure| case(structure, &[2.0; 2], 1)));
    cases.extend(structures(3).iter().map(|structure| case(structure, &[0.7; 2], 2)));
    // Concentrations that differ.
    cases.push(case(&Structure::Free(Shape::Full), &[0.5, 2.0], 0));
    cases.push(case(&Structure::Tied(Shape::Diagonal), &[2.0, 0.5, 2.0], 1));
    let compared = compare(&cases, 2000, 0);
    for (first, second) in cases[..9].iter().zip(&cases[cases.len() - 11..]) {
        let is_compared = |name: &String| compared.iter().any(|compared| compared.starts_with(name));
        assert!(is_compared(&first.0) || is_compared(&second.0), "neither {} nor {}: {compared:#?}", first.0, second.0);
    }
}

#[test]
#[ignore = "half a minute"]
fn both_estimates_agree_with_enumeration_on_more_data_and_components() {
    let mut cases = Vec::new();
    for number in 0..3 {
        for structure in structures(small_data()[number].d()) {
            for concentration in [&[1.0; 2][..], &[0.7; 3], &[0.5, 1.5, 0.5]] {
                cases.push(case(&structure, concentration, number));
            }
        }
    }
    // Chib's estimate is skewed: one in fifty.
    let compared = compare(&cases, 4000, 3);
    assert!(compared.len() >= 120, "{}", compared.len());
}

/// The evidence of one component is a ratio of normalising constants, and every estimate gives it without error.
#[test]
fn one_component_has_the_evidence_of_the_closed_form() {
    let rows = data(&table("faithful").rows);
    for structure in structures(2) {
        let model = model(&structure, &[1.0], &rows);
        let all = Statistics::of_all(&rows, model.shape());
        let expected = Posterior::ln_marginal(&model.posterior(&all)).unwrap();
        let draws = draw(&model, &rows, 20, &Streams::new(3));
        for how in [bridge(3, 10), chib()] {
            let estimate = evidence(&rows, &draws, &how, &Streams::new(4)).unwrap();
            let difference = (estimate.ln_evidence - expected).abs();
            assert!(difference < 1e-6, "{structure:?}, {how:?}: {} {expected}", estimate.ln_evidence);
            assert_eq!(estimate.standard_error, 0.0, "{structure:?}, {how:?}");
        }
    }
}

/// The spread of estimates from 30 seeds against the error they report. The ratio of the two has an error of 13 %, and the
/// mean of the estimates one of its standard error: the bounds are five and four of these.
#[test]
fn standard_errors_are_as_large_as_the_spread_over_seeds() {
    let cases = exact_cases();
    for (name, k) in [("D1_faithful8_1d", 3), ("D2_faithful8_2d_full", 2), ("D2_faithful8_2d_shared_iso", 3)] {
        let case = cases.iter().find(|case| case.case == name).unwrap();
        let (model, rows) = (case.model(k, 1.0), data(&case.data_rows));
        let exact = enumerate(&model, &rows).unwrap().ln_evidence;
        for how in [bridge(40, 400), chib()] {
            let estimates: Vec<Evidence> = (0..30u64)
                .into_par_iter()
                .map(|seed| {
                    let streams = Streams::new(100 + seed);
                    evidence(&rows, &draw(&model, &rows, 600, &streams), &how, &streams).unwrap()
                })
                .collect();
            let n = estimates.len() as f64;
            let mean = estimates.iter().map(|e| e.ln_evidence).sum::<f64>() / n;
            let sd = (estimates.iter().map(|e| (e.ln_evidence - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
            let reported = (estimates.iter().map(|e| e.standard_error.powi(2)).sum::<f64>() / n).sqrt();
            let what = format!("{name}, {how:?}: mean {mean}, sd {sd}, reported {reported}");
            assert!((0.6..1.65).contains(&(sd / reported)), "{what}");
            assert!((mean - exact).abs() < 4.0 * sd / n.sqrt(), "{what}, exact {exact}");
        }
    }
}

fn galaxies(k: usize, concentration: f64, dof: f64) -> Model {
    let covariance = InverseWishart::new(dof, Symmetric::full(&[[20.0]]).unwrap()).unwrap();
    let components = NormalInverseWishart::new(vec![20.0], 0.1, Some(covariance)).unwrap();
    let weights = Model::dirichlet(vec![concentration; k]).unwrap();
    let prior = Prior { weights, components: ComponentPrior::Conjugate(components) };
    Model::new(1, Structure::Free(Shape::Full), prior).unwrap()
}

/// Sequential Monte Carlo through tempered posteriors, in numpy, eight runs of 10,000 particles.
#[test]
fn the_evidence_of_galaxies_agrees_with_sequential_monte_carlo() {
    let other = Evidence { ln_evidence: -229.202_60, standard_error: 0.012_74, permutations: Permutations::All };
    let (model, rows) = (galaxies(3, 2.0, 10.0), data(&table("galaxies").rows));
    let draws = draw(&model, &rows, 1500, &Streams::new(41));
    for how in [bridge(60, 1500), chib()] {
        let estimate = evidence(&rows, &draws, &how, &Streams::new(42)).unwrap();
        assert!(estimate.discrepancy(&other) < 4.0 && estimate.standard_error < 0.1, "{how:?}: {estimate:?}");
    }
}

/// Between K - 1 and K components of the same prior (Nobile 2007), with e the concentration:
///
/// ```text
/// ln m_K = ln m_(K-1) + ln[Gamma(K e) Gamma(n + (K-1) e) / (Gamma((K-1) e) Gamma(n + K e))] - ln P(component K is empty | y, K)
/// ```
#[test]
fn evidences_of_galaxies_agree_with_each_other_and_across_numbers_of_components() {
    let rows = data(&table("galaxies").rows);
    let n = rows.n() as f64;
    // K - 1 of n + K - 1: for e = 1 the gammas are factorials.
    let ln_ratio = |k: f64| ((k - 1.0) / (n + k - 1.0)).ln();
    let ks = [1, 2, 3, 4, 5];
    let all: Vec<(Evidence, Evidence, f64, f64)> = ks
        .par_iter()
        .map(|&k| {
            let streams = Streams::new(51).split(k as u64);
            let draws = draw(&galaxies(k, 1.0, 4.0), &rows, 2500, &streams.named("draws"));
            let by_bridge = evidence(&rows, &draws, &bridge(60, 1500), &streams).unwrap();
            let by_chib = evidence(&rows, &draws, &chib(), &streams).unwrap();
            let empty = draws.map(|row| (k - row.n_occupied()) as f64 / k as f64);
            let mean = empty.concat().iter().sum::<f64>() / empty.concat().len() as f64;
            (by_bridge, by_chib, mean, mcse_mean(&empty) / mean)
        })
        .collect();
    for (k, (by_bridge, by_chib, ..)) in ks.iter().zip(&all) {
        assert!(by_bridge.discrepancy(by_chib) < 4.0, "K = {k}: {by_bridge:?} {by_chib:?}");
        assert!(by_bridge.standard_error < 0.1, "K = {k}: {by_bridge:?}");
    }
    let mut compared = 0;
    for (k, pair) in (2..).zip(all.windows(2)) {
        let (fewer, (more, _, empty, error)) = (&pair[0].0, &pair[1]);
        if *error < 0.2 {
            let expected = fewer.ln_evidence + ln_ratio(f64::from(k)) - empty.ln();
            let combined = error.hypot(fewer.standard_error).hypot(more.standard_error);
            let difference = (more.ln_evidence - expected).abs();
            assert!(difference < 4.0 * combined, "K = {k}: {more:?}, {expected} +- {combined}");
            compared += 1;
        }
    }
    assert!(compared >= 2, "{compared} of the evidences could be compared with that of a component fewer");

    let evidences: Vec<(usize, Evidence)> = ks.iter().zip(&all).map(|(k, (by_bridge, ..))| (*k, *by_bridge)).collect();
    let table = probabilities_of_k(&evidences, PriorOfK::Uniform).unwrap();
    assert!(table[0].probability < 1e-6 && table[3].probability > 0.2 && table[4].probability > 0.2, "{table:#?}");
}

#[test]
fn evidences_of_faithful_agree_with_each_other() {
    let rows = data(&table("faithful").rows);
    for structure in [Structure::Free(Shape::Full), Structure::Tied(Shape::Diagonal)] {
        let model = model(&structure, &[1.0; 2], &rows);
        let draws = draw(&model, &rows, 1000, &Streams::new(61));
        let by_bridge = evidence(&rows, &draws, &bridge(50, 1000), &Streams::new(62)).unwrap();
        let by_chib = evidence(&rows, &draws, &chib(), &Streams::new(62)).unwrap();
        assert!(by_bridge.discrepancy(&by_chib) < 4.0, "{by_bridge:?} {by_chib:?}");
        assert!(by_bridge.standard_error < 0.01 && by_chib.standard_error < 0.05, "{by_bridge:?} {by_chib:?}");
    }
}

#[test]
fn permutations_beyond_the_bound_are_sampled_and_said_to_be() {
    let rows = &small_data()[0];
    let model = model(&Structure::Free(Shape::Diagonal), &[1.0; 3], rows);
    let exact = enumerate(&model, rows).unwrap().ln_evidence;
    let draws = draw(&model, rows, 1000, &Streams::new(71));
    let how = |most_exchanging, sampled| Estimate::Chib(Chib { most_exchanging, sampled, ..Chib::default() });
    let few = evidence(rows, &draws, &how(2, 3), &Streams::new(72)).unwrap();
    assert_eq!(few.permutations, Permutations::Sampled { n: 3 });
    assert!((few.ln_evidence - exact).abs() < 4.0 * few.standard_error && few.standard_error < 0.2, "{few:?}, {exact}");
    let all = evidence(rows, &draws, &how(3, 3), &Streams::new(72)).unwrap();
    assert_eq!(all.permutations, Permutations::All);
    assert!(all.ln_evidence != few.ln_evidence && all.discrepancy(&few) < 2.0);
}

#[test]
fn more_components_than_exchange_at_once_are_refused_by_the_bridge_alone() {
    // Nothing tells seventeen components of one row apart.
    let rows = Data::from_rows(&(0..17).map(|i| [f64::from(i) / 100.0]).collect::<Vec<_>>()).unwrap();
    let known = Structure::Known(Covariance::isotropic(1, 1.0).unwrap());
    let model = model(&known, &[1.0; 17], &rows);
    let draws = draw(&model, &rows, 20, &Streams::new(1));
    let refused = evidence(&rows, &draws, &bridge(2, 2), &Streams::new(1));
    assert_eq!(refused, Err(NoEvidence::TooManyComponents { k: 17, most: 16 }));
    let sampled = Estimate::Chib(Chib { sampled: 100, ..Chib::default() });
    let estimate = evidence(&rows, &draws, &sampled, &Streams::new(1)).unwrap();
    assert_eq!(estimate.permutations, Permutations::Sampled { n: 100 });
    assert!(estimate.ln_evidence.is_finite());
}

#[test]
fn evidences_do_not_depend_on_the_number_of_threads() {
    let rows = data(&table("faithful").rows);
    let model = model(&Structure::Free(Shape::Full), &[1.0; 3], &rows);
    let draws = draw(&model, &rows, 60, &Streams::new(81));
    for how in [bridge(10, 50), chib(), Estimate::Chib(Chib { points: 3, most_exchanging: 1, sampled: 2 })] {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| evidence(&rows, &draws, &how, &Streams::new(82)).unwrap())
        };
        assert_eq!(on(1), on(2), "{how:?}");
        assert_eq!(on(1), on(5), "{how:?}");
        assert_ne!(on(1), evidence(&rows, &draws, &how, &Streams::new(83)).unwrap(), "{how:?}");
    }
}

#[test]
fn what_has_no_estimate_is_refused() {
    let rows = data(&table("faithful").rows);
    let model = model(&Structure::Free(Shape::Full), &[1.0; 2], &rows);
    let few = draw(&model, &rows, 19, &Streams::new(1));
    let run = |rows: &Data, draws: &Draws, how: &Estimate| evidence(rows, draws, how, &Streams::new(1));
    assert_eq!(run(&rows, &few, &chib()), Err(NoEvidence::TooFewDraws { found: 19 }));
    let draws = draw(&model, &rows, 20, &Streams::new(1));
    assert_eq!(run(&rows, &draws, &bridge(0, 5)), Err(NoEvidence::Zero { name: "components" }));
    assert_eq!(run(&rows, &draws, &bridge(5, 0)), Err(NoEvidence::Zero { name: "proposals" }));
    let none = Estimate::Chib(Chib { sampled: 0, ..Chib::default() });
    assert_eq!(run(&rows, &draws, &none), Err(NoEvidence::Zero { name: "sampled" }));
    let none = Estimate::Chib(Chib { points: 0, ..Chib::default() });
    assert_eq!(run(&rows, &draws, &none), Err(NoEvidence::Zero { name: "points" }));
    let fewer = Data::from_rows(&[[1.0, 2.0]]).unwrap();
    let other = NoEvidence::OtherData { what: "rows", found: 1, expected: 272 };
    assert_eq!(run(&fewer, &draws, &chib()), Err(other));
}
