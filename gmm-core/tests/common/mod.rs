//! The nine covariance structures with a proper prior, and small data to try them on.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use gmm_core::{
    ComponentPrior, Covariance, Data, InverseWishart, Mixture, Model, NormalInverseWishart, Prior, Seeding, Shape,
    Statistics, Streams, Structure, Symmetric, seed_mixture,
};
use rand::RngExt;

/// A model with the name of its structure.
pub struct Case {
    pub name: String,
    pub model: Model,
}

/// A positive definite matrix with entries of different sizes.
pub fn matrix(d: usize, size: f64) -> Symmetric {
    let rows: Vec<Vec<f64>> = (0..d)
        .map(|i| {
            let entry = |j: usize| if i == j { size * (1.0 + 0.3 * i as f64) } else { size * 0.2 / (1 + i + j) as f64 };
            (0..d).map(entry).collect()
        })
        .collect();
    Symmetric::full(&rows).unwrap()
}

/// All nine structures in d dimensions with K = k; concentrations 1.5, 2.0, ...
pub fn cases(d: usize, k: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in Shape::ALL {
        let known = Covariance::new(matrix(d, 0.8).project(shape)).unwrap();
        let structures = [Structure::Free(shape), Structure::Tied(shape), Structure::Known(known)];
        for (tying, structure) in ["Free", "Tied", "Known"].into_iter().zip(structures) {
            let covariance = match structure {
                Structure::Known(_) => None,
                _ => Some(InverseWishart::new(d as f64 + 3.0, matrix(d, 1.2).project(shape)).unwrap()),
            };
            let mean = (0..d).map(|j| 0.1 * j as f64 - 0.2).collect();
            let conjugate = NormalInverseWishart::new(mean, 0.3, covariance).unwrap();
            let concentration = (0..k).map(|k| 1.5 + 0.5 * k as f64).collect();
            let prior = Prior {
                weights: Model::dirichlet(concentration).unwrap(),
                components: ComponentPrior::Conjugate(conjugate),
            };
            let model = Model::new(d, structure, prior).unwrap();
            cases.push(Case { name: format!("{tying}({shape:?})"), model });
        }
    }
    cases
}

/// n rows in d dimensions from three clusters.
pub fn data(n: usize, d: usize) -> Data {
    let mut rng = Streams::new(77).named("data").rng(0);
    let values =
        (0..n * d).map(|i| ((i / d) % 3) as f64 * 1.5 - 1.5 + rng.random_range(-1.0..1.0) + 0.2 * (i % d) as f64);
    Data::new(values.collect(), d).unwrap()
}

/// Labels of n rows in k components, uneven.
pub fn partition(n: usize, k: usize) -> Vec<usize> {
    (0..n).map(|i| (i * i + i / 3) % k).collect()
}

/// A starting mixture.
pub fn start(model: &Model, data: &Data) -> Mixture {
    seed_mixture(model, data, Seeding::KMeansPlusPlus, &mut Streams::new(9).rng(0)).unwrap()
}

