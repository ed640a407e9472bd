//! Identifiability, co-clustering and partitions: against enumeration, reference posteriors, truth, and formulas by hand.
#![allow(clippy::unwrap_used, clippy::panic)]

use gmm_core::{Data, Model, Shape, Streams, Structure, adjusted_rand_index};
use gmm_mcmc::diagnostics::mcse_mean;
use gmm_mcmc::{
    CoClustering, Draws, Gibbs, LabelError, MOST_PARTITION_ROWS, MOST_SIMILARITY_ROWS, PartitionLoss, PartitionSearch,
    Relabelling, SimilarityMatrix, sample,
};
use rand::RngExt;
use rayon::prelude::*;
use reference::{data, exact_cases, posterior_cases, table};

fn draw(model: &Model, data: &Data, draws: usize, seed: u64) -> Draws {
    let settings = Gibbs { chains: 4, warmup: 200, draws, ..Gibbs::default() };
    sample(model, data, &settings, &[], &Streams::new(seed), &|_| {}).unwrap()
}

fn default_draws(rows: &Data, k: usize, draws: usize, seed: u64) -> Draws {
    draw(&Model::with_default_prior(k, Structure::Free(Shape::Full), rows).unwrap(), rows, draws, seed)
}

/// So many rows in each of three groups on a line, by default far apart.
fn groups(rows: usize, distance: f64) -> Data {
    let row = |i: usize| [((i * 7919) as f64).sin() + distance * (i % 3) as f64];
    Data::from_rows(&(0..3 * rows).map(row).collect::<Vec<_>>()).unwrap()
}

fn matrix(draws: &Draws, rows: &Data) -> SimilarityMatrix {
    match draws.co_clustering(rows, 0, &Streams::new(0)).unwrap() {
        CoClustering::All(matrix) => matrix,
        CoClustering::Pairs(_) => panic!("all pairs of {} rows", rows.n()),
    }
}

/// The probability that two rows are together under each draw, chain by chain.
fn together(draws: &Draws, rows: &Data, i: usize, j: usize) -> Vec<Vec<f64>> {
    let of_draw = |c: usize, t: usize| -> f64 {
        let mixture = draws.mixture(c, t).unwrap();
        mixture
            .responsibilities(rows.row(i))
            .iter()
            .zip(mixture.responsibilities(rows.row(j)))
            .map(|(a, b)| a * b)
            .sum()
    };
    (0..draws.chains().len()).map(|c| (0..draws.n_draws()).map(|t| of_draw(c, t)).collect()).collect()
}

#[test]
fn co_clustering_and_expected_losses_agree_with_enumeration() {
    let cases: Vec<_> = exact_cases()
        .into_iter()
        .flat_map(|case| case.finite_mixture.clone().into_iter().map(move |entry| (case.clone(), entry)))
        .filter(|(_, entry)| entry.n_components > 1)
        .collect();
    let z: Vec<Vec<f64>> = cases
        .par_iter()
        .map(|(case, entry)| {
            let rows = data(&case.data_rows);
            let draws = draw(&case.model(entry.n_components, entry.concentration), &rows, 1000, 50);
            let pairs = matrix(&draws, &rows);
            let mut all = Vec::new();
            for (i, j) in (0..8).flat_map(|i| (0..i).map(move |j| (i, j))) {
                let of_draws = together(&draws, &rows, i, j);
                let mean = of_draws.iter().flatten().sum::<f64>() / 4000.0;
                assert!((pairs.get(i, j) - mean).abs() < 1e-12 && pairs.get(i, j) == pairs.get(j, i));
                all.push((pairs.get(i, j) - entry.coclustering[i][j]) / mcse_mean(&of_draws));
            }
            assert_eq!(pairs.get(3, 3), 1.0);

            // Binder's expected loss of the estimate, and the least there is among partitions into two clusters.
            let loss = PartitionLoss::Binder;
            let search = PartitionSearch { loss, draws: 4000, runs: 8, max_clusters: Some(2) };
            let estimate = draws.partition(&rows, &search, &Streams::new(51)).unwrap();
            let exact = |clusters: &dyn Fn(usize) -> usize| {
                let pairs = (0..8).flat_map(|i| (0..i).map(move |j| (i, j)));
                let differs = |(i, j)| match clusters(i) == clusters(j) {
                    true => 1.0 - entry.coclustering[i][j],
                    false => entry.coclustering[i][j],
                };
                pairs.map(differs).sum::<f64>() / 28.0
            };
            let own = exact(&|i| usize::from(estimate.clusters[i]));
            let least = (0..128).map(|code: usize| exact(&|i| code >> i & 1)).fold(f64::INFINITY, f64::min);
            all.push((estimate.expected_loss - own) / estimate.standard_error);
            assert!(own - least <= 4.0 * estimate.standard_error, "{} {least} {estimate:?}", case.case);
            all
        })
        .collect();
    // By chance one in 16,000 is beyond 4.
    let all = z.concat();
    assert!(all.len() > 400 && all.iter().all(|z| z.abs() < 4.5), "{z:?}");
    let rms = (all.iter().map(|z| z * z).sum::<f64>() / all.len() as f64).sqrt();
    assert!((0.6..1.4).contains(&rms), "{rms}");
}

