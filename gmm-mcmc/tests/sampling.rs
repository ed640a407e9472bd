//! Chains, draws and their summaries: reproducibility, relabelling, disagreement, refused settings.
#![allow(clippy::unwrap_used)]

use gmm_core::{Model, Shape, Streams, Structure};
use gmm_em::{Em, Objective, fit};
use gmm_mcmc::{Draws, Gibbs, GibbsError, Start, levels, sample};
use reference::{Family, data, flat_model, table};

fn faithful() -> gmm_core::Data {
    data(&table("faithful").rows)
}

fn in_pool<T: Send>(threads: usize, f: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f)
}

#[test]
fn the_draws_do_not_depend_on_the_number_of_threads() {
    let data = faithful();
    let model = Model::with_default_prior(3, Structure::Free(Shape::Full), &data).unwrap();
    let settings = Gibbs { chains: 3, warmup: 20, draws: 50, ..Gibbs::default() };
    let run = |threads| in_pool(threads, || sample(&model, &data, &settings, &[], &Streams::new(7), &|_| {}).unwrap());
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(4));
    assert_ne!(one, sample(&model, &data, &settings, &[], &Streams::new(8), &|_| {}).unwrap());
}

/// Overlapping components switch labels often; a posterior mean without relabelling would put all means together.
#[test]
fn relabelling_keeps_components_apart_where_labels_switch() {
    let data = data(&table("galaxies").rows);
    let model = Model::with_default_prior(4, Structure::Free(Shape::Full), &data).unwrap();
    let settings = Gibbs { chains: 4, warmup: 500, draws: 4000, ..Gibbs::default() };
    let draws = sample(&model, &data, &settings, &[], &Streams::new(3), &|_| {}).unwrap();
    let raw_switches = draws.map(|row| row.mean(0, 0)).iter().flatten().count();
    assert_eq!(raw_switches, 16_000, "no draw is dropped");
    let means = draws.mean_mixture().unwrap();
    let first: Vec<f64> = (0..4).map(|k| means.mean(k)[0]).collect();
    assert!(first.is_sorted(), "{first:?}");
    assert!(first[0] < 12.0 && first[3] > 23.0, "{first:?}");
    // The label-invariant quantities know nothing of labels: sums over components agree with per-component draws.
    let by_name = |name: &str| draws.named(name).unwrap().values;
    let (total, parts): (Vec<f64>, Vec<Vec<f64>>) =
        (by_name("mixture_mean[0]").concat(), (0..4).map(|k| by_name(&format!("weights[{k}]")).concat()).collect());
    let means: Vec<Vec<f64>> = (0..4).map(|k| by_name(&format!("means[{k},0]")).concat()).collect();
    for t in 0..total.len() {
        let sum: f64 = (0..4).map(|k| parts[k][t] * means[k][t]).sum();
        assert!((sum - total[t]).abs() < 1e-12 * total[t].abs());
    }
}

#[test]
fn components_can_be_listed_in_another_order() {
    let data = faithful();
    let model = Model::with_default_prior(2, Structure::Free(Shape::Diagonal), &data).unwrap();
    let settings = Gibbs { chains: 2, warmup: 50, draws: 50, ..Gibbs::default() };
    let mut draws: Draws = sample(&model, &data, &settings, &[], &Streams::new(3), &|_| {}).unwrap();
    let before = draws.mean_mixture().unwrap();
    draws.reorder(&[1, 0]);
    let after = draws.mean_mixture().unwrap();
    assert!(before.mean(0)[0] < before.mean(1)[0]);
    assert_eq!(before.permuted(&[1, 0]), after);
}

#[test]
fn half_of_the_chains_start_at_optima_and_the_others_are_dispersed() {
    let data = faithful();
    let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data).unwrap();
    let em = Em { objective: Objective::Posterior, restarts: 4, ..Em::default() };
    let optimum = fit(&model, &data, &em, &Streams::new(1), &|_| {}).unwrap().mixture;
    let settings = Gibbs { chains: 5, warmup: 10, draws: 10, ..Gibbs::default() };
    let draws = sample(&model, &data, &settings, &[optimum], &Streams::new(1), &|_| {}).unwrap();
    let starts: Vec<Start> = draws.chains().iter().map(|chain| chain.start).collect();
    use Start::{Dispersed, Optimum};
    assert_eq!(starts, [Optimum(0), Dispersed, Optimum(0), Dispersed, Optimum(0)]);
}

/// A posterior with two far modes: chains in different ones differ in level.
#[test]
fn chains_in_different_modes_are_said_to_disagree() {
    // Three narrow clusters; a chain that starts with two components on the first cannot part them again.
    let rows: Vec<[f64; 1]> = (0..120).map(|i| [f64::from(i / 40) * 30.0 + f64::from(i % 40) / 40.0]).collect();
    let data = gmm_core::Data::from_rows(&rows).unwrap();
    let covariance = gmm_core::Covariance::isotropic(1, 0.01).unwrap();
    let model = Model::with_default_prior(3, Structure::Known(covariance.clone()), &data).unwrap();
    let trapped = gmm_core::Mixture::new(vec![1.0, 1.0, 1.0], vec![vec![0.2], vec![0.8], vec![45.0]], vec![covariance]);
    let settings = Gibbs { chains: 8, warmup: 100, draws: 200, ..Gibbs::default() };
    let draws = sample(&model, &data, &settings, &[trapped.unwrap()], &Streams::new(5), &|_| {}).unwrap();
    let levels = levels(&draws);
    let spread = levels.means.iter().copied().fold(f64::NEG_INFINITY, f64::max)
        - levels.means.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(levels.disagree && spread > 100.0, "{levels:?}");

    let faithful = faithful();
    let easy = Model::with_default_prior(2, Structure::Tied(Shape::Full), &faithful).unwrap();
    let draws = sample(&easy, &faithful, &Gibbs::default(), &[], &Streams::new(5), &|_| {}).unwrap();
    assert!(!gmm_mcmc::levels(&draws).disagree);
    let summaries = draws.summaries();
    assert!(summaries.iter().all(|s| !s.has_high_r_hat() && !s.has_low_ess()), "{summaries:#?}");
}

#[test]
fn what_cannot_be_sampled_is_refused() {
    let data = faithful();
    let run = |model: &Model, settings: &Gibbs| sample(model, &data, settings, &[], &Streams::new(1), &|_| {});
    let flat = flat_model(Family::Full, None, 2, 2, 1.0);
    assert_eq!(run(&flat, &Gibbs::default()), Err(GibbsError::FlatPrior));
    let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data).unwrap();
    assert_eq!(run(&model, &Gibbs { chains: 0, ..Gibbs::default() }), Err(GibbsError::Zero { name: "chains" }));
    assert_eq!(run(&model, &Gibbs { draws: 0, ..Gibbs::default() }), Err(GibbsError::Zero { name: "draws" }));
    let many = Model::with_default_prior(300, Structure::Free(Shape::Full), &data).unwrap();
    assert!(matches!(run(&many, &Gibbs::default()), Err(GibbsError::Seeding(_))));
}
