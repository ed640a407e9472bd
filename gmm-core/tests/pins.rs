//! Pins of the sweep's drawn statistics and random numbers, and of the default prior by hand.

#![allow(clippy::unwrap_used)]

mod common;

use common::{cases, data, start};
use gmm_core::{
    ComponentPrior, Covariance, Data, InstructionSet, Label, Mixture, Model, NormalInverseWishart, Rule, Shape,
    Statistics, Streams, Structure, Workspace, sweep,
};

fn assert_close(a: f64, b: f64, what: &str) {
    assert!((a - b).abs() <= 1e-11 * b.abs().max(1.0), "{what}: {a} where {b} was expected");
}

#[test]
fn the_statistics_of_a_draw_are_those_of_the_partition_drawn_in_every_dimension_and_shape() {
    let streams = Streams::new(71);
    for d in 1..=12 {
        for case in cases(d, 3).iter().filter(|case| case.name.starts_with("Free")) {
            for n in [3, 8, 13, 64, 511, 512, 513, 777, 1100] {
                let data = data(n, d);
                let (mixture, shape) = (start(&case.model, &data), case.model.shape());
                for set in InstructionSet::available() {
                    let mut labels = vec![0; n];
                    let mut statistics = Statistics::new(shape, 3, d);
                    let rule = Rule::Draw { streams: &streams, sweep: 4, labels: &mut labels };
                    sweep(&data, &mixture, rule, &mut statistics, &mut Workspace::with_instruction_set(set));
                    let partition: Vec<usize> = labels.iter().map(|label| usize::from(*label)).collect();
                    let expected = Statistics::from_partition(&data, &partition, shape, 3);
                    let what = format!("{} of {n} rows, d = {d}, {}", case.name, set.name());
                    assert_eq!(statistics.weights(), expected.weights(), "{what}");
                    for k in (0..3).filter(|k| expected.weights()[*k] > 0.0) {
                        for (a, b) in statistics.mean(k).iter().zip(expected.mean(k)) {
                            assert_close(*a, *b, &what);
                        }
                        let (scatter, expected) = (statistics.scatter(k).entries(), expected.scatter(k).entries());
                        assert_eq!(scatter.len(), expected.len());
                        for (a, b) in scatter.iter().zip(expected) {
                            assert_close(*a, *b, &what);
                        }
                    }
                }
            }
        }
    }
}

/// Labels of equal rows under two equal components: the bits of the uniform numbers.
fn coin_flips(n: usize, sweep_number: u64) -> Vec<Label> {
    let data = Data::new(vec![0.25; n], 1).unwrap();
    let covariance = Covariance::isotropic(1, 1.0).unwrap();
    let mixture = Mixture::new(vec![0.5, 0.5], vec![vec![0.0], vec![0.0]], vec![covariance]).unwrap();
    let mut labels = vec![9; n];
    let rule = Rule::Draw { streams: &Streams::new(72), sweep: sweep_number, labels: &mut labels };
    sweep(&data, &mixture, rule, &mut Statistics::new(Shape::Isotropic, 2, 1), &mut Workspace::new());
    labels
}

#[test]
fn every_block_of_rows_and_every_sweep_has_uniform_numbers_of_its_own() {
    // Four blocks of the first chunk; then more than one chunk; then another sweep.
    for n in [2048, 20 * 512] {
        let labels = [coin_flips(n, 3), coin_flips(n, 4)].concat();
        let blocks: Vec<&[Label]> = labels.chunks(512).collect();
        assert_eq!(blocks.len(), 2 * n / 512);
        for (b, block) in blocks.iter().enumerate() {
            let ones = block.iter().filter(|label| **label == 1).count();
            // 256 expected with a standard deviation of 11.3.
            assert!((196..=316).contains(&ones), "block {b}: {ones} of 512");
            for (a, other) in blocks[..b].iter().enumerate() {
                let same = block.iter().zip(*other).filter(|(x, y)| x == y).count();
                assert!((196..=316).contains(&same), "blocks {a} and {b}: {same} labels of 512 are the same");
            }
        }
    }
}

/// Column means 3 and 2; sums of squares 20 and 22, of products 18, so the sample covariance is (20, 18, 22) / 3.
fn four_rows() -> Data {
    Data::from_rows(&[[0.0, 0.0], [2.0, 1.0], [4.0, 1.0], [6.0, 6.0]]).unwrap()
}

#[test]
fn the_default_scale_is_the_sample_covariance_over_k_to_the_two_over_d() {
    let by_hand = [
        // K = 4, d = 2: a quarter of the sample covariance.
        (Shape::Full, vec![5.0 / 3.0, 1.5, 11.0 / 6.0]),
        (Shape::Diagonal, vec![5.0 / 3.0, 11.0 / 6.0]),
        (Shape::Isotropic, vec![1.75]),
    ];
    for (shape, expected) in by_hand {
        let scale = NormalInverseWishart::default_scale(&four_rows(), shape, 4).unwrap();
        assert_eq!(scale.entries().len(), expected.len());
        for (a, b) in scale.entries().iter().zip(expected) {
            assert_close(*a, b, &format!("{shape:?}"));
        }
    }
    // K = 3, d = 1: a ninth of 20 / 3. K = 8, d = 3: a quarter of 2, the sample variance of 1, 3, 4, 4.
    let one = Data::from_rows(&[[0.0], [2.0], [4.0], [6.0]]).unwrap();
    let scale = NormalInverseWishart::default_scale(&one, Shape::Full, 3).unwrap();
    assert_close(scale.entries()[0], 20.0 / 27.0, "d = 1");
    let three = Data::from_rows(&[[1.0, 3.0, 4.0], [3.0, 1.0, 4.0], [4.0, 4.0, 1.0], [4.0, 4.0, 3.0]]).unwrap();
    let scale = NormalInverseWishart::default_scale(&three, Shape::Diagonal, 8).unwrap();
    for variance in scale.entries() {
        assert_close(*variance, 0.5, "d = 3");
    }
}

#[test]
fn the_default_degrees_of_freedom_are_d_plus_two_for_full_and_three_otherwise() {
    for (d, full) in [(1, 3.0), (2, 4.0), (3, 5.0), (7, 9.0)] {
        assert_eq!(NormalInverseWishart::default_dof(Shape::Full, d), full);
        assert_eq!(NormalInverseWishart::default_dof(Shape::Diagonal, d), 3.0);
        assert_eq!(NormalInverseWishart::default_dof(Shape::Isotropic, d), 3.0);
    }
}

#[test]
fn a_model_with_the_default_prior_has_the_default_numbers() {
    assert_eq!(NormalInverseWishart::DEFAULT_KAPPA, 0.01);
    assert_eq!(NormalInverseWishart::default_mean(&four_rows()), [3.0, 2.0]);
    for (shape, dof, first) in
        [(Shape::Full, 4.0, 5.0 / 3.0), (Shape::Diagonal, 3.0, 5.0 / 3.0), (Shape::Isotropic, 3.0, 1.75)]
    {
        for structure in [Structure::Free(shape), Structure::Tied(shape)] {
            let model = Model::with_default_prior(4, structure, &four_rows()).unwrap();
            let ComponentPrior::Conjugate(prior) = &model.prior().components else { unreachable!() };
            assert_eq!((prior.mean(), prior.kappa()), (&[3.0, 2.0][..], 0.01));
            let covariance = prior.covariance().unwrap();
            assert_eq!(covariance.dof(), dof);
            assert_close(covariance.scale().entries()[0], first, "scale");
            assert_eq!(model.prior().weights.concentration(), [1.0; 4]);
        }
    }
}
