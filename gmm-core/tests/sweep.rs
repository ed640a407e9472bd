//! The sweep against the dense formulas, on every instruction set of the machine, any shape and any block remainder.

#![allow(clippy::unwrap_used)]

mod common;

use common::{cases, data, matrix, start};
use gmm_core::{Covariance, Data, InstructionSet, Label, Mixture, Rule, Shape, Statistics, Streams, Workspace, sweep};
use proptest::prelude::*;
use rand_distr::{Distribution, StandardNormal};

/// Responsibilities, log-likelihood, classification and statistics row by row from `Mixture`.
fn dense(data: &Data, mixture: &Mixture) -> (f64, f64, Statistics) {
    let mut statistics = Statistics::new(mixture.shape(), mixture.k(), mixture.d());
    let (mut ln_l, mut ln_c) = (0.0, 0.0);
    for row in data.rows() {
        ln_l += mixture.ln_density(row);
        let r = mixture.responsibilities(row);
        ln_c += r.iter().copied().fold(0.0, f64::max).ln();
        for (k, r) in r.iter().enumerate() {
            statistics.push(k, *r, row);
        }
    }
    (ln_l, ln_c, statistics)
}

fn assert_close(a: f64, b: f64, tolerance: f64, what: &str) {
    assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{what}: {a} where {b} was expected");
}

fn check_against_dense(data: &Data, mixture: &Mixture, tolerance: f64) {
    let (ln_l, ln_c, expected) = dense(data, mixture);
    for set in InstructionSet::available() {
        let mut workspace = Workspace::with_instruction_set(set);
        let mut statistics = Statistics::new(mixture.shape(), mixture.k(), mixture.d());
        let totals = sweep(data, mixture, Rule::Responsibilities, &mut statistics, &mut workspace);
        let name = set.name();
        assert_close(totals.ln_likelihood, ln_l, tolerance, name);
        assert_close(totals.ln_classification, ln_c, tolerance, name);
        for k in 0..mixture.k() {
            assert_close(statistics.weights()[k], expected.weights()[k], tolerance, name);
            if expected.weights()[k] > 1e-6 {
                for (a, b) in statistics.mean(k).iter().zip(expected.mean(k)) {
                    assert_close(*a, *b, tolerance, name);
                }
            }
            for (a, b) in statistics.scatter(k).entries().iter().zip(expected.scatter(k).entries()) {
                assert_close(*a, *b, tolerance, name);
            }
        }
    }
}

/// Rows that count other than once: the statistics are those of rows pushed with their weights, the rest is that of the
/// rows as they are. Some rows count nothing.
fn check_weighted(data: &Data, mixture: &Mixture, tolerance: f64) {
    let weights: Vec<f64> = (0..data.n()).map(|i| (i * 7 % 5) as f64 * 0.6).collect();
    let mut expected = Statistics::new(mixture.shape(), mixture.k(), mixture.d());
    for (row, weight) in data.rows().zip(&weights) {
        let r = mixture.responsibilities(row);
        r.iter().enumerate().for_each(|(k, r)| expected.push(k, weight * r, row));
    }
    for set in InstructionSet::available() {
        let mut workspace = Workspace::with_instruction_set(set);
        let mut statistics = Statistics::new(mixture.shape(), mixture.k(), mixture.d());
        let plain = sweep(data, mixture, Rule::Responsibilities, &mut statistics, &mut workspace);
        let rule = Rule::Weighted { weights: &weights };
        assert_eq!(sweep(data, mixture, rule, &mut statistics, &mut workspace), plain);
        for k in 0..mixture.k() {
            assert_close(statistics.weights()[k], expected.weights()[k], tolerance, set.name());
            if expected.weights()[k] > 1e-6 {
                for (a, b) in statistics.mean(k).iter().zip(expected.mean(k)) {
                    assert_close(*a, *b, tolerance, set.name());
                }
            }
            for (a, b) in statistics.scatter(k).entries().iter().zip(expected.scatter(k).entries()) {
                assert_close(*a, *b, tolerance, set.name());
            }
        }
    }
}

