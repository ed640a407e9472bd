//! A scan and what is made of it allocate nothing once the memory of a chain stands.
#![allow(clippy::unwrap_used)]

use allocation_counter::measure;
use gmm_core::{Model, Shape, Streams, Structure};
use gmm_mcmc::{Gibbs, Kind, Scan, sample};
use rand::RngExt;
use reference::{data, table};

/// On one thread: the counts are those of the thread that asks.
fn on_one_thread<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(f)
}

fn models(k: usize) -> Vec<Model> {
    let data = data(&table("faithful").rows);
    let mut models = Vec::new();
    for shape in Shape::ALL {
        let known = Structure::Known(
            Model::with_default_prior(1, Structure::Free(shape), &data).unwrap().blank_mixture().covariance(0).clone(),
        );
        for structure in [Structure::Free(shape), Structure::Tied(shape), known] {
            models.push(Model::with_default_prior(k, structure, &data).unwrap());
        }
    }
    models
}

#[test]
fn a_scan_does_not_allocate_in_any_structure() {
    let data = data(&table("faithful").rows);
    for model in models(3) {
        for (kind, scans) in [(Kind::Blocked, 200), (Kind::Collapsed, 50)] {
            let mut scan = Scan::of_kind(kind, &model, &data, model.blank_mixture(), Streams::new(1)).unwrap();
            (0..20).for_each(|_| scan.step().unwrap());
            let allocated = measure(|| {
                for _ in 0..scans {
                    scan.step().unwrap();
                    assert!(scan.ln_posterior().is_finite());
                }
            });
            assert_eq!(allocated.count_total, 0, "{kind:?} {:?}", model.structure());
        }
    }
}

#[test]
fn a_scan_of_many_chunks_of_rows_does_not_allocate() {
    let mut rng = Streams::new(4).rng(0);
    let rows: Vec<[f64; 2]> = (0..30_000).map(|_| rng.random()).collect();
    let data = gmm_core::Data::from_rows(&rows).unwrap();
    let model = Model::with_default_prior(3, Structure::Free(Shape::Full), &data).unwrap();
    let allocated = on_one_thread(|| {
        let mut scan = Scan::new(&model, &data, model.blank_mixture(), Streams::new(1));
        (0..5).for_each(|_| scan.step().unwrap());
        measure(|| (0..5).for_each(|_| scan.step().unwrap()))
    });
    assert_eq!(allocated.count_total, 0);
}

#[test]
fn a_scan_does_not_allocate_in_many_dimensions() {
    let mut rng = Streams::new(3).rng(0);
    let rows: Vec<Vec<f64>> = (0..300).map(|_| (0..70).map(|_| rng.random()).collect()).collect();
    let data = data(&rows);
    let model = Model::with_default_prior(3, Structure::Free(Shape::Full), &data).unwrap();
    let mut scan = Scan::new(&model, &data, model.blank_mixture(), Streams::new(1));
    (0..5).for_each(|_| scan.step().unwrap());
    let allocated = measure(|| {
        scan.step().unwrap();
        assert!(scan.ln_posterior().is_finite());
    });
    assert_eq!(allocated.count_total, 0);
}

#[test]
fn more_draws_take_no_more_allocations() {
    let data = data(&table("faithful").rows);
    for model in models(4) {
        let run = |draws| {
            let settings = Gibbs { chains: 1, warmup: 20, draws, ..Gibbs::default() };
            measure(|| drop(sample(&model, &data, &settings, &[], &Streams::new(2), &|_| {}).unwrap())).count_total
        };
        // The first run pays for what the thread itself keeps.
        let [_, few, many] = on_one_thread(|| [20, 20, 400].map(run));
        assert!(few > 0);
        assert_eq!(few, many, "{:?}", model.structure());
    }
}