#[test]
fn co_clustering_agrees_with_reference_posteriors() {
    let mut n_compared = 0;
    for case in posterior_cases() {
        if !["C1_faithful_std_K2_full", "C5_overlap2d_K2"].contains(&case.case.as_str()) {
            continue;
        }
        let rows = data(&case.data());
        let draws = draw(&case.prior.model(case.family, case.n_components), &rows, 2500, 52);
        let all = matrix(&draws, &rows);
        for [i, j] in &case.pairs {
            let expected = case.quantities[&format!("P_same[{i},{j}]")];
            let error = mcse_mean(&together(&draws, &rows, *i, *j)).hypot(expected.mcse_mean);
            let difference = all.get(*i, *j) - expected.mean;
            assert!(difference.abs() < 4.0 * error + 1e-12, "{} {i} {j}: {difference} {error}", case.case);
            n_compared += 1;
        }
    }
    assert!(n_compared >= 4, "{n_compared}");
}

#[test]
fn of_many_rows_pairs_are_sampled() {
    let rows = groups(MOST_SIMILARITY_ROWS / 3 + 1, 4.0);
    let draws = default_draws(&rows, 3, 5, 53);
    let CoClustering::Pairs(pairs) = draws.co_clustering(&rows, 150, &Streams::new(54)).unwrap() else {
        panic!("{} rows", rows.n())
    };
    assert_eq!(pairs.len(), 150);
    for pair in &pairs {
        let [i, j] = pair.rows;
        let expected = together(&draws, &rows, i, j).concat().iter().sum::<f64>() / 20.0;
        assert!(i != j && (pair.together - expected).abs() < 1e-12, "{pair:?} {expected}");
    }
    let others = draws.co_clustering(&rows, 150, &Streams::new(55)).unwrap();
    assert_ne!(CoClustering::Pairs(pairs), others);
    assert_eq!(draws.co_clustering(&rows, 0, &Streams::new(54)), Err(LabelError::Zero { name: "pairs" }));
}

#[test]
fn separate_groups_are_the_estimate_under_either_loss() {
    let rows = groups(25, 40.0);
    let truth: Vec<usize> = (0..75).map(|i| i % 3).collect();
    // A component more than there are groups: it is empty or takes single rows.
    for k in [3, 4] {
        let draws = default_draws(&rows, k, 300, 56);
        for loss in [PartitionLoss::VariationOfInformation, PartitionLoss::Binder] {
            let search = PartitionSearch { loss, draws: 400, runs: 6, max_clusters: None };
            let estimate = draws.partition(&rows, &search, &Streams::new(57)).unwrap();
            assert_eq!(adjusted_rand_index(&truth, &estimate.clusters), 1.0, "{k} {loss:?}");
            assert_eq!((estimate.n_clusters, estimate.n_runs, estimate.n_draws), (3, 6, 400));
            assert!(estimate.n_found >= 5 && estimate.max_clusters <= k, "{estimate:?}");
            if k == 3 {
                assert_eq!((estimate.expected_loss, estimate.standard_error), (0.0, 0.0));
            } else {
                assert!(estimate.expected_loss < 0.5 && estimate.standard_error > 0.0, "{estimate:?}");
            }
        }
    }
}