/// Drawn and classified labels on every instruction set: the statistics are those of the labelled rows, the
/// log-likelihood has the bits that responsibilities give.
fn check_labels(data: &Data, mixture: &Mixture, tolerance: f64) {
    let (n, k, shape) = (data.n(), mixture.k(), mixture.shape());
    let streams = Streams::new(17);
    for set in InstructionSet::available() {
        let mut workspace = Workspace::with_instruction_set(set);
        assert_eq!(workspace.instruction_set(), set);
        let mut statistics = Statistics::new(shape, k, data.d());
        let by_weights = sweep(data, mixture, Rule::Responsibilities, &mut statistics, &mut workspace);
        let mut labels = vec![Label::MAX; n];
        for classify in [false, true] {
            let rule = match classify {
                true => Rule::Classify { labels: &mut labels },
                false => Rule::Draw { streams: &streams, sweep: 5, labels: &mut labels },
            };
            let totals = sweep(data, mixture, rule, &mut statistics, &mut workspace);
            assert_eq!(totals, by_weights, "{}", set.name());
            let partition: Vec<usize> = labels.iter().map(|l| usize::from(*l)).collect();
            let expected = Statistics::from_partition(data, &partition, shape, k);
            assert_eq!(statistics.weights(), expected.weights(), "{}", set.name());
            for c in (0..k).filter(|c| expected.weights()[*c] > 0.0) {
                for (a, b) in statistics.mean(c).iter().zip(expected.mean(c)) {
                    assert_close(*a, *b, tolerance, set.name());
                }
                for (a, b) in statistics.scatter(c).entries().iter().zip(expected.scatter(c).entries()) {
                    assert_close(*a, *b, tolerance, set.name());
                }
            }
        }
        for (row, label) in data.rows().zip(&labels) {
            let r = mixture.responsibilities(row);
            assert!(r.iter().all(|other| r[usize::from(*label)] >= other - 1e-12), "{}", set.name());
        }
    }
}

#[test]
fn the_sweep_equals_the_dense_formula_for_every_structure_dimension_and_remainder() {
    for d in [1, 2, 3, 4, 5, 7, 8, 11] {
        for case in cases(d, 3) {
            for n in [3, 8, 33, 512, 513, 777] {
                let data = data(n, d);
                let mixture = start(&case.model, &data);
                check_against_dense(&data, &mixture, 1e-11);
                check_labels(&data, &mixture, 1e-11);
                check_weighted(&data, &mixture, 1e-11);
            }
        }
    }
}

#[test]
fn many_chunks_of_rows_equal_the_dense_formula_too() {
    for (n, d) in [(8193, 2), (8192, 6), (20_000, 3), (17_000, 7)] {
        for case in cases(d, 3).iter().step_by(2) {
            let data = data(n, d);
            let mixture = start(&case.model, &data);
            check_against_dense(&data, &mixture, 1e-11);
            check_labels(&data, &mixture, 1e-11);
            check_weighted(&data, &mixture, 1e-11);
        }
    }
}

#[test]
fn a_workspace_serves_one_problem_after_another() {
    let mut workspace = Workspace::new();
    for (n, d) in [(600, 6), (9000, 2), (100, 9), (600, 5), (600, 6)] {
        for case in cases(d, 3) {
            let data = data(n, d);
            let mixture = start(&case.model, &data);
            let run = |workspace: &mut Workspace| {
                let mut statistics = case.model.blank_statistics();
                (sweep(&data, &mixture, Rule::Responsibilities, &mut statistics, workspace), statistics)
            };
            assert_eq!(run(&mut workspace), run(&mut Workspace::new()));
        }
    }
}

