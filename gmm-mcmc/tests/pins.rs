//! Pins of what is reported of draws, recomputed from them by hand, and of the chains' independence.

#![allow(clippy::unwrap_used)]

use gmm_core::{Data, Mixture, Model, Shape, Streams, Structure};
use gmm_em::{Em, Objective, fit};
use gmm_mcmc::{Draws, Gibbs, QuantitySummary, Start, diagnostics, sample, summarise};
use reference::{data, table};

fn faithful() -> Data {
    data(&table("faithful").rows)
}

fn run(k: usize, structure: Structure, settings: &Gibbs) -> Draws {
    let data = faithful();
    let model = Model::with_default_prior(k, structure, &data).unwrap();
    sample(&model, &data, settings, &[], &Streams::new(91), &|_| {}).unwrap()
}

#[test]
fn chains_that_start_at_the_same_optimum_draw_different_numbers() {
    let data = faithful();
    let model = Model::with_default_prior(2, Structure::Free(Shape::Full), &data).unwrap();
    let em = Em { objective: Objective::Posterior, restarts: 2, ..Em::default() };
    let optimum: Mixture = fit(&model, &data, &em, &Streams::new(1), &|_| {}).unwrap().mixture;
    let settings = Gibbs { chains: 8, warmup: 0, draws: 3, ..Gibbs::default() };
    let draws = sample(&model, &data, &settings, &[optimum], &Streams::new(92), &|_| {}).unwrap();
    assert_eq!(draws.chains().iter().filter(|chain| chain.start == Start::Optimum(0)).count(), 4);
    for t in 0..3 {
        for b in 0..8 {
            for a in 0..b {
                let (left, right) = (draws.draw(a, t), draws.draw(b, t));
                assert_ne!(left.weight(0), right.weight(0), "chains {a} and {b}, draw {t}");
                assert_ne!(left.mean(0, 0), right.mean(0, 0), "chains {a} and {b}, draw {t}");
                assert_ne!(left.covariance(1, 0, 1), right.covariance(1, 0, 1), "chains {a} and {b}, draw {t}");
            }
        }
    }
}

#[test]
fn an_effective_sample_size_is_low_if_that_of_the_bulk_or_of_the_tails_is() {
    let low = |ess_bulk: f64, ess_tail: f64| {
        let name = "x".to_owned();
        let (mean, sd, mcse_mean, r_hat) = (0.0, 1.0, 0.01, 1.0);
        let (q5, q25, q50, q75, q95) = (-1.6, -0.7, 0.0, 0.7, 1.6);
        QuantitySummary { name, mean, sd, q5, q25, q50, q75, q95, mcse_mean, ess_bulk, ess_tail, r_hat }.has_low_ess()
    };
    assert!(low(4000.0, 399.0));
    assert!(low(399.0, 4000.0));
    assert!(low(100.0, 100.0));
    assert!(!low(400.0, 400.0));
}

fn assert_close(a: f64, b: f64, what: &str) {
    assert!((a - b).abs() <= 1e-9 * b.abs().max(1e-3), "{what}: {a} where {b} was expected");
}

/// Type 7: between the order statistics around (n - 1) p.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let h = (sorted.len() - 1) as f64 * p;
    let i = h as usize;
    sorted[i] + (h - i as f64) * (sorted[i + 1] - sorted[i])
}