#[test]
fn estimates_obey_their_bounds_and_gain_on_fewer_clusters() {
    let rows = data(&table("galaxies").rows);
    let draws = default_draws(&rows, 6, 100, 58);
    let one = PartitionSearch { max_clusters: Some(1), draws: 100, runs: 2, ..PartitionSearch::default() };
    let search = PartitionSearch { max_clusters: None, runs: 8, ..one };
    let [single, free] = [one, search].map(|search| draws.partition(&rows, &search, &Streams::new(59)).unwrap());
    assert_eq!((single.n_clusters, single.n_found), (1, 2));
    assert!(free.n_clusters >= 2 && free.n_clusters <= free.max_clusters && free.max_clusters <= 6);
    assert!(free.expected_loss < single.expected_loss, "{free:?}");
    assert!(free.expected_loss > 0.0 && free.standard_error > 0.0);
    // The clusters are numbered in the order of their first rows.
    let mut seen = 0;
    for cluster in &free.clusters {
        assert!(*cluster <= seen);
        seen = seen.max(cluster + 1);
    }
    assert_eq!(usize::from(seen), free.n_clusters);
}

#[test]
fn identifiability_is_that_of_the_mean_allocation_probabilities() {
    for (rows, k) in [(data(&table("galaxies").rows), 4), (groups(60, 2.5), 3)] {
        let mut draws = default_draws(&rows, k, 60, 60);
        draws.reorder(&(0..k).rev().collect::<Vec<_>>());
        // By hand, from whole mixtures.
        let (mut q, mut within) = (vec![vec![0.0; k]; rows.n()], 0.0);
        for (c, t) in (0..4).flat_map(|c| (0..60).map(move |t| (c, t))) {
            let mixture = draws.relabelled(c, t).unwrap();
            assert_eq!(mixture.mean(1)[0], draws.draw(c, t).mean(1, 0));
            for (i, q) in q.iter_mut().enumerate() {
                let p = mixture.responsibilities(rows.row(i));
                q.iter_mut().zip(&p).for_each(|(q, p)| *q += p / 240.0);
                within += p.iter().copied().fold(0.0, f64::max) / 240.0 / rows.n() as f64;
            }
        }
        let probabilities = draws.allocation_probabilities(&rows).unwrap();
        assert!(probabilities.iter().zip(q.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-12));
        let best = |q: &Vec<f64>| (0..k).max_by(|a, b| q[*a].total_cmp(&q[*b])).unwrap();
        let found = draws.identifiability(&rows).unwrap();
        let mut overall = 0.0;
        for j in 0..k {
            let own: Vec<f64> = q.iter().filter(|q| best(q) == j).map(|q| q[j]).collect();
            overall += own.iter().sum::<f64>() / rows.n() as f64;
            assert_eq!(found.n_rows[j], own.len());
            match found.by_component[j] {
                Some(score) => assert!((score - own.iter().sum::<f64>() / own.len() as f64).abs() < 1e-12),
                None => assert!(own.is_empty()),
            }
            let classified = draws.classification(&rows).unwrap();
            assert_eq!(classified.iter().filter(|label| usize::from(**label) == j).count(), own.len());
        }
        assert!((found.overall - overall).abs() < 1e-12 && (found.within_draws - within).abs() < 1e-12);
        assert!(found.overall <= found.within_draws && found.overall >= 1.0 / k as f64);
    }
}

/// Rows of one normal.
fn one_normal(rows: usize) -> Data {
    let mut rng = Streams::new(68).rng(0);
    let mut normal = || (-2.0 * rng.random::<f64>().ln()).sqrt() * (std::f64::consts::TAU * rng.random::<f64>()).cos();
    Data::from_rows(&(0..rows).map(|_| [normal()]).collect::<Vec<_>>()).unwrap()
}

#[test]
fn identifiability_tells_kept_labels_from_lost_ones() {
    let [acidity, overlap, galaxies] = ["acidity", "overlap2d", "galaxies"].map(|name| data(&table(name).rows));
    // Rows, components, whether the overall score is low, how many components are.
    let cases = [
        (groups(40, 12.0), 3, false, 0),
        (acidity, 2, false, 0),
        (galaxies.clone(), 3, false, 0),
        // One component takes all rows, which is no credit to the other.
        (overlap, 2, false, 1),
        (one_normal(150), 2, false, 1),
        // Means between the two groups of the middle.
        (galaxies.clone(), 4, false, 1),
        (galaxies, 6, true, 3),
    ];
    cases.par_iter().for_each(|(rows, k, is_low, n_low)| {
        let mut draws = default_draws(rows, *k, 500, 61);
        let by_ecr = draws.identifiability(rows).unwrap();
        draws.relabel_stephens(rows).unwrap();
        for found in [by_ecr, draws.identifiability(rows).unwrap()] {
            assert_eq!((found.is_low(), found.low_components().len()), (*is_low, *n_low), "{k}: {found:?}");
            assert!(found.kept() > 0.9, "{found:?}");
        }
    });
}

