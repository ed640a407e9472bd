//! The sweep under offsets, scales and condition numbers that break careless forms, against twice the precision.
//!
//! The reference evaluates `ln w + ln Normal` with the same whitening factor in double-double arithmetic (106 bits; Dekker
//! 1971), so what is measured is the rounding of the sweep.
#![allow(clippy::unwrap_used)]

use gmm_core::{
    Covariance, Data, InstructionSet, Mixture, Rule, Shape, Statistics, Streams, Symmetric, Workspace, sweep,
};
use proptest::prelude::*;
use rand_distr::{Distribution, StandardNormal};

/// An unevaluated sum of two doubles.
#[derive(Clone, Copy)]
struct Twofold(f64, f64);

impl Twofold {
    fn sum(a: f64, b: f64) -> Self {
        let s = a + b;
        let t = s - a;
        Self(s, (a - (s - t)) + (b - t))
    }

    fn add(self, other: Self) -> Self {
        let Self(s, e) = Self::sum(self.0, other.0);
        Self::sum(s, e + self.1 + other.1)
    }

    fn mul(self, other: Self) -> Self {
        let p = self.0 * other.0;
        let e = self.0.mul_add(other.0, -p) + self.0 * other.1 + self.1 * other.0;
        Self::sum(p, e)
    }
}

/// `|T (x - mu)|^2` in twice the precision.
fn quadratic(covariance: &Covariance, x: &[f64], mean: &[f64]) -> f64 {
    let d = x.len();
    let shape = covariance.shape();
    let mut total = Twofold(0.0, 0.0);
    for i in 0..d {
        let mut y = Twofold(0.0, 0.0);
        for j in 0..=i {
            if let Some(index) = shape.index(i, j) {
                let t = Twofold(covariance.whitener()[index], 0.0);
                y = y.add(t.mul(Twofold::sum(x[j], -mean[j])));
            }
        }
        total = total.add(y.mul(y));
    }
    total.0
}

fn ln_density(mixture: &Mixture, x: &[f64]) -> f64 {
    let ln_two_pi = (2.0 * std::f64::consts::PI).ln();
    let terms: Vec<f64> = (0..mixture.k())
        .map(|k| {
            let covariance = mixture.covariance(k);
            let d = x.len() as f64;
            let quadratic = quadratic(covariance, x, mixture.mean(k));
            mixture.weights()[k].ln() - 0.5 * (d * ln_two_pi + covariance.ln_det() + quadratic)
        })
        .collect();
    gmm_core::log_sum_exp(&terms)
}

/// A covariance of the given condition number: a random orthogonal basis (Gram-Schmidt), eigenvalues in even ratios.
fn covariance(d: usize, condition: f64, scale: f64, rng: &mut impl rand::Rng) -> Symmetric {
    let mut basis: Vec<Vec<f64>> = Vec::new();
    while basis.len() < d {
        let mut v: Vec<f64> = (0..d).map(|_| StandardNormal.sample(rng)).collect();
        for _ in 0..2 {
            for b in &basis {
                let dot: f64 = v.iter().zip(b).map(|(x, y)| x * y).sum();
                v.iter_mut().zip(b).for_each(|(x, y)| *x -= dot * y);
            }
        }
        let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        basis.push(v.into_iter().map(|x| x / norm).collect());
    }
    let mut matrix = Symmetric::zeros(Shape::Full, d);
    for (i, v) in basis.iter().enumerate() {
        let fraction = if d > 1 { i as f64 / (d - 1) as f64 } else { 0.0 };
        matrix.add_outer(scale * condition.powf(-fraction), v);
    }
    matrix
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every row by itself, so that no error hides in a sum.
    #[test]
    fn log_densities_keep_twelve_digits(
        d in 1usize..33, shape in 0usize..3, condition in 0.0f64..8.0, offset in -6.0f64..6.0, seed in any::<u64>()
    ) {
        let mut rng = Streams::new(seed).rng(0);
        let (shape, offset) = (Shape::ALL[shape], 10f64.powf(offset));
        // Three components whose scales differ by up to a million either way.
        let scales = [1.0, 1e-12, 1e12];
        let covariances: Vec<Covariance> = scales
            .iter()
            .map(|s| Covariance::new(covariance(d, 10f64.powf(condition), *s, &mut rng).project(shape)).unwrap())
            .collect();
        let means: Vec<Vec<f64>> = (0..3)
            .map(|k| {
                let spread = f64::sqrt(scales[k]);
                (0..d).map(|_| { let z: f64 = StandardNormal.sample(&mut rng); offset + spread * z }).collect()
            })
            .collect();
        let mixture = Mixture::new(vec![0.2, 0.3, 0.5], means, covariances).unwrap();
        let mut workspaces: Vec<Workspace> =
            InstructionSet::available().into_iter().map(Workspace::with_instruction_set).collect();
        let mut statistics = Statistics::new(shape, 3, d);
        for k in 0..3 {
            let mut x = vec![0.0; d];
            mixture.sample_component(k, &mut rng, &mut x);
            let expected = ln_density(&mixture, &x);
            let data = Data::new(x, d).unwrap();
            for workspace in &mut workspaces {
                let ours = sweep(&data, &mixture, Rule::Responsibilities, &mut statistics, workspace).ln_likelihood;
                prop_assert!(
                    (ours - expected).abs() <= 1e-12 * expected.abs().max(d as f64),
                    "{}: {ours} where {expected} was expected", workspace.instruction_set().name()
                );
            }
        }
    }

    /// Statistics about the current mean, far from the origin, against two passes in twice the precision.
    #[test]
    fn scatter_far_from_the_origin_keeps_its_digits(
        offset in 0.0f64..6.0, scale in -6.0f64..6.0, n in 20usize..700, seed in any::<u64>()
    ) {
        let mut rng = Streams::new(seed).rng(0);
        let (scale, d) = (10f64.powf(scale), 2);
        let offset = scale * 10f64.powf(offset);
        let values: Vec<f64> =
            (0..n * d).map(|_| { let z: f64 = StandardNormal.sample(&mut rng); offset + scale * z }).collect();
        let data = Data::new(values, d).unwrap();
        let start = vec![offset, offset];
        let unit = Covariance::isotropic(d, scale * scale).unwrap();
        let mixture = Mixture::new(
            vec![1.0], vec![start], vec![Covariance::new(unit.as_symmetric().to_full()).unwrap()],
        ).unwrap();
        let mut statistics = Statistics::new(Shape::Full, 1, d);
        sweep(&data, &mixture, Rule::Responsibilities, &mut statistics, &mut Workspace::new());
        let mean = |j: usize| {
            let sum = data.rows().fold(Twofold(0.0, 0.0), |sum, row| sum.add(Twofold(row[j], 0.0)));
            sum.mul(Twofold(1.0 / n as f64, 0.0))
        };
        for i in 0..d {
            for j in 0..=i {
                let (a, b) = (mean(i), mean(j));
                let centred = |x: f64, m: Twofold| Twofold(x, 0.0).add(Twofold(-m.0, -m.1));
                let expected = data
                    .rows()
                    .fold(Twofold(0.0, 0.0), |sum, row| sum.add(centred(row[i], a).mul(centred(row[j], b))))
                    .0;
                let ours = statistics.scatter(0).get(i, j);
                let size = n as f64 * scale * scale;
                prop_assert!((ours - expected).abs() <= 1e-12 * size, "{ours} where {expected} was expected");
            }
        }
    }
}
