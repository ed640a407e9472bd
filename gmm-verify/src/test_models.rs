//! The nine structures with a prior that is informative enough for all moments to exist.
#![allow(clippy::unwrap_used)]

use gmm_core::{
    ComponentPrior, Covariance, InverseWishart, Model, NormalInverseWishart, Prior, Shape, Structure, Symmetric,
};

/// In two dimensions, K = 2, with names such as `Free(Full)`.
pub(crate) fn models() -> Vec<(String, Model)> {
    let scale = Symmetric::full(&[[6.0, 1.5], [1.5, 4.0]]).unwrap();
    let mut models = Vec::new();
    for shape in Shape::ALL {
        let mut known = scale.project(shape);
        known.scale(0.2);
        let known = Structure::Known(Covariance::new(known).unwrap());
        for (tying, structure) in [("Free", Structure::Free(shape)), ("Tied", Structure::Tied(shape)), ("Known", known)]
        {
            models.push((format!("{tying}({shape:?})"), model(structure, 2.0, 0.5, 8.0)));
        }
    }
    models
}

/// One of these.
pub(crate) fn named(name: &str) -> Model {
    models().into_iter().find(|(other, _)| other == name).unwrap().1
}

/// With a concentration, kappa and dof; the scale of the covariances is proportional to the dof.
pub(crate) fn model(structure: Structure, concentration: f64, kappa: f64, dof: f64) -> Model {
    let mut scale = Symmetric::full(&[[6.0, 1.5], [1.5, 4.0]]).unwrap().project(structure.shape());
    scale.scale(dof / 14.0);
    let covariance = match structure {
        Structure::Known(_) => None,
        _ => Some(InverseWishart::new(dof, scale).unwrap()),
    };
    let conjugate = NormalInverseWishart::new(vec![1.0, -2.0], kappa, covariance).unwrap();
    let prior = Prior {
        weights: Model::dirichlet(vec![concentration; 2]).unwrap(),
        components: ComponentPrior::Conjugate(conjugate),
    };
    Model::new(2, structure, prior).unwrap()
}