#[test]
fn stephens_falls_below_ecr_where_components_overlap_and_keeps_unequal_concentrations_apart() {
    let rows = data(&table("overlap2d").rows);
    let default = Model::with_default_prior(3, Structure::Free(Shape::Full), &rows).unwrap();
    let components = default.prior().components.clone();
    let weights = Model::dirichlet(vec![1.0, 4.0, 1.0]).unwrap();
    let different = Model::new(2, default.structure().clone(), gmm_core::Prior { weights, components }).unwrap();
    for (model, is_different) in [(default, false), (different, true)] {
        let mut draws = draw(&model, &rows, 100, 62);
        assert_eq!(draws.relabelling(), Relabelling::Ecr);
        let report = draws.relabel_stephens(&rows).unwrap();
        assert!(report.converged && report.iterations > 1 && report.n_changed > 0, "{report:?}");
        assert!(report.objective < report.objective_at_start, "{report:?}");
        let again = draws.clone().relabel_stephens(&rows).unwrap();
        assert_eq!((again.iterations, again.n_changed, again.objective), (1, 0, report.objective));
        let mut moved = 0;
        for (c, t) in (0..4).flat_map(|c| (0..100).map(move |t| (c, t))) {
            let row = draws.draw(c, t);
            let mut components: Vec<usize> = (0..3).map(|j| row.component(j)).collect();
            moved += (0..3).filter(|j| (draws.order()[*j] == 1) != (components[*j] == 1)).count();
            components.sort_unstable();
            assert_eq!(components, [0, 1, 2]);
        }
        assert_eq!(moved == 0, is_different, "{moved}");
    }
}

#[test]
fn nothing_depends_on_the_number_of_threads() {
    let rows = groups(70, 3.0);
    let draws = default_draws(&rows, 3, 40, 63);
    let run = |threads: usize| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            let mut draws = draws.clone();
            let search = PartitionSearch { draws: 60, runs: 5, ..PartitionSearch::default() };
            let partition = draws.partition(&rows, &search, &Streams::new(64)).unwrap();
            let co_clustering = draws.co_clustering(&rows, 0, &Streams::new(65)).unwrap();
            let report = draws.relabel_stephens(&rows).unwrap();
            (partition, co_clustering, report, draws.identifiability(&rows).unwrap(), draws)
        })
    };
    let single = run(1);
    assert_eq!(run(2), single);
    assert_eq!(run(5), single);
}

#[test]
fn what_cannot_be_computed_is_refused() {
    let rows = groups(4, 9.0);
    let mut draws = default_draws(&rows, 2, 10, 66);
    let search = PartitionSearch::default();
    let streams = Streams::new(1);
    let fewer = groups(3, 9.0);
    let error = LabelError::OtherData { what: "rows", found: 9, expected: 12 };
    assert_eq!(draws.clone().relabel_stephens(&fewer), Err(error.clone()));
    assert_eq!(draws.identifiability(&fewer), Err(error.clone()));
    assert_eq!(draws.co_clustering(&fewer, 1, &streams), Err(error.clone()));
    assert_eq!(draws.partition(&fewer, &search, &streams), Err(error));
    let wider = Data::new(rows.values().iter().flat_map(|x| [*x, 1.0]).collect(), 2).unwrap();
    let error = LabelError::OtherData { what: "columns", found: 2, expected: 1 };
    assert_eq!(draws.relabel_stephens(&wider), Err(error));
    for (name, search) in [
        ("draws", PartitionSearch { draws: 0, ..search }),
        ("runs", PartitionSearch { runs: 0, ..search }),
        ("max_clusters", PartitionSearch { max_clusters: Some(0), ..search }),
    ] {
        assert_eq!(draws.partition(&rows, &search, &streams), Err(LabelError::Zero { name }));
    }
    let many = groups(MOST_PARTITION_ROWS / 3 + 1, 9.0);
    let draws = default_draws(&many, 1, 1, 67);
    let error = LabelError::TooManyRows { n: 10_002, most: 10_000 };
    assert_eq!(draws.partition(&many, &search, &streams), Err(error));
}