/// Rows that are all alike, so that only the random numbers tell blocks, chunks, sweeps and streams apart.
#[test]
fn blocks_chunks_sweeps_and_streams_draw_with_numbers_of_their_own() {
    let (block, chunk, n) = (512, 8192, 3 * 8192);
    let data = Data::new(vec![0.0; n], 1).unwrap();
    let mixture = Mixture::new(vec![0.5; 2], vec![vec![0.0]; 2], vec![Covariance::isotropic(1, 1.0).unwrap()]).unwrap();
    let mut statistics = Statistics::new(Shape::Isotropic, 2, 1);
    let mut labels_of = |seed: u64, sweep_number: u64| {
        let mut labels = vec![0; n];
        let rule = Rule::Draw { streams: &Streams::new(seed), sweep: sweep_number, labels: &mut labels };
        sweep(&data, &mixture, rule, &mut statistics, &mut Workspace::new());
        labels
    };
    // The same fraction of equal labels as of coins: within 5 standard deviations.
    let unrelated = |a: &[Label], b: &[Label]| {
        let equal = a.iter().zip(b).filter(|(a, b)| a == b).count() as f64;
        let m = a.len() as f64;
        assert!((equal - m / 2.0).abs() < 5.0 * (m / 4.0).sqrt(), "{equal} of {m}");
    };
    let labels = labels_of(1, 0);
    assert_eq!(labels_of(1, 0), labels);
    unrelated(&labels, &labels_of(1, 1));
    unrelated(&labels, &labels_of(2, 0));
    for lag in [1, 8, block, 2 * block, chunk, 2 * chunk] {
        unrelated(&labels[..n - lag], &labels[lag..]);
    }
    // Neither does a sweep repeat the chunk of another.
    unrelated(&labels[chunk..], &labels_of(1, 1)[..n - chunk]);
    unrelated(&labels[..n - chunk], &labels_of(1, 1)[chunk..]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_mixtures_agree_with_the_dense_formula(
        n in 1usize..1200, d in 1usize..20, k in 1usize..9, shape in 0usize..3, seed in any::<u64>()
    ) {
        let mut rng = Streams::new(seed).rng(0);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let means: Vec<Vec<f64>> = (0..k).map(|_| (0..d).map(|_| 3.0 * normal()).collect()).collect();
        let covariances = (0..k)
            .map(|c| Covariance::new(matrix(d, 0.5 + c as f64).project(Shape::ALL[shape])).unwrap())
            .collect();
        let weights = (0..k).map(|c| 1.0 + c as f64).collect();
        let data = Data::new((0..n * d).map(|_| 3.0 * normal()).collect(), d).unwrap();
        let mixture = Mixture::new(weights, means, covariances).unwrap();
        check_against_dense(&data, &mixture, 1e-10);
        check_labels(&data, &mixture, 1e-10);
        check_weighted(&data, &mixture, 1e-10);
    }
}

#[test]
fn an_offset_of_a_million_costs_no_digits() {
    let offset = 1e6;
    let (near, mixture) = {
        let case = &cases(2, 3)[0];
        let data = data(600, 2);
        let mixture = start(&case.model, &data);
        (data, mixture)
    };
    // Shifted in steps of 2^-20 so that the shift itself is exact.
    let grid = |x: f64| (x * 1_048_576.0).round() / 1_048_576.0;
    let rows: Vec<f64> = near.values().iter().map(|x| grid(*x)).collect();
    let at = |shift: f64| {
        let data = Data::new(rows.iter().map(|x| x + shift).collect(), 2).unwrap();
        let means = (0..3).map(|k| mixture.mean(k).iter().map(|m| grid(*m) + shift).collect()).collect();
        let moved = Mixture::new(mixture.weights().to_vec(), means, mixture.covariances().to_vec()).unwrap();
        let mut statistics = Statistics::new(Shape::Full, 3, 2);
        let totals = sweep(&data, &moved, Rule::Responsibilities, &mut statistics, &mut Workspace::new());
        (totals.ln_likelihood, statistics.scatter(1).clone())
    };
    assert_eq!(at(0.0), at(offset));
}

/// The scatter about a far centre loses digits; the second pass about the new mean restores them.
#[test]
fn a_mean_that_moves_a_million_standard_deviations_keeps_its_scatter() {
    let rows: Vec<[f64; 1]> = (0..100).map(|i| [1e6 + f64::from(i) * 0.01]).collect();
    let data = Data::from_rows(&rows).unwrap();
    let far = Mixture::new(vec![1.0], vec![vec![0.0]], vec![Covariance::isotropic(1, 1.0).unwrap()]).unwrap();
    let mut statistics = Statistics::new(Shape::Isotropic, 1, 1);
    sweep(&data, &far, Rule::Responsibilities, &mut statistics, &mut Workspace::new());
    let mean = 1e6 + rows.iter().map(|x| x[0] - 1e6).sum::<f64>() / 100.0;
    let two_pass: f64 = rows.iter().map(|x| (x[0] - mean).powi(2)).sum();
    assert_close(statistics.scatter(0).entries()[0], two_pass, 1e-10, "scatter");
}

#[test]
fn labels_are_drawn_with_the_responsibilities_and_counted_in_the_statistics() {
    let case = &cases(2, 3)[0];
    let data = data(600, 2);
    let mixture = start(&case.model, &data);
    let (mut workspace, mut statistics) = (Workspace::new(), case.model.blank_statistics());
    let streams = Streams::new(31);
    let mut labels = vec![0; 600];
    let draws = 4000;
    let mut counts = vec![[0u32; 3]; 600];
    for sweep_number in 0..draws {
        let rule = Rule::Draw { streams: &streams, sweep: sweep_number, labels: &mut labels };
        sweep(&data, &mixture, rule, &mut statistics, &mut workspace);
        for (row, label) in counts.iter_mut().zip(&labels) {
            row[usize::from(*label)] += 1;
        }
    }
    let as_partition: Vec<usize> = labels.iter().map(|l| usize::from(*l)).collect();
    let expected = Statistics::from_partition(&data, &as_partition, Shape::Full, 3);
    for k in 0..3 {
        assert_eq!(statistics.weights()[k], expected.weights()[k]);
        for (a, b) in statistics.scatter(k).entries().iter().zip(expected.scatter(k).entries()) {
            assert_close(*a, *b, 1e-11, "scatter");
        }
    }
    // Chi-squared of all rows: mean and variance are known; 5 standard deviations (false alarm 6e-7).
    let (mut statistic, mut cells) = (0.0, 0.0);
    for (row, count) in data.rows().zip(&counts) {
        for (r, count) in mixture.responsibilities(row).iter().zip(count) {
            let (expected, variance) = (draws as f64 * r, draws as f64 * r * (1.0 - r));
            if variance > 5.0 {
                statistic += (f64::from(*count) - expected).powi(2) / variance;
                cells += 1.0;
            }
        }
    }
    assert!(cells > 300.0);
    assert!((statistic / cells - 1.0).abs() < 5.0 * (2.0 * 1.5 / cells).sqrt(), "{}", statistic / cells);
}

#[test]
fn of_components_that_are_equal_the_first_is_the_most_probable() {
    let covariance = Covariance::isotropic(2, 1.0).unwrap();
    let means = vec![vec![9.0, 0.0], vec![0.0, 0.0], vec![0.0, 0.0], vec![9.0, 0.0]];
    let mixture = Mixture::new(vec![0.25; 4], means, vec![covariance]).unwrap();
    let data = data(700, 2);
    let mut statistics = Statistics::new(Shape::Isotropic, 4, 2);
    for set in InstructionSet::available() {
        let mut labels = vec![9; 700];
        let mut workspace = Workspace::with_instruction_set(set);
        sweep(&data, &mixture, Rule::Classify { labels: &mut labels }, &mut statistics, &mut workspace);
        for (row, label) in data.rows().zip(&labels) {
            assert_eq!(*label, u16::from(row[0] < 4.5));
        }
    }
}

#[test]
fn a_component_of_weight_zero_gets_no_row() {
    let covariance = Covariance::isotropic(1, 1.0).unwrap();
    let mixture = Mixture::new(vec![0.0, 1.0, 0.0], vec![vec![0.0], vec![5.0], vec![0.0]], vec![covariance]).unwrap();
    let data = Data::from_rows(&[[0.0], [0.1], [-0.2]]).unwrap();
    let mut statistics = Statistics::new(Shape::Isotropic, 3, 1);
    let mut labels = vec![0; 3];
    let streams = Streams::new(1);
    for sweep_number in 0..50 {
        let rule = Rule::Draw { streams: &streams, sweep: sweep_number, labels: &mut labels };
        sweep(&data, &mixture, rule, &mut statistics, &mut Workspace::new());
        assert_eq!(labels, [1, 1, 1]);
    }
    let totals = sweep(&data, &mixture, Rule::Responsibilities, &mut statistics, &mut Workspace::new());
    assert!(totals.ln_likelihood.is_finite());
    assert_eq!(statistics.weights(), [0.0, 3.0, 0.0]);
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let case = &cases(3, 3)[0];
    let data = data(70_000, 3);
    let mixture = start(&case.model, &data);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (mut statistics, mut labels) = (case.model.blank_statistics(), vec![0; data.n()]);
            let mut workspace = Workspace::new();
            let em = sweep(&data, &mixture, Rule::Responsibilities, &mut statistics, &mut workspace);
            let em_statistics = statistics.clone();
            let rule = Rule::Draw { streams: &Streams::new(2), sweep: 7, labels: &mut labels };
            let gibbs = sweep(&data, &mixture, rule, &mut statistics, &mut workspace);
            let gibbs_statistics = statistics.clone();
            let weights: Vec<f64> = (0..data.n()).map(|i| (i % 3) as f64).collect();
            sweep(&data, &mixture, Rule::Weighted { weights: &weights }, &mut statistics, &mut workspace);
            (em, em_statistics, gibbs, gibbs_statistics, labels, statistics)
        })
    };
    let one = run(1);
    for threads in [2, 3, 5] {
        assert_eq!(run(threads), one);
    }
}

#[test]
fn a_row_out_of_reach_of_every_component_makes_the_likelihood_not_finite() {
    let covariance = Covariance::isotropic(1, 1e-250).unwrap();
    let mixture = Mixture::new(vec![1.0], vec![vec![0.0]], vec![covariance]).unwrap();
    let data = Data::from_rows(&[[1e90]]).unwrap();
    let mut statistics = Statistics::new(Shape::Isotropic, 1, 1);
    let totals = sweep(&data, &mixture, Rule::Responsibilities, &mut statistics, &mut Workspace::new());
    assert!(!totals.ln_likelihood.is_finite());
}
