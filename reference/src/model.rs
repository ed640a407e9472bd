//! The cases as models of `gmm-core`.

use gmm_core::{
    ComponentPrior as CorePrior, Covariance, Data, InverseWishart, Mixture, Model, NormalInverseWishart, Prior, Shape,
    Structure, Symmetric,
};

use crate::{ExactCase, Family, MixturePrior, Scale};

impl Family {
    /// The structure; `fixed` is the known covariance of [`Family::Constant`].
    pub fn structure(self, fixed: Option<&Vec<Vec<f64>>>) -> Structure {
        match self {
            Family::Full => Structure::Free(Shape::Full),
            Family::Diag => Structure::Free(Shape::Diagonal),
            Family::Iso => Structure::Free(Shape::Isotropic),
            Family::Tied => Structure::Tied(Shape::Full),
            Family::SharedDiag => Structure::Tied(Shape::Diagonal),
            Family::SharedIso => Structure::Tied(Shape::Isotropic),
            Family::Constant => Structure::Known(Covariance::full(fixed.expect("a fixed covariance")).unwrap()),
        }
    }
}

impl Scale {
    /// The scale matrix in d dimensions.
    pub fn symmetric(&self, d: usize) -> Symmetric {
        match self {
            Scale::Matrix(rows) => Symmetric::full(rows),
            Scale::Diagonal(entries) if entries.len() == 1 && d > 1 => Symmetric::isotropic(d, entries[0]),
            Scale::Diagonal(entries) => Symmetric::diagonal(entries.clone()),
            Scale::Number(v) => Symmetric::isotropic(d, *v),
        }
        .unwrap()
    }
}

/// A symmetric Dirichlet prior with this prior of the components.
fn model(k: usize, concentration: f64, structure: Structure, components: CorePrior, d: usize) -> Model {
    let weights = Model::dirichlet(vec![concentration; k]).unwrap();
    Model::new(d, structure, Prior { weights, components }).unwrap()
}

/// A model with flat components.
pub fn flat_model(family: Family, fixed: Option<&Vec<Vec<f64>>>, k: usize, d: usize, concentration: f64) -> Model {
    model(k, concentration, family.structure(fixed), CorePrior::Flat, d)
}

impl MixturePrior {
    /// The model of a family with this prior.
    pub fn model(&self, family: Family, k: usize) -> Model {
        let d = self.mean.len();
        let covariance = InverseWishart::new(self.dof, self.scale.symmetric(d)).unwrap();
        let conjugate = NormalInverseWishart::new(self.mean.clone(), self.kappa, Some(covariance)).unwrap();
        model(k, self.concentration, family.structure(None), CorePrior::Conjugate(conjugate), d)
    }
}

impl ExactCase {
    /// The model with k components and a concentration. A scale is projected to the shape of the family, which
    /// matters only in one dimension, where the files write every scale as a matrix.
    pub fn model(&self, k: usize, concentration: f64) -> Model {
        let d = self.prior.mean.len();
        let structure = self.family.structure(self.prior.fixed_covariance.as_ref());
        let covariance = self
            .prior
            .dof
            .zip(self.prior.scale.as_ref())
            .map(|(dof, scale)| InverseWishart::new(dof, scale.symmetric(d).project(structure.shape())).unwrap());
        let conjugate = NormalInverseWishart::new(self.prior.mean.clone(), self.prior.kappa, covariance).unwrap();
        model(k, concentration, structure, CorePrior::Conjugate(conjugate), d)
    }
}

/// A mixture from its parameters as the files write them, in the structure of a model.
pub fn mixture(model: &Model, weights: &[f64], means: &[Vec<f64>], covariances: &[Vec<Vec<f64>>]) -> Mixture {
    let in_shape = |rows: &Vec<Vec<f64>>| {
        Covariance::new(Symmetric::full(rows).unwrap().project(model.shape())).expect("a covariance")
    };
    let distinct = model.structure().n_covariances(weights.len());
    let covariances = covariances[..distinct].iter().map(in_shape).collect();
    Mixture::new(weights.to_vec(), means.to_vec(), covariances).unwrap()
}

/// The rows of a table as data.
pub fn data(rows: &[Vec<f64>]) -> Data {
    Data::from_rows(rows).unwrap()
}
