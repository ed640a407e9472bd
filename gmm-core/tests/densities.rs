//! Log densities by the kernel against those of `Mixture`, row by row.

#![allow(clippy::unwrap_used)]

mod common;

use common::{cases, data, start};
use gmm_core::{
    Covariance, Data, DensitySums, InstructionSet, Mixture, RowDensities, Seeding, Streams, ln_densities, log_sum_exp,
    seed_mixture,
};

fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len());
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!(a == b || (a - b).abs() <= 1e-12 * b.abs().max(1.0), "{what}, row {i}: {a} where {b} was expected");
    }
}

fn by_rows(data: &Data, mixture: &Mixture) -> Vec<f64> {
    data.rows().map(|row| mixture.ln_density(row)).collect()
}

#[test]
fn densities_are_those_of_the_mixture_for_every_structure_dimension_and_remainder() {
    for d in [1, 2, 3, 4, 5, 7, 8, 11] {
        for k in [1, 2, 3, 6] {
            for case in cases(d, k) {
                for n in [6, 8, 33, 512, 513, 1100] {
                    let data = data(n, d);
                    let mixture = start(&case.model, &data);
                    let expected = by_rows(&data, &mixture);
                    for set in InstructionSet::available() {
                        let mut out = vec![f64::NAN; n];
                        let mut rows = RowDensities::with_instruction_set(set, data.values(), d);
                        rows.ln_densities(&mixture, &mut out);
                        assert_close(&out, &expected, &format!("{} {} d = {d}, K = {k}", case.name, set.name()));
                    }
                    let mut out = vec![f64::NAN; n];
                    ln_densities(&data, &mixture, &mut out);
                    assert_close(&out, &expected, &case.name);
                }
            }
        }
    }
}

#[test]
fn sums_over_mixtures_are_those_of_their_densities_in_any_order_and_parts() {
    for (n, d) in [(5, 1), (700, 2), (1300, 6)] {
        for case in cases(d, 3) {
            let data = data(n, d);
            // Densities that fall and rise by hundreds of nats from one to the next.
            let mixtures: Vec<Mixture> = [0.0, 40.0, 1.0, 25.0, 0.5]
                .iter()
                .enumerate()
                .map(|(i, shift)| {
                    let rng = &mut Streams::new(5).rng(i as u64);
                    let mut mixture = seed_mixture(&case.model, &data, Seeding::KMeansPlusPlus, rng).unwrap();
                    let moved: Vec<f64> = mixture.mean(0).iter().map(|x| x + shift).collect();
                    (0..3).for_each(|k| mixture.set_mean(k, &moved).unwrap());
                    mixture
                })
                .collect();
            let all: Vec<Vec<f64>> = mixtures.iter().map(|mixture| by_rows(&data, mixture)).collect();
            let sum = |i: usize| log_sum_exp(&all.iter().map(|densities| densities[i]).collect::<Vec<_>>());
            let expected: Vec<f64> = (0..n).map(sum).collect();
            for set in InstructionSet::available() {
                for turn in 0..mixtures.len() {
                    let mut rows = RowDensities::with_instruction_set(set, data.values(), d);
                    let (mut first, mut second) = (DensitySums::new(n), DensitySums::new(n));
                    first.merge(&second);
                    let (left, right) = mixtures.split_at(turn);
                    right.iter().for_each(|mixture| rows.add_to(mixture, &mut first));
                    left.iter().for_each(|mixture| rows.add_to(mixture, &mut second));
                    first.merge(&second);
                    assert_close(&first.ln(), &expected, &format!("{} {} turned by {turn}", case.name, set.name()));
                }
            }
        }
    }
    assert_eq!(DensitySums::new(3).ln(), [f64::NEG_INFINITY; 3]);
}

#[test]
fn empty_components_count_nothing_and_rows_out_of_reach_have_no_density() {
    let unit = || vec![Covariance::isotropic(1, 1.0).unwrap()];
    let mixture = Mixture::new(vec![0.0, 1.0], vec![vec![0.0], vec![3.0]], unit()).unwrap();
    let narrow = Mixture::new(vec![1.0], vec![vec![0.0]], vec![Covariance::isotropic(1, 1e-300).unwrap()]).unwrap();
    let rows = [0.0, 3.0, 1e9, -1e200];
    for set in InstructionSet::available() {
        let mut out = [0.0; 4];
        let mut packed = RowDensities::with_instruction_set(set, &rows, 1);
        packed.ln_densities(&mixture, &mut out);
        let expected = rows.map(|x| mixture.ln_density(&[x]));
        assert_close(&out, &expected, set.name());
        assert_eq!(out[3], f64::NEG_INFINITY);
        packed.ln_densities(&narrow, &mut out);
        assert_close(&out, &rows.map(|x| narrow.ln_density(&[x])), set.name());
        let mut sums = DensitySums::new(4);
        packed.add_to(&narrow, &mut sums);
        packed.add_to(&mixture, &mut sums);
        packed.add_to(&narrow, &mut sums);
        let expected =
            rows.map(|x| log_sum_exp(&[narrow.ln_density(&[x]), mixture.ln_density(&[x]), narrow.ln_density(&[x])]));
        assert_close(&sums.ln(), &expected, set.name());
    }
}

#[test]
fn densities_of_many_rows_have_the_same_bits_on_any_number_of_threads() {
    let data = data(10_000, 3);
    for case in cases(3, 4) {
        let mixture = start(&case.model, &data);
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut out = vec![0.0; data.n()];
            pool.install(|| ln_densities(&data, &mixture, &mut out));
            out
        };
        let one = on(1);
        assert_eq!(one, on(3));
        assert_close(&one, &by_rows(&data, &mixture), &case.name);
    }
}