#[test]
fn summaries_are_the_moments_and_quantiles_of_the_draws() {
    let settings = Gibbs { chains: 3, warmup: 20, draws: 70, ..Gibbs::default() };
    let draws = run(2, Structure::Free(Shape::Full), &settings);
    let summaries = draws.summaries();
    assert_eq!(format!("{summaries:?}"), format!("{:?}", summarise(&draws.quantities())));
    assert!(draws.quantities().into_iter().all(|quantity| draws.named(&quantity.name) == Some(quantity)));
    assert_eq!(draws.named("weights[99]"), None);

    // Every quantity once more, from single draws; moments of the mixture from its raw second moments.
    let of_all = |f: &dyn Fn(usize, usize) -> f64| -> Vec<Vec<f64>> {
        (0..3).map(|c| (0..70).map(|t| f(c, t)).collect()).collect()
    };
    let mixture_mean = |c, t, i| (0..2).map(|j| draws.draw(c, t).weight(j) * draws.draw(c, t).mean(j, i)).sum::<f64>();
    let mixture_covariance = |c, t, a, b| {
        let row = draws.draw(c, t);
        let raw = |j| row.weight(j) * (row.covariance(j, a, b) + row.mean(j, a) * row.mean(j, b));
        raw(0) + raw(1) - mixture_mean(c, t, a) * mixture_mean(c, t, b)
    };
    let mut expected = vec![
        ("ln_likelihood".to_owned(), of_all(&|c, t| draws.chains()[c].ln_likelihood[t])),
        ("ln_posterior".to_owned(), of_all(&|c, t| draws.chains()[c].ln_posterior[t])),
        ("n_occupied".to_owned(), of_all(&|c, t| draws.chains()[c].n_occupied[t] as f64)),
        (
            "sum_squared_weights".to_owned(),
            of_all(&|c, t| draws.draw(c, t).weight(0).powi(2) + draws.draw(c, t).weight(1).powi(2)),
        ),
    ];
    for i in 0..2 {
        expected.push((format!("mixture_mean[{i}]"), of_all(&|c, t| mixture_mean(c, t, i))));
    }
    for (a, b) in [(0, 0), (0, 1), (1, 1)] {
        expected.push((format!("mixture_covariance[{a},{b}]"), of_all(&|c, t| mixture_covariance(c, t, a, b))));
    }
    for j in 0..2 {
        expected.push((format!("weights[{j}]"), of_all(&|c, t| draws.draw(c, t).weight(j))));
    }
    for j in 0..2 {
        for i in 0..2 {
            expected.push((format!("means[{j},{i}]"), of_all(&|c, t| draws.draw(c, t).mean(j, i))));
        }
    }
    for j in 0..2 {
        for (a, b) in [(0, 0), (0, 1), (1, 1)] {
            let name = format!("covariances[{j},{a},{b}]");
            expected.push((name, of_all(&|c, t| draws.draw(c, t).covariance(j, a, b))));
        }
    }

    assert_eq!(summaries.len(), expected.len());
    for ((summary, quantity), (name, values)) in summaries.iter().zip(draws.quantities()).zip(expected) {
        assert_eq!((&summary.name, &quantity.name), (&name, &name));
        for (a, b) in quantity.values.concat().iter().zip(values.concat()) {
            assert_close(*a, b, &name);
        }
        let mut all = values.concat();
        all.sort_by(f64::total_cmp);
        let n = all.len() as f64;
        assert_eq!(n, 210.0);
        let mean = all.iter().sum::<f64>() / n;
        let sd = (all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        assert_close(summary.mean, mean, &name);
        assert_close(summary.sd, sd, &name);
        assert_close(summary.q5, quantile(&all, 0.05), &name);
        assert_close(summary.q50, quantile(&all, 0.5), &name);
        assert_close(summary.q95, quantile(&all, 0.95), &name);
        // Diagnostics take the same chains; those of a constant are NaN.
        let diagnosed = [
            (summary.mcse_mean, diagnostics::mcse_mean(&quantity.values)),
            (summary.ess_bulk, diagnostics::ess_bulk(&quantity.values)),
            (summary.ess_tail, diagnostics::ess_tail(&quantity.values)),
            (summary.r_hat, diagnostics::r_hat_rank(&quantity.values)),
        ];
        for (a, b) in diagnosed {
            assert_eq!(a.to_bits(), b.to_bits(), "{name}: {a} where {b} was expected");
        }
    }
}

#[test]
fn a_mixture_covariance_holds_the_spread_between_the_components() {
    // Known and small covariances: nearly all of the variance lies between the means.
    let data = Data::from_rows(&(0..40).map(|i| [f64::from(i % 2) * 10.0]).collect::<Vec<_>>()).unwrap();
    let covariance = gmm_core::Covariance::isotropic(1, 0.01).unwrap();
    let model = Model::with_default_prior(2, Structure::Known(covariance), &data).unwrap();
    let settings = Gibbs { chains: 2, warmup: 20, draws: 50, ..Gibbs::default() };
    let draws = sample(&model, &data, &settings, &[], &Streams::new(93), &|_| {}).unwrap();
    for t in 0..50 {
        let row = draws.draw(0, t);
        let between = row.weight(0) * row.weight(1) * (row.mean(0, 0) - row.mean(1, 0)).powi(2);
        assert_close(row.mixture_covariance(0, 0), 0.01 + between, "variance");
    }
}

#[test]
fn place_j_shows_the_component_of_the_old_place_in_the_order() {
    let settings = Gibbs { chains: 2, warmup: 30, draws: 20, ..Gibbs::default() };
    for structure in [Structure::Free(Shape::Full), Structure::Free(Shape::Diagonal)] {
        let mut draws = run(3, structure, &settings);
        // The second cycle starts from an order that is not the identity.
        for order in [[2, 0, 1], [2, 0, 1], [1, 0, 2], [1, 2, 0]] {
            let old = draws.clone();
            draws.reorder(&order);
            for j in 0..3 {
                assert_eq!(draws.order()[j], old.order()[order[j]]);
                for (c, t) in (0..2).flat_map(|c| (0..20).map(move |t| (c, t))) {
                    let (new, old, place) = (draws.draw(c, t), old.draw(c, t), order[j]);
                    assert_eq!(new.weight(j), old.weight(place));
                    for a in 0..2 {
                        assert_eq!(new.mean(j, a), old.mean(place, a));
                        assert_eq!(new.covariance(j, a, 1), old.covariance(place, a, 1));
                    }
                }
            }
            assert_eq!(draws.mean_mixture().unwrap(), old.mean_mixture().unwrap().permuted(&order));
        }
    }
}
