//! The first scans of a chain are those of the run.
#![allow(clippy::unwrap_used)]

use gmm_core::{Covariance, Data, Mixture, Model, Shape, Streams, Structure};
use gmm_mcmc::{Draws, Gibbs, Kind, NoTrajectory, Tempering, sample, trajectory};
use reference::{data, table};

fn galaxies() -> (Model, Data) {
    let data = data(&table("galaxies").rows);
    (Model::with_default_prior(4, Structure::Free(Shape::Full), &data).unwrap(), data)
}

fn kinds() -> Vec<Gibbs> {
    let plain = Gibbs { chains: 2, warmup: 0, draws: 40, ..Gibbs::default() };
    let tempering = Some(Tempering { rungs: 4 });
    vec![
        plain.clone(),
        Gibbs { kind: Kind::Collapsed, ..plain.clone() },
        Gibbs { tempering, ..plain.clone() },
        Gibbs { kind: Kind::Collapsed, tempering, ..plain },
    ]
}

fn run(model: &Model, data: &Data, settings: &Gibbs, optima: &[Mixture]) -> Draws {
    sample(model, data, settings, optima, &Streams::new(6), &|_| {}).unwrap()
}

#[test]
fn scans_after_the_warm_up_are_the_draws_relabelled_bit_for_bit() {
    let (model, data) = galaxies();
    for (settings, warmup) in kinds().into_iter().flat_map(|kind| [0, 1, 70].map(|warmup| (kind.clone(), warmup))) {
        let settings = Gibbs { warmup, ..settings };
        let mut draws = run(&model, &data, &settings, &[]);
        draws.reorder(&[2, 0, 3, 1]);
        let chain = warmup.min(settings.chains - 1);
        let frames = trajectory(&draws, &data, &settings, &[], &Streams::new(6), chain, usize::MAX).unwrap();
        assert_eq!(frames.len(), 1 + warmup + 40, "{settings:?}");
        for (i, frame) in frames.iter().enumerate() {
            assert_eq!(frame.scan, i);
            let sum: f64 = data.rows().map(|row| frame.mixture.ln_density(row)).sum();
            assert!((sum - frame.ln_likelihood).abs() < 1e-9 * sum.abs(), "{frame:?}: {sum}");
            assert!((frame.ln_posterior - sum - model.ln_prior(&frame.mixture)).abs() < 1e-9 * sum.abs());
        }
        for (draw, frame) in frames[1 + warmup..].iter().enumerate() {
            let row = draws.draw(chain, draw);
            assert_eq!((frame.ln_likelihood, frame.ln_posterior), (row.ln_likelihood(), row.ln_posterior()));
            for j in 0..4 {
                assert_eq!((frame.mixture.weights()[j], frame.mixture.mean(j)[0]), (row.weight(j), row.mean(j, 0)));
                assert_eq!(frame.mixture.covariance(j).as_symmetric().get(0, 0), row.covariance(j, 0, 0));
            }
        }
        // Few of them are the first of all.
        for most in [0, 1, 5, warmup, warmup + 3] {
            let some = trajectory(&draws, &data, &settings, &[], &Streams::new(6), chain, most).unwrap();
            assert_eq!(some, frames[..most]);
        }
    }
}

#[test]
fn a_chain_that_starts_at_an_optimum_shows_it_first() {
    let (model, data) = galaxies();
    let settings = Gibbs { chains: 1, warmup: 5, draws: 20, ..Gibbs::default() };
    let means = [33.0, 9.7, 19.9, 23.0].map(|mean| vec![mean]).to_vec();
    let covariances = vec![Covariance::new(gmm_core::Symmetric::full(&[vec![1.0]]).unwrap()).unwrap(); 4];
    let optimum = Mixture::new(vec![0.1, 0.1, 0.4, 0.4], means, covariances).unwrap();
    let optima = [optimum.clone()];
    let draws = run(&model, &data, &settings, &optima);
    let frames = trajectory(&draws, &data, &settings, &optima, &Streams::new(6), 0, 10).unwrap();
    let mut found: Vec<f64> = frames[0].mixture.means().to_vec();
    found.sort_by(f64::total_cmp);
    assert_eq!(found, [9.7, 19.9, 23.0, 33.0]);
    // Components that far apart are listed as the draws list them.
    let listed = draws.mean_mixture().unwrap();
    assert_eq!(gmm_core::match_mixture(&frames[0].mixture, &listed), Some(vec![0, 1, 2, 3]));
}

#[test]
fn other_chains_and_other_rows_are_refused() {
    let (model, data) = galaxies();
    let settings = Gibbs { chains: 1, warmup: 5, draws: 20, ..Gibbs::default() };
    let draws = run(&model, &data, &settings, &[]);
    let other = trajectory(&draws, &data, &settings, &[], &Streams::new(7), 0, 10);
    assert!(matches!(other, Err(NoTrajectory::Another { scan: 6, .. })), "{other:?}");
    let fewer = Data::from_rows(&data.rows().take(60).map(<[f64]>::to_vec).collect::<Vec<_>>()).unwrap();
    let refused = trajectory(&draws, &fewer, &settings, &[], &Streams::new(6), 0, 10);
    assert_eq!(refused, Err(NoTrajectory::Table { found: [60, 1], expected: [82, 1] }));
    let none = trajectory(&draws, &data, &Gibbs { draws: 0, ..settings.clone() }, &[], &Streams::new(6), 0, 10);
    assert!(matches!(none, Err(NoTrajectory::Sampling(_))), "{none:?}");
    let beyond = trajectory(&draws, &data, &settings, &[], &Streams::new(6), 1, 10);
    assert_eq!(beyond, Err(NoTrajectory::Chain { chain: 1, of: 1 }));
}