impl Case {
    /// The posterior density at theta by the conjugate update written out here once more, in full matrices and
    /// with nothing of the crate's posterior object: each hyperparameter from the table of the design.
    pub fn posterior_ln_density(&self, data: &Data, labels: &[usize], theta: &Mixture) -> f64 {
        let (d, k, shape) = (self.model.d(), self.model.k(), self.model.shape());
        let ComponentPrior::Conjugate(prior) = &self.model.prior().components else { unreachable!() };
        let statistics = Statistics::from_partition(data, labels, Shape::Full, k);
        let concentration: Vec<f64> =
            (0..k).map(|c| self.model.prior().weights.concentration()[c] + statistics.weights()[c]).collect();
        let mut total = Model::dirichlet(concentration).unwrap().ln_density(theta.weights());

        let mut scatters = Vec::new();
        for c in 0..k {
            let (n, xbar) = (statistics.weights()[c], statistics.mean(c));
            let kappa = prior.kappa() + n;
            let mean: Vec<f64> = (0..d).map(|j| (n * xbar[j] + prior.kappa() * prior.mean()[j]) / kappa).collect();
            let difference: Vec<f64> = (0..d).map(|j| xbar[j] - prior.mean()[j]).collect();
            let mut scatter = statistics.scatter(c).clone();
            scatter.add_outer(prior.kappa() * n / kappa, &difference);
            scatters.push(scatter);
            let s = theta.covariance(c);
            let quadratic = kappa * s.squared_distance(theta.mean(c), &mean);
            total += 0.5 * (d as f64 * (kappa / std::f64::consts::TAU).ln() - s.ln_det() - quadratic);
        }
        // Sums of squares in the shape: all, diagonal, trace.
        let in_shape = |full: &Symmetric| {
            let mut out = full.project(shape);
            if shape == Shape::Isotropic {
                out.scale(d as f64);
            }
            out
        };
        let q = if shape == Shape::Isotropic { d as f64 } else { 1.0 };
        if let Some(covariance) = prior.covariance() {
            let groups: Vec<Vec<usize>> = match self.model.structure() {
                Structure::Free(_) => (0..k).map(|c| vec![c]).collect(),
                _ => vec![(0..k).collect()],
            };
            for group in groups {
                let mut scale = covariance.scale().clone();
                let mut dof = covariance.dof();
                for &c in &group {
                    scale.add_scaled(1.0, &in_shape(&scatters[c]));
                    dof += q * statistics.weights()[c];
                }
                total += InverseWishart::new(dof, scale).unwrap().ln_density(theta.covariance(group[0]));
            }
        }
        total
    }
}

/// Pairs of mixtures a step ahead and behind along every free parameter (weights along the simplex).
pub fn perturbations(mixture: &Mixture, learned: bool) -> Vec<(String, Mixture, Mixture, f64)> {
    let (k, d) = (mixture.k(), mixture.d());
    let step = 1e-4;
    let parts = || {
        let means: Vec<Vec<f64>> = (0..k).map(|c| mixture.mean(c).to_vec()).collect();
        (mixture.weights().to_vec(), means, mixture.covariances().to_vec())
    };
    let both = |name: String, change: &dyn Fn(f64) -> Mixture| (name, change(step), change(-step), step);
    let mut out = Vec::new();
    for c in 1..k {
        out.push(both(format!("weight {c}"), &|h| {
            let (mut weights, means, covariances) = parts();
            weights[c] += h;
            weights[0] -= h;
            Mixture::new(weights, means, covariances).unwrap()
        }));
    }
    for c in 0..k {
        for j in 0..d {
            out.push(both(format!("mean {c}, {j}"), &|h| {
                let (weights, mut means, covariances) = parts();
                means[c][j] += h;
                Mixture::new(weights, means, covariances).unwrap()
            }));
        }
    }
    for c in 0..if learned { mixture.covariances().len() } else { 0 } {
        for e in 0..mixture.covariances()[c].as_symmetric().entries().len() {
            out.push(both(format!("covariance {c}, entry {e}"), &|h| {
                let (weights, means, mut covariances) = parts();
                let old = covariances[c].as_symmetric();
                let mut entries = old.entries().to_vec();
                entries[e] += h;
                covariances[c] = covariance_of(old.shape(), d, &entries);
                Mixture::new(weights, means, covariances).unwrap()
            }));
        }
    }
    out
}

fn covariance_of(shape: Shape, d: usize, entries: &[f64]) -> Covariance {
    match shape {
        Shape::Full => {
            let at = |i: usize, j: usize| entries[shape.index(i, j).unwrap()];
            let rows: Vec<Vec<f64>> = (0..d).map(|i| (0..d).map(|j| at(i, j)).collect()).collect();
            Covariance::full(&rows).unwrap()
        }
        Shape::Diagonal => Covariance::diagonal(entries.to_vec()).unwrap(),
        Shape::Isotropic => Covariance::isotropic(d, entries[0]).unwrap(),
    }
}
